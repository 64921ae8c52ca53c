// Asking to be paid: an amount, what for, and the link and QR code that open the other's wallet with it; and what came of
// requests that were made before.

import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { MAX_NOTE } from '#core/ledger/payment-request.ts'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import type { RequestState } from '../../../worker/node/wallet-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { renderQr } from '../../ui/qr-code.ts'
import '../../ui/confirm-button.ts'
import '../../ui/copy-button.ts'
import { formatCen, formatTime, readAmount } from './figures.ts'
import { formStyles } from './form-styles.ts'
import { partyName } from './party-names.ts'
import { paymentLink } from './payment-link.ts'
import { walletWords } from './words/wallet-words.ts'

export class RequestForm extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    typed: { state: true },
    note: { state: true },
    withInvite: { state: true },
    shown: { state: true },
    problem: { state: true },
  }

  static override styles = [
    baseStyles,
    formStyles,
    css`
      ul {
        margin-top: 24px;
      }
      li {
        padding: 12px 0;
        border-top: 1px solid var(--line);
      }
      li .row {
        margin-left: -8px;
      }
      .head {
        display: flex;
        justify-content: space-between;
        gap: 16px;
      }
      .head > span:first-child {
        min-width: 0;
        overflow-wrap: anywhere;
      }
      .shown {
        margin-top: 8px;
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare typed: string
  declare note: string
  declare withInvite: boolean
  /** The request whose code stands there, as its text. */
  declare shown: string
  declare problem: Problem | string | null

  constructor() {
    super()
    this.api = null
    this.state = null
    this.typed = ''
    this.note = ''
    this.withInvite = false
    this.shown = ''
    this.problem = null
  }

  override render() {
    const words = walletWords().request
    const { state } = this
    if (!state) return nothing
    return html`<form @submit=${(event: Event) => this.make(event)}>
        <div class="fields">
          <label class="field">
            <span>${words.amount}</span>
            <input
              inputmode="numeric"
              autocomplete="off"
              placeholder=${words.any}
              .value=${this.typed}
              @input=${(event: Event) => (this.typed = (event.target as HTMLInputElement).value)}
            />
          </label>
          <label class="field">
            <span>${words.note}</span>
            <input
              autocomplete="off"
              maxlength=${MAX_NOTE}
              placeholder=${words.notePlaceholder}
              .value=${this.note}
              @input=${(event: Event) => (this.note = (event.target as HTMLInputElement).value)}
            />
          </label>
        </div>
        <p class="hint">${words.what}</p>
        <button>${words.make}</button>
        ${
          this.problem
            ? html`<p class="loss" role="alert">
                ${typeof this.problem === 'string' ? this.problem : renderProblem(this.problem)}
              </p>`
            : nothing
        }
      </form>
      ${
        state.ledger.requests.length === 0
          ? nothing
          : html`<ul aria-label=${words.list}>
              ${repeat(
                state.ledger.requests,
                ({ id }) => id,
                (request) => this.renderOne(state, request),
              )}
            </ul>`
      }`
  }

  private renderOne(state: NodeState, request: RequestState) {
    const words = walletWords().request
    const { id, text, amount, note, at, payments } = request
    const what = amount === null ? words.anyAmount : formatCen(amount)
    const verb = this.shown === text ? words.hide : words.show
    return html`<li data-request=${id}>
      <p class="head"><span>${note || what}</span>${note ? html`<span class="figure">${what}</span>` : nothing}</p>
      ${
        payments.length === 0
          ? html`<p class="small soft">${words.open} · ${formatTime(at)}</p>`
          : payments.map(
              (payment) =>
                html`<p class="small soft">
                  ${words.paidBy(partyName(state, payment.by), formatCen(payment.amount), formatTime(payment.at))}
                </p>`,
            )
      }
      <div class="row">
        <button
          class="plain"
          aria-expanded=${this.shown === text}
          aria-label=${words.showWhat(verb, note || what)}
          @click=${() => (this.shown = this.shown === text ? '' : text)}
        >
          ${verb}
        </button>
        <confirm-button
          .label=${words.forget}
          .what=${note || what}
          .question=${words.forgetQuestion}
          .yes=${words.forgetYes}
          .no=${words.forgetNo}
          @confirm=${() => this.forget(id)}
        ></confirm-button>
      </div>
      ${this.shown === text ? this.renderCode(state, text) : nothing}
    </li>`
  }

  private renderCode(state: NodeState, text: string) {
    const words = walletWords().request
    const link = paymentLink(text, this.withInvite ? (state.room?.invite ?? null) : null)
    return html`<div class="stack shown">
      ${renderQr(link, words.code)}
      <div class="link">
        <input
          readonly
          aria-label=${words.link}
          .value=${link}
          @focus=${(event: Event) => (event.target as HTMLInputElement).select()}
        />
        <copy-button .text=${link}></copy-button>
      </div>
      ${
        state.room
          ? html`<label class="tick">
              <input
                type="checkbox"
                .checked=${this.withInvite}
                @change=${(event: Event) => (this.withInvite = (event.target as HTMLInputElement).checked)}
              />
              <span>${words.withInvite}</span><span class="hint">${words.withInviteHint}</span>
            </label>`
          : nothing
      }
      ${
        'share' in navigator
          ? html`<button class="plain" @click=${() => void navigator.share({ url: link }).catch(() => undefined)}>
              ${words.share}
            </button>`
          : nothing
      }
    </div>`
  }

  private async make(event: Event): Promise<void> {
    event.preventDefault()
    const amount = readAmount(this.typed)
    if (amount === null && this.typed.trim() !== '') {
      this.problem = walletWords().request.badAmount
      return
    }
    await this.act(async (api) => {
      const text = await api.requestPayment(amount, this.note)
      this.typed = ''
      this.note = ''
      this.shown = text
    })
  }

  private forget(id: string): Promise<void> {
    return this.act((api) => api.forgetRequest(id))
  }

  private async act(action: (api: NodeApi) => Promise<void>): Promise<void> {
    if (!this.api) return
    this.problem = null
    try {
      await action(this.api)
    } catch (error) {
      this.problem = problemOf(error)
    }
  }
}

customElements.define('request-form', RequestForm)
