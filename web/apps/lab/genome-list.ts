// The genomes of this node, the newest first, and the way in for those made elsewhere.

import { css, html, LitElement } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { AdapterImport } from './adapter-import.ts'
import './genome-card.ts'

export class GenomeList extends LitElement {
  static readonly tag = 'genome-list'

  static override properties = { api: { attribute: false }, state: { attribute: false } }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      ul {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr));
        gap: 0 64px;
        margin-bottom: 8px;
      }
      li {
        min-width: 0;
        padding: 16px 0 8px;
        border-top: 1px solid var(--line);
      }
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

  override render() {
    const { state } = this
    const genomes = [...(state?.genomes ?? [])].sort((a, b) => b.createdAt - a.createdAt)
    return html`
      ${
        genomes.length === 0
          ? html`<p class="soft">
              None yet. What a run learned stands here when it ends: an adapter with its history, to chat with, to take
              to Python as a PEFT folder, to merge with others. An adapter made elsewhere can be imported.
            </p>`
          : html`<ul>
              ${repeat(
                genomes,
                (genome) => genome.id,
                (genome) =>
                  html`<li><genome-card .api=${this.api} .state=${state} .genome=${genome}></genome-card></li>`,
              )}
            </ul>`
      }
      <adapter-import .api=${this.api} .state=${state}></adapter-import>
    `
  }
}

customElements.define(GenomeList.tag, GenomeList)
