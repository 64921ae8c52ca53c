// The measures of a run as a plot: for every arm a mean with its interval, each seed as a faint dot, what was published as a
// diamond, all about zero.

import { css, html, LitElement, nothing, svg } from 'lit'
import type { Experiment } from '#core/experiments/experiment.ts'
import { findPublished } from '#core/experiments/published.ts'
import { measureOf, reportOf, type ReportRow } from '#core/experiments/report.ts'
import type { Cell } from '#core/experiments/result.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { roundTicks } from './chart-scale.ts'
import { armTitle, formatInterval, formatMeasure } from './experiment-figures.ts'
import { experimentWords } from './words/lab-words.ts'

const ROW = 26
const GROUP = 22
const EDGE = { left: 96, right: 16, bottom: 26 }

export class ExperimentPlot extends LitElement {
  static override properties = {
    experiment: { attribute: false },
    cells: { attribute: false },
    width: { state: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        min-width: 0;
      }
      svg.plot {
        display: block;
        width: 100%;
        overflow: visible;
      }
      text {
        fill: var(--ink-soft);
        font-size: 12px;
        font-variant-numeric: tabular-nums;
      }
      .measure {
        fill: var(--ink);
        font-weight: 600;
      }
      .grid {
        stroke: var(--line);
      }
      .zero {
        stroke: var(--line-strong);
      }
      .interval {
        stroke: var(--accent);
        stroke-width: 2;
      }
      .mean {
        fill: var(--accent);
      }
      .seed {
        fill: var(--accent);
        opacity: 0.3;
      }
      .published {
        fill: none;
        stroke: var(--ink);
        stroke-width: 1.5;
      }
      .key {
        display: flex;
        flex-wrap: wrap;
        gap: 0 20px;
        font-size: var(--size-small);
      }
      .key svg {
        width: 26px;
        height: 12px;
        margin-right: 6px;
        vertical-align: middle;
      }
    `,
  ]

  declare experiment: Experiment | null
  declare cells: readonly Cell[]
  declare width: number
  #observer: ResizeObserver | undefined

  constructor() {
    super()
    this.experiment = null
    this.cells = []
    this.width = 480
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#observer = new ResizeObserver(([entry]) => {
      const width = Math.round(entry?.contentRect.width ?? 0)
      if (width > 0) this.width = width
    })
    this.#observer.observe(this)
  }

  override disconnectedCallback(): void {
    this.#observer?.disconnect()
    super.disconnectedCallback()
  }

  override render() {
    const { experiment, cells, width } = this
    if (!experiment) return nothing
    const rows = reportOf(experiment, cells).rows.filter((row) => row.interval && row.measure !== 'accepted')
    if (rows.length === 0) return nothing
    const words = experimentWords()
    const published = findPublished(experiment.name)?.published
    const seedsOf = ({ arm, measure }: ReportRow) =>
      cells.flatMap((cell) => (cell.arm === arm ? (measureOf(cell, measure) ?? []) : []))
    const measures = [...new Set(rows.map(({ measure }) => measure))]
    const values = [
      0,
      ...rows.flatMap((row) => [
        row.interval?.low ?? row.interval?.mean ?? 0,
        row.interval?.high ?? 0,
        ...seedsOf(row),
      ]),
      ...measures.flatMap((measure) => published?.[measure] ?? []),
    ]
    const margin = 0.06 * Math.max(1e-4, Math.max(...values) - Math.min(...values))
    const low = Math.min(...values) - margin
    const high = Math.max(...values) + margin
    const inner = Math.max(1, width - EDGE.left - EDGE.right)
    const x = (value: number) => EDGE.left + (inner * (value - low)) / (high - low)
    const height = measures.length * GROUP + rows.length * ROW + EDGE.bottom
    let y = 0
    return html`
      <p class="key" aria-hidden="true">
        <span>
          <svg>
            <path class="interval" d="M1 6H25" />
            <circle class="mean" cx="13" cy="6" r="4" />
          </svg>
          ${words.meanMark}
        </span>
        <span
          ><svg><circle class="seed" cx="13" cy="6" r="3" /></svg>${words.seedMark}</span
        >
        ${
          published
            ? html`<span
                ><svg><path class="published" d="M13 1l5 5l-5 5l-5 -5z" /></svg>${words.publishedMark}</span
              >`
            : nothing
        }
      </p>
      <svg class="plot" role="img" height=${height} aria-label=${describe(rows)}>
        ${roundTicks(low, high, inner / 90).map(
          (tick) => svg`<path class=${tick === 0 ? 'zero' : 'grid'} d="M${x(tick)} 0V${height - EDGE.bottom}" />
            <text x=${x(tick)} y=${height - 8} text-anchor="middle">${tick === 0 ? 0 : tick.toPrecision(1).replace('-', '−')}</text>`,
        )}
        ${measures.map((measure) => {
          y += GROUP
          const title = svg`<text class="measure" x="0" y=${y - 6}>${words.measures[measure]}</text>`
          const lines = rows
            .filter((row) => row.measure === measure)
            .map((row) => {
              const middle = y + ROW / 2
              y += ROW
              return this.renderRow(row, middle, x, seedsOf(row), isMix(experiment, row) ? published?.[measure] : null)
            })
          return [title, lines]
        })}
      </svg>
    `
  }

  private renderRow(
    { arm, interval }: ReportRow,
    y: number,
    x: (value: number) => number,
    seeds: readonly number[],
    published: number | null | undefined,
  ) {
    if (!interval) return nothing
    const { low, high, mean } = interval
    return svg`<text x=${EDGE.left - 10} y=${y + 4} text-anchor="end">${armTitle(arm)}</text>
      ${seeds.map((value) => svg`<circle class="seed" cx=${x(value)} cy=${y} r="3" />`)}
      ${low === null || high === null ? nothing : svg`<path class="interval" d="M${x(low)} ${y}H${x(high)}" />`}
      <circle class="mean" cx=${x(mean)} cy=${y} r="4" />
      ${typeof published === 'number' ? svg`<path class="published" d="M${x(published)} ${y - 6}l6 6l-6 6l-6 -6z" />` : nothing}`
  }
}

const isMix = ({ arms }: Experiment, { arm }: ReportRow): boolean =>
  arms.find(({ name }) => name === arm)?.exchange.kind === 'mix'

function describe(rows: readonly ReportRow[]): string {
  const words = experimentWords()
  const points = rows.flatMap(({ arm, measure, interval }) =>
    interval
      ? words.plotPoint(
          armTitle(arm),
          words.measures[measure],
          formatMeasure(interval.mean, measure),
          formatInterval(interval, measure),
        )
      : [],
  )
  return `${words.plot}. ${points.join('; ')}.`
}

customElements.define('experiment-plot', ExperimentPlot)
