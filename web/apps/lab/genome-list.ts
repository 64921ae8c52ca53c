// The genomes of this node, the newest first, and the way in for those made elsewhere.

import { css, html, LitElement } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { AdapterImport } from './adapter-import.ts'
import { cardListStyles } from './card-list-styles.ts'
import { GenomeCard } from './genome-card.ts'
import { labWords } from './words/lab-words.ts'

export class GenomeList extends LitElement {
  static readonly tag = 'genome-list'

  static override properties = { api: { attribute: false }, state: { attribute: false } }

  static override styles = [
    baseStyles,
    cardListStyles,
    css`
      p {
        margin-bottom: 8px;
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null

  constructor() {
    super()
    this.api = null
    this.state = null
  }

  /** Offers files to the import. */
  addFiles(files: readonly File[]): void {
    this.renderRoot.querySelector<AdapterImport>(AdapterImport.tag)?.addFiles(files)
  }

  /** Brings a genome's card into view. */
  show(genomeId: string): void {
    const cards = [...this.renderRoot.querySelectorAll<GenomeCard>(GenomeCard.tag)]
    const card = cards.find(({ genome }) => genome?.id === genomeId)
    card?.scrollIntoView({ block: 'center' })
    card?.focus({ preventScroll: true })
  }

  override render() {
    const { state } = this
    const genomes = [...(state?.genomes ?? [])].sort((a, b) => b.createdAt - a.createdAt)
    return html`
      ${
        genomes.length === 0
          ? html`<p class="soft">${labWords().genomes.none}</p>`
          : html`<ul>
              ${repeat(
                genomes,
                (genome) => genome.id,
                (genome) =>
                  html`<li>
                    <genome-card tabindex="-1" .api=${this.api} .state=${state} .genome=${genome}></genome-card>
                  </li>`,
              )}
            </ul>`
      }
      <adapter-import .api=${this.api} .state=${state}></adapter-import>
    `
  }
}

customElements.define(GenomeList.tag, GenomeList)
