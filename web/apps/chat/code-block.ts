// A block of code in an answer: its language, a button that copies it, and the code, which scrolls sideways by itself.

import { html, LitElement } from 'lit'
import '../../ui/copy-button.ts'
import { chatWords } from './words/chat-words.ts'

export class CodeBlock extends LitElement {
  static override properties = { text: {}, language: {} }

  declare text: string
  declare language: string

  constructor() {
    super()
    this.text = ''
    this.language = ''
  }

  /** In the tree of the answer, so that its text can be selected across. */
  protected override createRenderRoot() {
    return this
  }

  override render() {
    const words = chatWords().turns
    return html`<div class="code-head small soft">
        <span>${this.language || words.code}</span>
        <copy-button .text=${this.text} label=${words.copyCode}></copy-button>
      </div>
      <pre tabindex="0" role="group" aria-label=${words.codeIn(this.language)}><code>${this.text}</code></pre>`
  }
}

customElements.define('code-block', CodeBlock)
