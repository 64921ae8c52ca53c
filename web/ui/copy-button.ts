// A button that copies a text and says that it did.

import { css, html, LitElement } from 'lit'
import { baseStyles } from './base-styles.ts'
import { icons } from './icons.ts'
import { uiWords } from './words/ui-words.ts'

const SHOWN_MS = 2000

export class CopyButton extends LitElement {
  static override properties = {
    text: {},
    label: {},
    copied: { state: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: inline-block;
      }
    `,
  ]

  declare text: string
  declare label: string
  declare copied: 'no' | 'yes' | 'failed'

  constructor() {
    super()
    this.text = ''
    this.label = ''
    this.copied = 'no'
  }

  override render() {
    const words = uiWords().copy
    const shown = { no: this.label || words.copy, yes: words.copied, failed: words.failed }
    return html`<button class="plain" @click=${() => this.copy()}>
      ${icons.copy}<span aria-live="polite">${shown[this.copied]}</span>
    </button>`
  }

  private async copy(): Promise<void> {
    try {
      // Without HTTPS there is no clipboard.
      await navigator.clipboard.writeText(this.text)
      this.copied = 'yes'
    } catch {
      this.copied = 'failed'
    }
    setTimeout(() => (this.copied = 'no'), SHOWN_MS)
  }
}

customElements.define('copy-button', CopyButton)
