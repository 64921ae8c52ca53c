// Sending CEN to a node by name, and opening a payment request that came as a link or as a QR code in front of the camera.

import { css, html, LitElement, nothing } from 'lit'
import { readPaymentRequest } from '#core/ledger/payment-request.ts'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { canScan, scanCode } from './code-scanner.ts'
import { formatCen, readAmount } from './figures.ts'
import { formStyles } from './form-styles.ts'
import { partyName } from './party-names.ts'
import { walletWords } from './words/wallet-words.ts'

export class SendForm extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    to: { state: true },
    typed: { state: true },
    link: { state: true },
    sending: { state: true },
    sent: { state: true },
    scanning: { state: true },
    problem: { state: true },
  }

  static override styles = [
    baseStyles,
    formStyles,
    css`
      form + form {
        margin-top: 24px;
      }
      video {
        width: min(100%, 320px);
        border-radius: var(--radius);
        background: var(--paper-sunken);
      }
      .link button {
        flex: none;
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare to: string
  declare typed: string
  declare link: string
  declare sending: boolean
  /** What was sent to whom last. */
  declare sent: { readonly to: string; readonly amount: number } | null
  declare scanning: AbortController | null
  declare problem: Problem | string | null

  constructor() {
    super()
    this.api = null
    this.state = null
    this.to = ''
    this.typed = ''
    this.link = ''
    this.sending = false
    this.sent = null
    this.scanning = null
    this.problem = null
  }

  override disconnectedCallback(): void {
    this.scanning?.abort()
    super.disconnectedCallback()
  }

  override render() {
    const words = walletWords().send
    const { state } = this
    if (!state) return nothing
    return html`${this.renderSend(state)}
      <form @submit=${(event: Event) => this.openLink(event)}>
        <div class="link">
          <input
            aria-label=${words.link}
            placeholder=${words.paste}
            autocomplete="off"
            .value=${this.link}
            @input=${(event: Event) => (this.link = (event.target as HTMLInputElement).value)}
          />
          <button ?disabled=${this.link.trim() === ''}>${words.open}</button>
        </div>
        ${
          canScan()
            ? html`<button type="button" class="plain" @click=${() => this.scan()}>
                ${this.scanning ? words.stopScan : words.scan}
              </button>`
            : nothing
        }
        ${
          this.scanning
            ? html`<div>
                <video muted playsinline></video>
                <p class="hint" role="status">${words.scanning}</p>
              </div>`
            : nothing
        }
        ${
          this.problem
            ? html`<p class="loss" role="alert">
                ${typeof this.problem === 'string' ? this.problem : renderProblem(this.problem)}
              </p>`
            : nothing
        }
      </form>`
  }

  private renderSend(state: NodeState) {
    const words = walletWords().send
    const choices = choicesOf(state)
    const [first] = choices
    if (!first) return html`<p class="soft">${words.nobody}</p>`
    const to = choices.find(({ id }) => id === this.to) ?? first
    const amount = readAmount(this.typed)
    const isPayable = to.linked && amount !== null && amount <= to.spendable
    return html`<form @submit=${(event: Event) => this.send(event, to.id, isPayable ? amount : null)}>
      <div class="fields">
        <label class="field">
          <span>${words.to}</span>
          <select @change=${(event: Event) => (this.to = (event.target as HTMLSelectElement).value)}>
            ${choices.map(
              ({ id, linked }) =>
                html`<option value=${id} ?selected=${id === to.id}>
                  ${partyName(state, id)}${linked ? '' : ` (${words.away})`}
                </option>`,
            )}
          </select>
        </label>
        <label class="field">
          <span>${words.amount}</span>
          <input
            inputmode="numeric"
            autocomplete="off"
            aria-describedby="can-pay"
            .value=${this.typed}
            @input=${(event: Event) => (this.typed = (event.target as HTMLInputElement).value)}
          />
        </label>
      </div>
      <p id="can-pay" class="hint">
        ${
          !to.linked
            ? words.isAway(partyName(state, to.id))
            : to.spendable === 0
              ? words.cannot(partyName(state, to.id))
              : words.canPay(partyName(state, to.id), formatCen(to.spendable))
        }
      </p>
      <button class="primary" ?disabled=${!isPayable || this.sending}>
        ${this.sending ? words.sending : words.send}
      </button>
      <p role="status" ?hidden=${this.sent === null}>
        ${this.sent ? words.sent(formatCen(this.sent.amount), partyName(state, this.sent.to)) : nothing}
      </p>
    </form>`
  }

  private async send(event: Event, to: string, amount: number | null): Promise<void> {
    event.preventDefault()
    if (!this.api || this.sending || amount === null) return
    this.sending = true
    this.sent = null
    this.problem = null
    try {
      await this.api.pay(to, amount)
      this.sent = { to, amount }
      this.typed = ''
    } catch (error) {
      this.problem = problemOf(error)
    } finally {
      this.sending = false
    }
  }

  private openLink(event: Event): void {
    event.preventDefault()
    if (this.open(this.link)) this.link = ''
  }

  private open(text: string): boolean {
    this.problem = null
    try {
      readPaymentRequest(text)
    } catch {
      this.problem = walletWords().payment.broken
      return false
    }
    this.dispatchEvent(new CustomEvent('open-payment', { detail: text, bubbles: true, composed: true }))
    return true
  }

  private async scan(): Promise<void> {
    if (this.scanning) {
      this.scanning.abort()
      return
    }
    this.problem = null
    const scanning = new AbortController()
    this.scanning = scanning
    await this.updateComplete
    try {
      const video = this.renderRoot.querySelector('video')
      const text = video && (await scanCode(video, scanning.signal))
      if (text) this.open(text)
    } catch {
      this.problem = walletWords().send.noCamera
    } finally {
      this.scanning = null
    }
  }
}

interface Choice {
  readonly id: string
  readonly linked: boolean
  readonly spendable: number
}

/** Those who can be paid first, then those of the room, then those who are away. */
function choicesOf({ peers, ledger }: NodeState): readonly Choice[] {
  const lines = ledger.lines.filter(({ frozen }) => !frozen)
  const frozen = new Set(ledger.lines.filter((line) => line.frozen).map(({ peer }) => peer))
  const ids = new Set([...lines.map(({ peer }) => peer), ...peers.map(({ id }) => id)])
  return [...ids]
    .filter((id) => !frozen.has(id))
    .map((id) => ({
      id,
      linked: peers.some((peer) => peer.id === id && peer.link === 'open'),
      spendable: lines.find(({ peer }) => peer === id)?.spendable ?? 0,
    }))
    .sort((a, b) => Number(b.linked) - Number(a.linked) || b.spendable - a.spendable)
}

customElements.define('send-form', SendForm)
