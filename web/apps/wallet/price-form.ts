// What answers and merges cost others here, and what this node pays at most.

import { html, LitElement, nothing } from 'lit'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import type { AnswerPrices } from '../../../worker/node/ledger-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { formStyles } from './form-styles.ts'
import { walletWords } from './words/wallet-words.ts'

const FIELDS = ['prompt', 'answer', 'merge', 'cap'] as const
const MOST = 1_000_000_000

export class PriceForm extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    typed: { state: true },
    saved: { state: true },
    problem: { state: true },
  }

  static override styles = [baseStyles, formStyles]

  declare api: NodeApi | null
  declare state: NodeState | null
  /** What was typed and not saved. */
  declare typed: Partial<Record<keyof AnswerPrices, string>>
  declare saved: boolean
  declare problem: Problem | string | null

  constructor() {
    super()
    this.api = null
    this.state = null
    this.typed = {}
    this.saved = false
    this.problem = null
  }

  override render() {
    const words = walletWords().prices
    const prices = this.state?.ledger.prices
    if (!prices) return nothing
    return html`<form @submit=${(event: Event) => this.save(event, prices)}>
      <p class="soft small">${words.what}</p>
      <div class="fields">
        ${FIELDS.map(
          (field) =>
            html`<label class="field">
              <span>${words[field]}</span>
              <input
                name=${field}
                inputmode="numeric"
                autocomplete="off"
                .value=${this.typed[field] ?? String(prices[field])}
                @input=${(event: Event) => this.type(field, (event.target as HTMLInputElement).value)}
              />
            </label>`,
        )}
      </div>
      <button ?disabled=${Object.keys(this.typed).length === 0}>${words.save}</button>
      <p class="small" role="status">${this.saved ? words.saved : nothing}</p>
      ${
        this.problem
          ? html`<p class="loss" role="alert">
              ${typeof this.problem === 'string' ? this.problem : renderProblem(this.problem)}
            </p>`
          : nothing
      }
    </form>`
  }

  private type(field: keyof AnswerPrices, value: string): void {
    this.typed = { ...this.typed, [field]: value }
    this.saved = false
    this.problem = null
  }

  private async save(event: Event, prices: AnswerPrices): Promise<void> {
    event.preventDefault()
    const typed = FIELDS.map((field) => [field, (this.typed[field] ?? String(prices[field])).trim()] as const)
    if (typed.some(([, value]) => !/^\d{1,10}$/.test(value) || Number(value) > MOST)) {
      this.problem = walletWords().prices.bad
      return
    }
    const wanted = { ...prices, ...Object.fromEntries(typed.map(([field, value]) => [field, Number(value)])) }
    try {
      await this.api?.setPrices(wanted)
      this.typed = {}
      this.saved = true
    } catch (error) {
      this.problem = problemOf(error)
    }
  }
}

customElements.define('price-form', PriceForm)
