// The training runs of this node, the newest first.

import { css, html, LitElement } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import './run-card.ts'
import { trainingWords } from './words/training.ts'

export class RunList extends LitElement {
  static override properties = { api: { attribute: false }, state: { attribute: false } }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      li {
        padding: 16px 0;
        border-top: 1px solid var(--line);
      }
      li:first-child {
        padding-top: 0;
        border-top: 0;
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

  override render() {
    const runs = [...(this.state?.runs ?? [])].sort((a, b) => b.createdAt - a.createdAt)
    if (runs.length === 0) {
      return html`<p class="soft">${trainingWords().run.none}</p>`
    }
    const kept = new Set(this.state?.genomes.map((genome) => genome.id))
    const turn = runs.find(({ status }) => status === 'preparing' || status === 'running' || status === 'pausing')
    return html`<ul>
      ${repeat(
        runs,
        (run) => run.id,
        (run) =>
          html`<li>
            <run-card
              .api=${this.api}
              .run=${run}
              .model=${this.state?.models.find((model) => model.id === run.modelId)}
              ?kept=${run.genomeId !== null && kept.has(run.genomeId)}
              ?others=${turn !== undefined && turn !== run}
            ></run-card>
          </li>`,
      )}
    </ul>`
  }
}

customElements.define('run-list', RunList)
