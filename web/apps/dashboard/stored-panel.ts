// What this browser stores for the node, how much of it, and taking it away.

import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import type { StoredItem, StoredReport } from '../../../worker/node/limits-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import '../../ui/confirm-button.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { formatBytes } from '../../ui/format.ts'
import { dashboardWords } from './words/dashboard-words.ts'

export class StoredPanel extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    report: { state: true },
    problem: { state: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      table {
        width: 100%;
        margin-top: 12px;
        border-collapse: collapse;
      }
      th,
      td {
        padding: 6px 0;
        border-top: 1px solid var(--line);
        text-align: left;
        font-weight: inherit;
        vertical-align: top;
      }
      thead th {
        border-top: 0;
        color: var(--ink-soft);
      }
      th:nth-child(2),
      td.figure {
        padding-left: 12px;
        text-align: right;
      }
      td:last-child {
        padding-left: 8px;
        text-align: right;
      }
      tbody th {
        overflow-wrap: anywhere;
      }
      tbody th span {
        display: block;
      }
      confirm-button {
        margin-top: -4px;
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare report: StoredReport | null
  declare problem: Problem | null
  #seen = ''
  #isLooking = false

  constructor() {
    super()
    this.api = null
    this.state = null
    this.report = null
    this.problem = null
  }

  override render() {
    const words = dashboardWords().stored
    const { report } = this
    if (!report) return html`<p class="soft" role="status">${words.loading}</p>`
    const { usedBytes, quotaBytes, items } = report
    const other = usedBytes === null ? 0 : usedBytes - items.reduce((sum, { bytes }) => sum + bytes, 0)
    return html`<p>
        ${
          usedBytes === null || quotaBytes === null
            ? words.totalUnknown
            : words.total(formatBytes(usedBytes), formatBytes(quotaBytes))
        }
      </p>
      ${
        items.length === 0
          ? html`<p class="soft">${words.empty}</p>`
          : html`<table>
              <thead>
                <tr>
                  <th scope="col">${words.what}</th>
                  <th scope="col">${words.size}</th>
                  <th scope="col"><span class="visually-hidden">${words.remove}</span></th>
                </tr>
              </thead>
              <tbody>
                ${repeat(
                  items,
                  ({ kind, id }) => `${kind} ${id}`,
                  (item) => this.renderItem(item),
                )}
                ${
                  other > 0
                    ? html`<tr>
                        <th scope="row">${words.other}</th>
                        <td class="figure">${formatBytes(other)}</td>
                        <td></td>
                      </tr>`
                    : nothing
                }
              </tbody>
            </table>`
      }
      ${this.problem ? html`<p class="loss" role="alert">${renderProblem(this.problem)}</p>` : nothing}`
  }

  override updated(): void {
    const { state } = this
    if (!state) return
    // What is stored changes with these; the sizes of a download under way are told by its own bar.
    const seen = JSON.stringify([
      state.models.map(({ id, status }) => [id, status]),
      state.genomes.map(({ id }) => id),
      state.runs.map(({ id, status }) => [id, status]),
      state.held.map(({ title, ready }) => [title, ready]),
    ])
    if (seen === this.#seen) return
    this.#seen = seen
    void this.look()
  }

  private renderItem(item: StoredItem) {
    const words = dashboardWords().stored
    const notes = [
      words.kind[item.kind],
      ...(item.kind === 'model' && item.forOthers ? [words.forOthers] : []),
      ...('inUse' in item && item.inUse ? [words.inUse] : []),
    ]
    return html`<tr data-stored=${item.id}>
      <th scope="row">${item.title}<span class="small soft">${notes.join(', ')}</span></th>
      <td class="figure">${formatBytes(item.bytes)}</td>
      <td>
        ${
          'inUse' in item && item.inUse
            ? html`<span class="small soft">${item.kind === 'run' ? words.endFirst : words.unloadFirst}</span>`
            : html`<confirm-button
                label=${words.remove}
                what=${item.title}
                question=${words.question(item.title, formatBytes(item.bytes))}
                yes=${words.remove}
                no=${words.keep}
                @confirm=${() => this.takeAway(item)}
              ></confirm-button>`
        }
      </td>
    </tr>`
  }

  private async takeAway(item: StoredItem): Promise<void> {
    const { api } = this
    if (!api) return
    this.problem = null
    try {
      if (item.kind === 'model') await api.removeModel(item.id)
      else if (item.kind === 'genome') await api.removeGenome(item.id)
      else if (item.kind === 'run') await api.removeRun(item.id)
      else await api.removeLeftover(item.id)
    } catch (error) {
      this.problem = problemOf(error)
    }
    await this.look()
  }

  private async look(): Promise<void> {
    if (!this.api || this.#isLooking) return
    this.#isLooking = true
    try {
      this.report = await this.api.readStored()
    } catch (error) {
      this.problem = problemOf(error)
    } finally {
      this.#isLooking = false
    }
  }
}

customElements.define('stored-panel', StoredPanel)
