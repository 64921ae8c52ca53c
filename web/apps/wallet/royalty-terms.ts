// What a genome of this node's own gives to its lineage: set by its author, signed, and read by everyone who pays.

import { css, html, LitElement, nothing } from 'lit'
import { USUAL_TERMS } from '#core/ledger/royalty-split.ts'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { formStyles } from './form-styles.ts'
import { walletWords } from './words/wallet-words.ts'

/** Parts of a million in one percent. */
const PPM = 10_000

export class RoyaltyTerms extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    genome: { state: true },
    share: { state: true },
    decay: { state: true },
    depth: { state: true },
    saved: { state: true },
    problem: { state: true },
  }

  static override styles = [
    baseStyles,
    formStyles,
    css`
      form {
        max-width: 44rem;
        padding: 8px 0;
      }
      .genome {
        max-width: 320px;
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare genome: string
  declare share: string
  declare decay: string
  declare depth: string
  declare saved: boolean
  declare problem: Problem | string | null

  constructor() {
    super()
    this.api = null
    this.state = null
    this.genome = ''
    this.share = String(USUAL_TERMS.sharePpm / PPM)
    this.decay = String(USUAL_TERMS.decayPpm / PPM)
    this.depth = String(USUAL_TERMS.depth)
    this.saved = false
    this.problem = null
  }

  override render() {
    const words = walletWords().royalties
    const own = this.state?.genomes.filter(({ author }) => author === this.state?.id) ?? []
    const [first] = own
    if (!first) return nothing
    const chosen = own.find(({ id }) => id === this.genome) ?? first
    return html`<details>
      <summary>${words.setTerms}</summary>
      <form @submit=${(event: Event) => this.save(event, chosen.id)} @input=${() => (this.saved = false)}>
        <label class="field genome">
          <span>${words.genome}</span>
          <select @change=${(event: Event) => (this.genome = (event.target as HTMLSelectElement).value)}>
            ${own.map(({ id, name }) => html`<option value=${id} ?selected=${id === chosen.id}>${name}</option>`)}
          </select>
        </label>
        <div class="fields">
          ${this.renderField(words.share, this.share, (typed) => (this.share = typed))}
          ${this.renderField(words.decay, this.decay, (typed) => (this.decay = typed))}
          ${this.renderField(words.depth, this.depth, (typed) => (this.depth = typed))}
        </div>
        <p class="hint">${words.termsHint}</p>
        <button>${words.save}</button>
        <p class="small" role="status">${this.saved ? words.saved : nothing}</p>
        ${
          this.problem
            ? html`<p class="loss" role="alert">
                ${typeof this.problem === 'string' ? this.problem : renderProblem(this.problem)}
              </p>`
            : nothing
        }
      </form>
    </details>`
  }

  private renderField(label: string, value: string, onInput: (typed: string) => void) {
    return html`<label class="field">
      <span>${label}</span>
      <input
        inputmode="decimal"
        autocomplete="off"
        .value=${value}
        @input=${(event: Event) => onInput((event.target as HTMLInputElement).value)}
      />
    </label>`
  }

  private async save(event: Event, genome: string): Promise<void> {
    event.preventDefault()
    // A comma is the decimal sign of half the world.
    const [share, decay] = [this.share, this.decay].map((typed) => Math.round(Number(typed.replace(',', '.')) * PPM))
    const depth = Number(this.depth)
    const isShare = (ppm = NaN) => ppm >= 0 && ppm <= 100 * PPM
    const isRight = isShare(share) && isShare(decay) && Number.isInteger(depth) && depth >= 0 && depth <= 64
    this.problem = isRight ? null : walletWords().royalties.badTerms
    if (!isRight || share === undefined || decay === undefined) return
    try {
      await this.api?.setRoyaltyTerms(genome, { sharePpm: share, decayPpm: decay, depth })
      this.saved = true
    } catch (error) {
      this.problem = problemOf(error)
    }
  }
}

customElements.define('royalty-terms', RoyaltyTerms)
