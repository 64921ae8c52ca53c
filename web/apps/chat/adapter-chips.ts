// The genomes that the model answers with, beside its name; each can be switched off here.

import { css, html, LitElement, nothing } from 'lit'
import type { ActiveGenome, GenomeState } from '../../../worker/node/lab-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { formatNumber } from '../../ui/format.ts'
import { icons } from '../../ui/icons.ts'
import { chatWords } from './words/chat-words.ts'

export class AdapterChips extends LitElement {
  static override properties = { genomes: { attribute: false }, adapters: { attribute: false } }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        min-width: 0;
      }
      ul {
        display: flex;
        flex-wrap: wrap;
        gap: 4px;
      }
      li {
        display: flex;
        align-items: center;
        max-width: 100%;
        padding-left: 10px;
        border-radius: 16px;
        background: var(--accent-wash);
        font-size: var(--size-small);
      }
      .name {
        overflow: hidden;
        max-width: 16rem;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      button.plain {
        min-height: 28px;
        padding: 2px 6px;
      }
      button svg {
        width: 16px;
        height: 16px;
      }
    `,
  ]

  declare genomes: readonly GenomeState[]
  declare adapters: readonly ActiveGenome[]

  constructor() {
    super()
    this.genomes = []
    this.adapters = []
  }

  override render() {
    const words = chatWords().adapters
    return html`<ul aria-label=${words.on}>
      ${this.adapters.map((adapter) => {
        const name = this.genomes.find((genome) => genome.id === adapter.genomeId)?.name ?? adapter.genomeId.slice(0, 8)
        return html`<li>
          <span class="name">+ ${name}</span>
          ${adapter.weight === 1 ? nothing : html`<span class="figure soft">&nbsp;× ${formatNumber(adapter.weight)}</span>`}
          <button type="button" class="plain" aria-label=${words.off(name)} @click=${() => this.drop(adapter)}>
            ${icons.close}
          </button>
        </li>`
      })}
    </ul>`
  }

  private drop(adapter: ActiveGenome): void {
    const detail = this.adapters.filter((one) => one !== adapter)
    this.dispatchEvent(new CustomEvent('set-adapters', { detail, bubbles: true, composed: true }))
  }
}

customElements.define('adapter-chips', AdapterChips)
