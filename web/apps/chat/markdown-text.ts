// Shows Markdown while it is being written: only the blocks whose source changed are made anew. Its content stands in the tree
// of whoever uses it, whose styles apply.

import { ReactiveElement } from 'lit'
import type { Block } from './markdown.ts'
import { CodeBlock } from './code-block.ts'

type Markdown = typeof import('./markdown.ts')

let loaded: Markdown | null = null
let loading: Promise<Markdown> | null = null

export class MarkdownText extends ReactiveElement {
  static override properties = { text: {} }

  declare text: string
  #shown: { readonly block: Block; readonly element: HTMLElement }[] = []

  constructor() {
    super()
    this.text = ''
  }

  protected override createRenderRoot() {
    return this
  }

  protected override update(changed: Map<PropertyKey, unknown>): void {
    super.update(changed)
    if (loaded) return this.show(loaded.readBlocks(this.text))
    // Plain until the parser is here; where it cannot be fetched it stays so.
    this.textContent = this.text
    loading ??= import('./markdown.ts')
    loading.then(
      (module) => {
        loaded = module
        this.requestUpdate()
      },
      () => (loading = null),
    )
  }

  private show(blocks: readonly Block[]): void {
    if (this.#shown.length === 0) this.replaceChildren()
    for (const { element } of this.#shown.splice(blocks.length)) element.remove()
    for (const [index, block] of blocks.entries()) {
      const before = this.#shown[index]
      if (before?.block.source === block.source) continue
      if (before?.element instanceof CodeBlock && block.code) {
        Object.assign(before.element, block.code)
        this.#shown[index] = { block, element: before.element }
        continue
      }
      const element = elementOf(block)
      if (before) before.element.replaceWith(element)
      else this.append(element)
      this.#shown[index] = { block, element }
    }
  }
}

function elementOf(block: Block): HTMLElement {
  if (block.code) return Object.assign(new CodeBlock(), block.code)
  const element = document.createElement('div')
  element.append(block.render())
  for (const pre of element.querySelectorAll('pre')) {
    const { language = '' } = pre.dataset
    pre.replaceWith(Object.assign(new CodeBlock(), { text: pre.textContent.replace(/\n$/, ''), language }))
  }
  for (const table of element.querySelectorAll('table')) {
    const scroll = document.createElement('div')
    scroll.className = 'scroll'
    scroll.tabIndex = 0
    table.replaceWith(scroll)
    scroll.append(table)
  }
  return element
}

customElements.define('markdown-text', MarkdownText)
