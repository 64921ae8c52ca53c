// What is wrong with the ledger and what to do: forks, lost entries, objections to this node, a key that stands nowhere else.

import { css, html, LitElement, nothing } from 'lit'
import type { NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { formatCount } from '../../ui/format.ts'
import { partyName } from './party-names.ts'
import { walletWords } from './words/wallet-words.ts'

/** With so much written, a lost key is a loss. */
const WORTH_KEEPING = 1

export class LedgerWarnings extends LitElement {
  static override properties = { state: { attribute: false } }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      li {
        margin-bottom: 8px;
        padding: 12px 16px;
        border-left: 3px solid var(--line-strong);
        background: var(--paper-sunken);
        overflow-wrap: anywhere;
      }
      .bad {
        border-color: var(--loss);
        background: var(--loss-wash);
      }
      button {
        margin-left: -8px;
      }
    `,
  ]

  declare state: NodeState | null

  constructor() {
    super()
    this.state = null
  }

  override render() {
    const words = walletWords().warnings
    const { state } = this
    if (!state) return nothing
    const { forks, missing, disputes, backedUpAt, lines } = state.ledger
    // An own fork first: nothing else can be done before.
    const sorted = [...forks].sort((a, b) => Number(b.author === state.id) - Number(a.author === state.id))
    const isWorth = lines.some(({ balance, received }) => Math.abs(balance) >= WORTH_KEEPING || received > 0)
    return html`<ul>
      ${sorted.map(({ author, sequence }) => {
        const entry = formatCount(sequence + 1)
        const own = author === state.id
        return html`<li class="bad">
          <span role="alert">${own ? words.ownFork(entry) : words.fork(partyName(state, author), entry)}</span>
        </li>`
      })}
      ${missing > 0 ? html`<li class="bad"><span role="alert">${words.missing(missing)}</span></li>` : nothing}
      ${disputes
        .filter(({ claimant, against }) => [claimant, against].includes(state.id))
        .map(
          ({ claimant, against, message }) =>
            html`<li>${words.objection(partyName(state, claimant), partyName(state, against), message)}</li>`,
        )}
      ${
        backedUpAt === null && isWorth
          ? html`<li>
              ${words.backUp}<br /><button
                class="plain"
                @click=${() => this.dispatchEvent(new CustomEvent('back-up', { bubbles: true, composed: true }))}
              >
                ${words.backUpNow}
              </button>
            </li>`
          : nothing
      }
    </ul>`
  }
}

customElements.define('ledger-warnings', LedgerWarnings)
