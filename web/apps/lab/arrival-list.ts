// What came from others: those that wait for a decision first, and the rules for what comes.

import { css, html, LitElement } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { cardListStyles } from './card-list-styles.ts'
import './arrival-card.ts'
import './gate-rules.ts'
import { exchangeWords } from './words/lab-words.ts'

export class ArrivalList extends LitElement {
  static override properties = { api: { attribute: false }, state: { attribute: false } }

  static override styles = [
    baseStyles,
    cardListStyles,
    css`
      p {
        max-width: 40rem;
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

  override render() {
    const arrivals = [...(this.state?.arrivals ?? [])].sort((a, b) => waits(a) - waits(b) || b.at - a.at)
    return html`
      ${
        arrivals.length === 0
          ? html`<p class="soft">${exchangeWords().arrivals.none}</p>`
          : html`<ul>
              ${repeat(
                arrivals,
                ({ id }) => id,
                (arrival) => html`<li><arrival-card .api=${this.api} .arrival=${arrival}></arrival-card></li>`,
              )}
            </ul>`
      }
      <gate-rules .api=${this.api} .state=${this.state}></gate-rules>
    `
  }
}

const waits = ({ use }: NodeState['arrivals'][number]) => (use === 'held' ? 0 : 1)

customElements.define('arrival-list', ArrivalList)
