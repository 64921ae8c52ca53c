// A request that somebody opened, filled in and explained. Nothing is paid before the button is pressed.

import { css, html, LitElement, nothing } from 'lit'
import { toHex } from '#core/crypto/bytes.ts'
import { readPaymentRequest, type PaymentRequest } from '#core/ledger/payment-request.ts'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { formatId } from '../../ui/format.ts'
import { askTabs, type PayingTab } from '../../ui/tab-payments.ts'
import { formatCen, readAmount } from './figures.ts'
import { formStyles } from './form-styles.ts'
import { partyName } from './party-names.ts'
import { walletWords } from './words/wallet-words.ts'

export class PaymentCard extends LitElement {
  static readonly tag = 'payment-card'

  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    text: { attribute: false },
    typed: { state: true },
    stage: { state: true },
    tabs: { state: true },
    handedTo: { state: true },
    problem: { state: true },
  }

  static override styles = [
    baseStyles,
    formStyles,
    css`
      :host {
        padding: 24px;
        border: 1px solid var(--accent);
        border-radius: var(--radius);
        background: var(--accent-wash);
      }
      h2 {
        margin: 0;
      }
      .what {
        overflow-wrap: anywhere;
      }
      .field {
        max-width: 200px;
      }
      @media (max-width: 640px) {
        :host {
          padding: 16px;
        }
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  /** The request, or the link with it. */
  declare text: string
  declare typed: string
  declare stage: 'asking' | 'paying' | 'paid'
  /** Other tabs of this browser that can pay it, and the one that it was handed over to. */
  declare tabs: readonly PayingTab[]
  declare handedTo: PayingTab | null
  declare problem: Problem | null
  #others: ReturnType<typeof askTabs> | null = null

  constructor() {
    super()
    this.api = null
    this.state = null
    this.text = ''
    this.typed = ''
    this.stage = 'asking'
    this.tabs = []
    this.handedTo = null
    this.problem = null
  }

  override disconnectedCallback(): void {
    this.#others?.close()
    super.disconnectedCallback()
  }

  override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has('text')) return
    this.stage = 'asking'
    this.problem = null
    this.typed = ''
    this.tabs = []
    this.handedTo = null
    this.#others?.close()
    const request = read(this.text)
    this.#others = request && askTabs(toHex(request.payee), (tab) => (this.tabs = [...this.tabs, tab]))
  }

  override render() {
    const words = walletWords().payment
    const state = this.state
    const request = read(this.text)
    return html`<section class="stack" aria-label=${words.title}>
      ${
        request === null || !state
          ? html`<h2>${words.title}</h2>
              <p class="loss" role="alert">${words.broken}</p>
              ${this.renderClose(words.notNow)}`
          : this.renderRequest(state, request)
      }
    </section>`
  }

  private renderRequest(state: NodeState, request: PaymentRequest) {
    const words = walletWords().payment
    const payee = toHex(request.payee)
    const name = partyName(state, payee)
    const amount = request.amount ?? readAmount(this.typed)
    if (this.stage === 'paid') {
      return html`<p role="status">${words.paid(formatCen(amount ?? 0), name)}</p>
        ${this.renderClose(words.done)}`
    }
    const { note } = request
    const obstacle = obstacleOf(state, payee, amount)
    return html`
      <h2>${request.amount === null ? words.asksOpen(name) : words.asks(name, formatCen(request.amount))}</h2>
      <div class="what">
        ${note ? html`<p>${words.for(note)}</p>` : nothing}
        <p class="small soft mono figure">${formatId(payee)}</p>
      </div>
      ${
        request.amount === null && payee !== state.id
          ? html`<label class="field">
              <span>${words.amount}</span>
              <input
                inputmode="numeric"
                autocomplete="off"
                .value=${this.typed}
                @input=${(event: Event) => (this.typed = (event.target as HTMLInputElement).value)}
              />
            </label>`
          : nothing
      }
      <p class="small">${obstacle ?? words.canPay(formatCen(spendableFor(state, payee)))}</p>
      ${obstacle === null || payee === state.id ? nothing : this.renderTabs()}
      ${this.problem ? html`<p class="loss" role="alert">${renderProblem(this.problem)}</p>` : nothing}
      <div class="row">
        ${
          payee === state.id
            ? nothing
            : html`<button
                class="primary"
                ?disabled=${obstacle !== null || amount === null || this.stage === 'paying'}
                @click=${() => this.pay(amount ?? 0)}
              >
                ${this.stage === 'paying' ? words.paying : amount === null ? words.payOpen : words.pay(formatCen(amount))}
              </button>`
        }
        ${this.renderClose(words.notNow)}
      </div>
    `
  }

  private renderTabs() {
    const words = walletWords().payment
    if (this.handedTo) return html`<p class="small" role="status">${words.handedOver(this.handedTo.name)}</p>`
    return this.tabs.map(
      (tab) =>
        html`<div class="row">
          <p class="small">${words.otherTab(tab.name, formatCen(tab.spendable))}</p>
          <button @click=${() => this.handOver(tab)}>${words.payThere}</button>
        </div>`,
    )
  }

  private handOver(tab: PayingTab): void {
    this.#others?.pay(tab.id, this.text)
    this.handedTo = tab
  }

  private renderClose(label: string) {
    return html`<button
      class="plain"
      ?disabled=${this.stage === 'paying'}
      @click=${() => this.dispatchEvent(new CustomEvent('close-payment', { bubbles: true, composed: true }))}
    >
      ${label}
    </button>`
  }

  private async pay(amount: number): Promise<void> {
    if (!this.api || this.stage !== 'asking') return
    this.stage = 'paying'
    this.problem = null
    try {
      await this.api.payRequest(this.text, amount)
      this.stage = 'paid'
    } catch (error) {
      this.problem = problemOf(error)
      this.stage = 'asking'
    }
  }
}

function read(text: string): PaymentRequest | null {
  try {
    return readPaymentRequest(text)
  } catch {
    return null
  }
}

const spendableFor = (state: NodeState, payee: string): number =>
  state.ledger.lines.find(({ peer }) => peer === payee)?.spendable ?? 0

/** Why it cannot be paid from here now; null where it can. */
function obstacleOf(state: NodeState, payee: string, amount: number | null): string | null {
  const words = walletWords().payment
  if (payee === state.id) return words.own
  if (!state.peers.some(({ id, link }) => id === payee && link === 'open')) return words.away
  const spendable = spendableFor(state, payee)
  if (spendable === 0) return words.lends
  return amount !== null && amount > spendable ? words.tooMuch(formatCen(spendable)) : null
}

customElements.define(PaymentCard.tag, PaymentCard)
