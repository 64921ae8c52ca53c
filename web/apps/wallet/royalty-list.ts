// Royalties: the trees of what genomes earned, paying out what is due, and what genomes of this node give to their lineage.

import { css, html, LitElement, nothing, type PropertyValues } from 'lit'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import type { RoyaltyTree } from '../../../worker/node/wallet-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { formatCen } from './figures.ts'
import { formStyles } from './form-styles.ts'
import './royalty-terms.ts'
import './royalty-tree.ts'
import { walletWords } from './words/wallet-words.ts'

export class RoyaltyList extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    trees: { state: true },
    settling: { state: true },
    paid: { state: true },
    problem: { state: true },
  }

  static override styles = [
    baseStyles,
    formStyles,
    css`
      .trees {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr));
        gap: 32px 64px;
        margin: 16px 0;
      }
      royalty-tree {
        min-width: 0;
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare trees: readonly RoyaltyTree[]
  declare settling: boolean
  /** What the last settlement came to; null before one. */
  declare paid: number | null
  declare problem: Problem | null
  #asked = ''

  constructor() {
    super()
    this.api = null
    this.state = null
    this.trees = []
    this.settling = false
    this.paid = null
    this.problem = null
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const asked = `${this.state?.ledger.entries[0]?.id ?? ''}/${this.state?.genomes.length}`
    if (!changed.has('api') && asked === this.#asked) return
    this.#asked = asked
    void this.read()
  }

  override render() {
    const words = walletWords().royalties
    const { state, trees } = this
    if (!state) return nothing
    const earned = trees.reduce(
      (sum, { members }) => sum + members.reduce((part, { mine, settled }) => part + (mine ? settled : 0), 0),
      0,
    )
    return html`
      ${
        trees.length === 0
          ? html`<p class="soft">${words.none}</p>`
          : html`${earned > 0 ? html`<p>${words.sum(formatCen(earned))}</p>` : nothing}
              <div class="trees">
                ${trees.map((tree) => html`<royalty-tree .state=${state} .tree=${tree}></royalty-tree>`)}
              </div>
              <div class="row">
                <button ?disabled=${this.settling} @click=${() => this.settle()}>
                  ${this.settling ? words.settling : words.settle}
                </button>
                <span class="hint">${words.settleHint}</span>
              </div>`
      }
      <p class="small" role="status">
        ${this.paid === null ? nothing : this.paid > 0 ? words.done(formatCen(this.paid)) : words.nothing}
      </p>
      ${this.problem ? html`<p class="loss" role="alert">${renderProblem(this.problem)}</p>` : nothing}
      <royalty-terms .api=${this.api} .state=${state}></royalty-terms>
    `
  }

  private async read(): Promise<void> {
    const asked = this.#asked
    try {
      const trees = await this.api?.readRoyalties()
      if (trees && asked === this.#asked) this.trees = trees
    } catch (error) {
      this.problem = problemOf(error)
    }
  }

  private async settle(): Promise<void> {
    if (!this.api || this.settling) return
    this.settling = true
    this.paid = null
    this.problem = null
    try {
      this.paid = await this.api.settleRoyalties()
      await this.read()
    } catch (error) {
      this.problem = problemOf(error)
    } finally {
      this.settling = false
    }
  }
}

customElements.define('royalty-list', RoyaltyList)
