// The measures of a run as a table: mean, interval, what exchanging changed, and what was published.

import { css, html, LitElement, nothing } from 'lit'
import type { Experiment } from '#core/experiments/experiment.ts'
import { findPublished } from '#core/experiments/published.ts'
import { reportOf, type ReportRow } from '#core/experiments/report.ts'
import type { Cell } from '#core/experiments/result.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { armTitle, formatInterval, formatMeasure } from './experiment-figures.ts'
import { experimentWords } from './words/lab-words.ts'

export class ExperimentTable extends LitElement {
  static override properties = { experiment: { attribute: false }, cells: { attribute: false } }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        min-width: 0;
      }
      .scroll {
        overflow-x: auto;
      }
      table {
        width: 100%;
        border-collapse: collapse;
        font-size: var(--size-small);
        font-variant-numeric: tabular-nums;
      }
      caption {
        padding-bottom: 4px;
        text-align: left;
        color: var(--ink-soft);
      }
      th,
      td {
        padding: 4px 12px 4px 0;
        border-top: 1px solid var(--line);
        text-align: left;
        vertical-align: top;
        white-space: nowrap;
      }
      th {
        font-weight: 600;
      }
      thead th {
        color: var(--ink-soft);
        font-weight: 400;
      }
      p {
        margin-top: 8px;
      }
    `,
  ]

  declare experiment: Experiment | null
  declare cells: readonly Cell[]

  constructor() {
    super()
    this.experiment = null
    this.cells = []
  }

  override render() {
    const { experiment, cells } = this
    if (!experiment) return nothing
    const words = experimentWords()
    const { rows, cells: counts } = reportOf(experiment, cells)
    return html`<div class="scroll" tabindex="0" role="group" aria-label=${words.table}>
        <table>
          <caption>
            ${words.table}
          </caption>
          <thead>
            <tr>
              ${Object.values(words.columns).map((title) => html`<th scope="col">${title}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${rows.map((row) => this.renderRow(experiment, row))}
          </tbody>
        </table>
      </div>
      <p class="small soft">${words.delta} ${counts[0] < counts[1] ? words.partial(counts[0], counts[1]) : nothing}</p>`
  }

  private renderRow(experiment: Experiment, { arm, measure, interval, lift }: ReportRow) {
    const words = experimentWords()
    const { kind } = experiment.arms.find(({ name }) => name === arm)?.exchange ?? {}
    // Only who exchanges accepts anything.
    if (measure === 'accepted' && kind !== 'mix') return nothing
    const published = kind === 'mix' ? findPublished(experiment.name)?.published[measure] : undefined
    return html`<tr>
      <th scope="row">${armTitle(arm)}</th>
      <td>${words.measures[measure]}</td>
      <td>${interval ? formatMeasure(interval.mean, measure) : words.notRun}</td>
      <td>${interval ? formatInterval(interval, measure) : ''}</td>
      <td>
        ${lift ? `${formatMeasure(lift.mean, measure)} ${lift.low === null ? '' : formatInterval(lift, measure)}` : ''}
      </td>
      <td>${typeof published === 'number' ? formatMeasure(published, measure) : ''}</td>
    </tr>`
  }
}

customElements.define('experiment-table', ExperimentTable)
