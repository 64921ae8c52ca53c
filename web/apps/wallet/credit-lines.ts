// Credit between this node and each other: what is owed, what either lends, and changing what this node lends.

import { css, html, LitElement, nothing, svg } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import type { CreditLineState } from '../../../worker/node/ledger-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { nodeColour } from '../../ui/node-colours.ts'
import { styled } from '../../ui/styled.ts'
import '../../ui/confirm-button.ts'
import { formatCen } from './figures.ts'
import { formStyles } from './form-styles.ts'
import { partyName } from './party-names.ts'
import { walletWords } from './words/wallet-words.ts'

export class CreditLines extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    editing: { state: true },
    typed: { state: true },
    busy: { state: true },
    problem: { state: true },
  }

  static override styles = [
    baseStyles,
    formStyles,
    css`
      ul {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr));
        gap: 0 64px;
      }
      li {
        display: grid;
        grid-template-columns: 14px minmax(0, 1fr);
        gap: 0 12px;
        padding: 16px 0 8px;
        border-top: 1px solid var(--line);
      }
      .dot {
        width: 12px;
        height: 12px;
        margin-top: 7px;
        border-radius: 50%;
      }
      .head {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 0 16px;
      }
      h3 {
        overflow-wrap: anywhere;
      }
      svg {
        display: block;
        width: 100%;
        height: 16px;
        margin: 8px 0;
        overflow: visible;
      }
      .buttons {
        margin-left: -8px;
      }
      form {
        gap: 8px;
        margin: 8px 0;
      }
      .field {
        max-width: 320px;
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  /** Key of the node whose line is being changed. */
  declare editing: string
  declare typed: string
  declare busy: boolean
  declare problem: Problem | string | null

  constructor() {
    super()
    this.api = null
    this.state = null
    this.editing = ''
    this.typed = ''
    this.busy = false
    this.problem = null
  }

  override render() {
    const { state } = this
    if (!state) return nothing
    const lines = linesOf(state)
    if (lines.length === 0) return html`<p class="soft">${walletWords().lines.none}</p>`
    return html`<ul>
      ${repeat(
        lines,
        ({ peer }) => peer,
        (line) => this.renderLine(state, line),
      )}
    </ul>`
  }

  private renderLine(state: NodeState, line: CreditLineState) {
    const words = walletWords().lines
    const { peer, granted, received, balance, open, frozen } = line
    const name = partyName(state, peer)
    const isHere = state.peers.some(({ id }) => id === peer)
    const isEmpty = granted === 0 && received === 0 && balance === 0
    return html`<li data-line=${peer}>
      <span class="dot" ${styled({ background: nodeColour(peer) })}></span>
      <div>
        <div class="head">
          <h3>${name}${isHere ? nothing : html` <span class="soft small">${words.away}</span>`}</h3>
          <span class="figure">${describeBalance(balance)}</span>
        </div>
        ${
          isEmpty
            ? html`<p class="small soft">${words.noLine}</p>`
            : html`${renderScale(line, name)}
                <p class="small soft">${words.lends(formatCen(granted), formatCen(received))}</p>`
        }
        ${open > 0 ? html`<p class="small soft">${words.open(open)}</p>` : nothing}
        ${frozen ? html`<p class="small loss">${words.frozen}</p>` : this.renderGrant(line, name)}
      </div>
    </li>`
  }

  private renderGrant({ peer, granted }: CreditLineState, name: string) {
    const words = walletWords().lines
    if (this.editing !== peer) {
      const verb = granted > 0 ? words.change : words.grant
      return html`<div class="row buttons">
        <button class="plain" aria-label=${words.grantTo(verb, name)} @click=${() => this.edit(peer, granted)}>
          ${verb}
        </button>
        ${
          granted > 0
            ? html`<confirm-button
                .label=${words.close}
                .what=${name}
                .question=${words.closeQuestion}
                .yes=${words.closeYes}
                .no=${words.closeNo}
                @confirm=${() => this.grant(peer, 0)}
              ></confirm-button>`
            : nothing
        }
      </div>`
    }
    return html`<form
      @submit=${(event: Event) => this.submit(event, peer)}
      @keydown=${(event: KeyboardEvent) => (event.key === 'Escape' ? (this.editing = '') : undefined)}
    >
      <label class="field">
        <span>${words.limit(name)}</span>
        <input
          inputmode="numeric"
          autocomplete="off"
          aria-describedby="risk"
          .value=${this.typed}
          @input=${(event: Event) => (this.typed = (event.target as HTMLInputElement).value)}
        />
      </label>
      <p id="risk" class="hint">${words.risk}</p>
      ${
        this.problem
          ? html`<p class="loss small" role="alert">
              ${typeof this.problem === 'string' ? this.problem : renderProblem(this.problem)}
            </p>`
          : nothing
      }
      <div class="row">
        <button class="primary" ?disabled=${this.busy}>${words.save}</button>
        <button type="button" class="plain" @click=${() => (this.editing = '')}>${words.cancel}</button>
      </div>
    </form>`
  }

  private async edit(peer: string, granted: number): Promise<void> {
    this.editing = peer
    this.typed = granted > 0 ? String(granted) : ''
    this.problem = null
    await this.updateComplete
    this.renderRoot.querySelector<HTMLElement>('form input')?.focus()
  }

  private async submit(event: Event, peer: string): Promise<void> {
    event.preventDefault()
    const limit = Number(this.typed.trim())
    if (this.typed.trim() === '' || !Number.isSafeInteger(limit) || limit < 0) {
      this.problem = walletWords().lines.badLimit
      return
    }
    await this.grant(peer, limit)
  }

  private async grant(peer: string, limit: number): Promise<void> {
    if (!this.api || this.busy) return
    this.busy = true
    this.problem = null
    try {
      await this.api.grantCredit(peer, limit)
      this.editing = ''
    } catch (error) {
      this.editing = peer
      this.problem = problemOf(error)
    } finally {
      this.busy = false
    }
  }
}

/** Those of the room have a place too, before anybody lends anything. */
function linesOf({ ledger, peers }: NodeState): readonly CreditLineState[] {
  const known = new Set(ledger.lines.map(({ peer }) => peer))
  const fresh = peers
    .filter(({ id }) => !known.has(id))
    .map(({ id }) => ({ peer: id, granted: 0, received: 0, balance: 0, spendable: 0, open: 0, frozen: false }))
  return [...ledger.lines, ...fresh]
}

function describeBalance(balance: number): string {
  const words = walletWords().lines
  if (balance === 0) return words.even
  return balance > 0 ? words.owesYou(formatCen(balance)) : words.youOwe(formatCen(-balance))
}

/** From what this node may owe to what the other may, with nothing owed between, and where it stands. */
function renderScale({ granted, received, balance }: CreditLineState, name: string) {
  const least = Math.min(-received, balance, 0)
  const most = Math.max(granted, balance, 0)
  const at = (value: number) => `${most === least ? 50 : (100 * (value - least)) / (most - least)}%`
  const label = walletWords().lines.scale(name, formatCen(-least), formatCen(most), describeBalance(balance))
  const [from, to] = [Math.min(0, balance), Math.max(0, balance)]
  const width = `${most === least ? 0 : (100 * (to - from)) / (most - least)}%`
  return html`<svg role="img" aria-label=${label}>
    ${svg`<rect x="0" y="6" width="100%" height="4" rx="2" fill="var(--line)" />
    <rect x=${at(from)} y="6" width=${width} height="4" fill="var(--accent)" />
    <line x1=${at(0)} x2=${at(0)} y1="2" y2="14" stroke="var(--line-strong)" stroke-width="1.5" />
    <circle cx=${at(balance)} cy="8" r="5" fill="var(--accent)" />`}
  </svg>`
}

customElements.define('credit-lines', CreditLines)
