// The history: every entry that concerns this node with its reason, by kind, page by page, and as a file.

import { css, html, LitElement, nothing, type PropertyValues } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import type { HistoryFilter, HistoryPage, LedgerEntryState } from '../../../worker/node/wallet-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { formatCount, formatId } from '../../ui/format.ts'
import { saveFile } from '../../ui/save-file.ts'
import '../../ui/copy-button.ts'
import { entryWords } from './entry-words.ts'
import { formatChange, formatTime } from './figures.ts'
import { formStyles } from './form-styles.ts'
import { historyCsv } from './history-csv.ts'
import { walletWords } from './words/wallet-words.ts'

const FILTERS: readonly HistoryFilter[] = ['all', 'payments', 'work', 'credit', 'other']
const PAGE = 20
const CSV_PAGE = 200

export class HistoryList extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    filter: { state: true },
    wanted: { state: true },
    page: { state: true },
    opened: { state: true },
    objection: { state: true },
    objected: { state: true },
    problem: { state: true },
  }

  static override styles = [
    baseStyles,
    formStyles,
    css`
      .bar {
        justify-content: space-between;
        margin-bottom: 8px;
      }
      .bar label {
        display: flex;
        align-items: center;
        gap: 8px;
      }
      .bar select {
        width: auto;
      }
      li {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 0 16px;
        padding: 12px 0;
        border-top: 1px solid var(--line);
      }
      .what {
        min-width: 0;
        overflow-wrap: anywhere;
      }
      .amount {
        text-align: right;
        font-weight: 600;
      }
      .in {
        color: var(--accent);
      }
      .when {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0 8px;
      }
      .when button {
        min-height: 24px;
        padding: 0 4px;
        font-size: var(--size-small);
      }
      .more {
        grid-column: 1 / -1;
        padding: 8px 0;
      }
      .more form {
        gap: 8px;
        max-width: 36rem;
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare filter: HistoryFilter
  declare wanted: number
  declare page: HistoryPage | null
  /** Id of the entry whose details are shown. */
  declare opened: string
  declare objection: string
  /** Id of the entry that was objected to last. */
  declare objected: string
  declare problem: Problem | null
  #asked = ''

  constructor() {
    super()
    this.api = null
    this.state = null
    this.filter = 'all'
    this.wanted = PAGE
    this.page = null
    this.opened = ''
    this.objection = ''
    this.objected = ''
    this.problem = null
  }

  override willUpdate(changed: PropertyValues<this>): void {
    // The names of genomes and requests come with the entries, so a change of those asks anew as well.
    const newest = this.state?.ledger.entries[0]?.id ?? ''
    const asked = `${newest}/${this.state?.ledger.lines.length}/${this.state?.genomes.length}/${this.filter}/${this.wanted}`
    if (!changed.has('api') && asked === this.#asked) return
    this.#asked = asked
    void this.read()
  }

  override render() {
    const words = walletWords().history
    const { state, page } = this
    if (!state || !page) return nothing
    if (page.total === 0 && this.filter === 'all') return html`<p class="soft">${words.none}</p>`
    const left = page.total - page.entries.length
    return html`
      <div class="row bar">
        <label>
          <span class="soft small">${words.filter}</span>
          <select @change=${(event: Event) => this.show((event.target as HTMLSelectElement).value as HistoryFilter)}>
            ${FILTERS.map((filter) => html`<option value=${filter} ?selected=${filter === this.filter}>${words.filters[filter]}</option>`)}
          </select>
        </label>
        <button class="plain" @click=${() => this.save()}>${words.csv}</button>
      </div>
      ${page.entries.length === 0 ? html`<p class="soft">${words.noneOfKind}</p>` : nothing}
      <ul>
        ${repeat(
          page.entries,
          ({ id }) => id,
          (entry) => this.renderEntry(state, entry),
        )}
      </ul>
      ${
        left > 0
          ? html`<button class="plain" @click=${() => (this.wanted += PAGE)}>
              ${words.more(formatCount(Math.min(left, PAGE)))}
            </button>`
          : nothing
      }
      ${this.problem ? html`<p class="loss" role="alert">${renderProblem(this.problem)}</p>` : nothing}
    `
  }

  private renderEntry(state: NodeState, entry: LedgerEntryState) {
    const words = walletWords().history
    const { title, detail, moved } = entryWords(state, entry)
    const isOpen = this.opened === entry.id
    return html`<li data-kind=${entry.kind}>
      <div class="what">
        <p>${title}</p>
        ${detail ? html`<p class="small soft">${detail}</p>` : nothing}
        <p class="small soft when">
          <span class="figure">${formatTime(entry.at)}</span>
          <button
            class="plain"
            aria-expanded=${isOpen}
            aria-label=${words.detailsOf(title)}
            @click=${() => this.open(isOpen ? '' : entry.id)}
          >
            ${words.details}
          </button>
        </p>
      </div>
      ${moved === null ? nothing : html`<p class=${moved > 0 ? 'amount figure in' : 'amount figure'}>${formatChange(moved)}</p>`}
      ${isOpen ? this.renderDetails(entry) : nothing}
    </li>`
  }

  private renderDetails({ id, sequence, theirs }: LedgerEntryState) {
    const words = walletWords().history
    return html`<div class="more">
      <p class="small row">
        <span class="soft">${words.entry(formatCount(sequence + 1))}</span>
        <span class="mono figure">${formatId(id)}</span>
        <copy-button .text=${id}></copy-button>
      </p>
      ${
        theirs === null
          ? nothing
          : this.objected === id
            ? html`<p class="small" role="status">${words.objected}</p>`
            : html`<form @submit=${(event: Event) => this.object(event, id, theirs)}>
                <label class="field">
                  <span>${words.objectWhy}</span>
                  <input
                    maxlength="200"
                    autocomplete="off"
                    .value=${this.objection}
                    @input=${(event: Event) => (this.objection = (event.target as HTMLInputElement).value)}
                  />
                </label>
                <button ?disabled=${this.objection.trim() === ''}>${words.objectSend}</button>
              </form>`
      }
    </div>`
  }

  private open(id: string): void {
    this.opened = id
    this.objection = ''
  }

  private show(filter: HistoryFilter): void {
    this.filter = filter
    this.wanted = PAGE
  }

  private async read(): Promise<void> {
    if (!this.api) return
    const asked = this.#asked
    try {
      const page = await this.readPages(this.filter, this.wanted)
      // A later question may have been answered before.
      if (asked === this.#asked) this.page = page
      this.problem = null
    } catch (error) {
      this.problem = problemOf(error)
    }
  }

  private async readPages(filter: HistoryFilter, count: number): Promise<HistoryPage> {
    const entries: LedgerEntryState[] = []
    for (;;) {
      const most = Math.min(CSV_PAGE, count - entries.length)
      const page = await this.api?.readHistory(filter, entries.length, most)
      entries.push(...(page?.entries ?? []))
      if (!page || page.entries.length < most || entries.length >= count) return { entries, total: page?.total ?? 0 }
    }
  }

  private async save(): Promise<void> {
    if (!this.state) return
    try {
      const { entries } = await this.readPages(this.filter, Number.MAX_SAFE_INTEGER)
      saveFile('centram-history.csv', new TextEncoder().encode(historyCsv(this.state, entries)))
    } catch (error) {
      this.problem = problemOf(error)
    }
  }

  private async object(event: Event, id: string, theirs: string): Promise<void> {
    event.preventDefault()
    this.problem = null
    try {
      await this.api?.objectTo(theirs, this.objection.trim())
      this.objected = id
    } catch (error) {
      this.problem = problemOf(error)
    }
  }
}

customElements.define('history-list', HistoryList)
