// The wallet: what is owed, sending and asking for CEN, credit lines, the history with its reasons, royalties, prices, the key.

import { css, html, LitElement, nothing, type PropertyValues } from 'lit'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { formatCount } from '../../ui/format.ts'
import { pageStyles } from '../../ui/page-styles.ts'
import './credit-lines.ts'
import { formatCen } from './figures.ts'
import './history-list.ts'
import './key-safe.ts'
import type { KeySafe } from './key-safe.ts'
import './ledger-warnings.ts'
import { partyName, rememberNames } from './party-names.ts'
import { PaymentCard } from './payment-card.ts'
import { takePayment } from './payment-link.ts'
import './price-form.ts'
import './request-form.ts'
import './royalty-list.ts'
import './send-form.ts'
import { walletWords } from './words/wallet-words.ts'

export class WalletApp extends LitElement {
  static readonly tag = 'wallet-app'

  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    hidden: { type: Boolean },
    payment: { state: true },
    news: { state: true },
  }

  static override styles = [
    baseStyles,
    pageStyles,
    css`
      section {
        min-width: 0;
      }
      .balance {
        font-size: var(--size-title);
        font-weight: 600;
        line-height: 1.3;
      }
      .top {
        margin-top: 24px;
      }
      .top:first-child {
        margin-top: 0;
      }
      .top > p {
        max-width: var(--column);
      }
      .block {
        margin-top: 40px;
        padding-top: 24px;
        border-top: 1px solid var(--line);
      }
      .pair {
        align-items: start;
      }
      payment-card {
        margin-bottom: 24px;
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare hidden: boolean
  /** A request that somebody opened: as text, or a link with it. */
  declare payment: string | null
  /** What came in last, for those who do not see it. */
  declare news: string

  constructor() {
    super()
    this.api = null
    this.state = null
    this.hidden = false
    this.payment = takePayment()
    this.news = ''
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('state') || !this.state) return
    rememberNames(this.state)
    const before = changed.get('state')
    if (before) this.news = whatCame(before, this.state) ?? this.news
  }

  override render() {
    const words = walletWords().app
    const { api, state } = this
    if (!state) return html`<div class="page"><p class="soft" role="status">${words.starting}</p></div>`
    return html`<div
      class="page"
      @open-payment=${(event: CustomEvent<string>) => this.openPayment(event.detail)}
      @close-payment=${() => (this.payment = null)}
      @back-up=${() => this.backUp()}
    >
      ${
        this.payment === null
          ? nothing
          : html`<payment-card .api=${api} .state=${state} .text=${this.payment}></payment-card>`
      }
      <ledger-warnings .state=${state}></ledger-warnings>
      ${this.renderBalance(state)}
      <div class="pair block">
        <section aria-labelledby="send">
          <h2 id="send">${words.send}</h2>
          <send-form .api=${api} .state=${state}></send-form>
        </section>
        <section aria-labelledby="request">
          <h2 id="request">${words.request}</h2>
          <request-form .api=${api} .state=${state}></request-form>
        </section>
      </div>
      <section class="block" aria-labelledby="lines">
        <h2 id="lines">${words.lines}</h2>
        <credit-lines .api=${api} .state=${state}></credit-lines>
      </section>
      <section class="block" aria-labelledby="history">
        <h2 id="history">${words.history}</h2>
        <history-list .api=${api} .state=${state}></history-list>
      </section>
      <section class="block" aria-labelledby="royalties">
        <h2 id="royalties">${words.royalties}</h2>
        <royalty-list .api=${api} .state=${state}></royalty-list>
      </section>
      <div class="pair block">
        <section aria-labelledby="prices">
          <h2 id="prices">${words.prices}</h2>
          <price-form .api=${api} .state=${state}></price-form>
        </section>
        <section aria-labelledby="key">
          <h2 id="key">${words.key}</h2>
          <key-safe .api=${api} .state=${state}></key-safe>
        </section>
      </div>
      <p class="visually-hidden" role="status">${this.news}</p>
    </div>`
  }

  /** Shows a request filled in; it is paid when a person presses the button. */
  async openPayment(text: string): Promise<void> {
    this.payment = text
    await this.updateComplete
    const card = this.renderRoot.querySelector<PaymentCard>(PaymentCard.tag)
    await card?.updateComplete
    card?.scrollIntoView({ block: 'nearest' })
    card?.renderRoot.querySelector<HTMLElement>('input, button')?.focus()
  }

  private renderBalance({ ledger, id }: NodeState) {
    const words = walletWords().app
    const owed = ledger.lines.reduce((sum, { balance }) => sum + Math.max(0, balance), 0)
    const owing = owed - ledger.balance
    const own = ledger.logs.find(({ author }) => author === id)?.entries ?? 0
    return html`<section class="top" aria-labelledby="balance">
      <h2 id="balance">${words.balance}</h2>
      <p class="balance figure">${formatCen(ledger.balance)}</p>
      <p>
        ${owed === 0 && owing === 0 ? words.even : html`${words.owed(formatCen(owed))}, ${words.owing(formatCen(owing))}.`}
      </p>
      <p class="small soft">
        ${words.whatCen} ${own === 0 ? words.emptyLog : words.log(formatCount(own), ledger.witnesses)}
      </p>
    </section>`
  }

  private backUp(): void {
    void this.renderRoot.querySelector<KeySafe>('key-safe')?.begin()
  }
}

/** A payment or credit that came in; what this person did is no news to them. */
function whatCame(before: NodeState, now: NodeState): string | null {
  const words = walletWords().app.news
  const known = new Set(before.ledger.entries.map(({ id }) => id))
  const fresh = before.ledger.entries === now.ledger.entries ? [] : now.ledger.entries
  for (const { id, kind, amount, reason, with: other } of fresh) {
    if (known.has(id) || other === null || amount === null) continue
    const name = partyName(now, other)
    if (kind === 'transfer' && amount > 0) return words.paid(name, formatCen(amount))
    if (reason.type === 'grant' && !reason.byThis) return words.lent(name, formatCen(amount))
  }
  return null
}

customElements.define(WalletApp.tag, WalletApp)
