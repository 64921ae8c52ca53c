// The genomes that fit the model in use, to be switched on and off for the answers to come.

import { css, html, LitElement } from 'lit'
import type { ActiveGenome, GenomeState } from '../../../worker/node/lab-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { chatWords } from './words/chat-words.ts'

export class AdapterChoice extends LitElement {
  static override properties = {
    genomes: { attribute: false },
    adapters: { attribute: false },
    loaded: { type: Boolean },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        padding-top: 16px;
        border-top: 1px solid var(--line);
      }
      fieldset {
        margin: 0;
        padding: 0;
        border: 0;
        min-width: 0;
      }
      legend {
        padding: 0;
      }
      label {
        display: flex;
        align-items: center;
        gap: var(--step);
        min-height: 40px;
        overflow-wrap: anywhere;
      }
      input {
        width: 18px;
        min-height: 18px;
        accent-color: var(--accent);
      }
    `,
  ]

  /** Those that fit the model. */
  declare genomes: readonly GenomeState[]
  declare adapters: readonly ActiveGenome[]
  /** Whether the model is loaded in this tab. */
  declare loaded: boolean

  constructor() {
    super()
    this.genomes = []
    this.adapters = []
    this.loaded = false
  }

  override render() {
    const words = chatWords().adapters
    const note = this.genomes.length === 0 ? words.none : this.loaded ? words.what : words.load
    return html`<fieldset>
      <legend><h3>${words.title}</h3></legend>
      <p class="small soft">${note}</p>
      ${this.genomes.map(
        (genome) =>
          html`<label>
            <input
              type="checkbox"
              ?disabled=${!this.loaded}
              .checked=${this.adapters.some(({ genomeId }) => genomeId === genome.id)}
              @change=${(event: Event) => this.toggle(genome, (event.target as HTMLInputElement).checked)}
            />
            <span>${genome.name}</span>
          </label>`,
      )}
    </fieldset>`
  }

  private toggle({ id }: GenomeState, on: boolean): void {
    const others = this.adapters.filter(({ genomeId }) => genomeId !== id)
    const detail = on ? [...others, { genomeId: id, weight: 1 }] : others
    this.dispatchEvent(new CustomEvent('set-adapters', { detail, bubbles: true, composed: true }))
  }
}

customElements.define('adapter-choice', AdapterChoice)
