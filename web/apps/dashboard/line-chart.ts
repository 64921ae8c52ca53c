// One chart of several lines over time or over tokens, drawn by uPlot on a canvas, with a key that tells the figures, and the same
// figures as a table for those who do not see it.

import { css, html, LitElement, nothing, type PropertyValues } from 'lit'
import uPlot from 'uplot'
import { baseStyles } from '../../ui/base-styles.ts'
import { styled } from '../../ui/styled.ts'
import { plotStyles } from './plot-styles.ts'
import { dashboardWords } from './words/dashboard-words.ts'

export interface ChartLine {
  readonly label: string
  /** A CSS colour, variables too. */
  readonly colour: string
  readonly dashed?: boolean
  /** By x; null where nothing is known. */
  readonly values: readonly (number | null)[]
}

export interface ChartData {
  readonly x: readonly number[]
  readonly lines: readonly ChartLine[]
  /** Ends of the x axis. */
  readonly range: readonly [number, number]
  /** Lines stand on one another: the topmost is their sum. */
  readonly stacked?: boolean
  /** The y axis reaches at least so far. */
  readonly least: number
  format(value: number): string
  /** What stands at the x axis. */
  formatX(x: number): string
  readonly caption?: string
  /** Distances that marks of the x axis may have. */
  readonly xSteps?: readonly number[]
}

const HEIGHT = 180
const TABLE_ROWS = 20

export class LineChart extends LitElement {
  static override properties = { name: {}, data: { attribute: false }, at: { state: true }, isOpen: { state: true } }

  static override styles = [
    baseStyles,
    plotStyles,
    css`
      :host {
        display: block;
        min-width: 0;
      }
      .plot {
        min-height: ${HEIGHT}px;
        overflow: hidden;
      }
      .key {
        display: flex;
        flex-wrap: wrap;
        gap: 0 20px;
      }
      .key i {
        display: inline-block;
        width: 16px;
        margin-right: 6px;
        border-top: 3px solid;
        vertical-align: middle;
      }
      .key .dashed {
        border-top-style: dashed;
      }
      .scroll {
        overflow-x: auto;
      }
      table {
        border-collapse: collapse;
      }
      th,
      td {
        padding: 2px 16px 2px 0;
        font-weight: inherit;
        text-align: right;
      }
      thead th {
        color: var(--ink-soft);
      }
      th:first-child {
        text-align: left;
      }
    `,
  ]

  declare name: string
  declare data: ChartData
  /** Place of the pointer among the x; null while it is elsewhere. */
  declare at: number | null
  declare isOpen: boolean
  #plot: uPlot | null = null
  #drawn = ''
  #observer: ResizeObserver | undefined
  readonly #scheme = matchMedia('(prefers-color-scheme: dark)')

  constructor() {
    super()
    this.name = ''
    this.data = { x: [], lines: [], range: [0, 1], least: 1, format: String, formatX: String }
    this.at = null
    this.isOpen = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#observer = new ResizeObserver(([entry]) => {
      const width = Math.round(entry?.contentRect.width ?? 0)
      if (width > 0) this.#plot?.setSize({ width, height: HEIGHT })
    })
    this.#observer.observe(this)
    this.#scheme.addEventListener('change', this.#redraw)
  }

  override disconnectedCallback(): void {
    this.#observer?.disconnect()
    this.#scheme.removeEventListener('change', this.#redraw)
    this.#plot?.destroy()
    this.#plot = null
    super.disconnectedCallback()
  }

  override render() {
    const { data, name, at } = this
    const words = dashboardWords().charts
    const place = at ?? data.x.length - 1
    const series = data.lines.map(({ label, values }) => {
      const known = values.filter((value) => value !== null)
      const latest = known.at(-1)
      const most = known.reduce((max, value) => Math.max(max, value), 0)
      return words.series(label, latest === undefined ? '–' : data.format(latest), data.format(most))
    })
    return html`<div class="plot" role="img" aria-label=${words.summary(name, series.join('; '))}></div>
      <p class="key small">
        ${data.lines.map(
          ({ label, colour, dashed, values }) =>
            html`<span
              ><i class=${dashed ? 'dashed' : ''} ${styled({ 'border-color': colour })}></i>${label}
              <span class="figure soft">${tell(data, values[place])}</span></span
            >`,
        )}
        <span class="soft">${at === null ? data.caption : data.formatX(data.x[at] ?? 0)}</span>
      </p>
      <details @toggle=${(event: Event) => (this.isOpen = (event.target as HTMLDetailsElement).open)}>
        <summary aria-label=${words.tableOf(name)}>${words.table}</summary>
        ${this.isOpen ? renderTable(data) : nothing}
      </details>`
  }

  override updated(changed: PropertyValues): void {
    if (changed.has('data')) this.draw()
  }

  private draw(): void {
    const { data } = this
    const drawn = JSON.stringify([
      data.lines.map(({ label, colour }) => [label, colour]),
      data.stacked,
      data.x.length === 0,
    ])
    if (!this.#plot || drawn !== this.#drawn) this.create()
    this.#drawn = drawn
    const rows = data.stacked ? stack(data.lines) : data.lines.map(({ values }) => [...values])
    this.#plot?.setData([[...data.x], ...rows])
  }

  private create(): void {
    this.#plot?.destroy()
    const box = this.renderRoot.querySelector<HTMLElement>('.plot')
    if (!box) return
    const colour = (css: string) => resolveColour(box, css)
    const axis = {
      stroke: colour('var(--ink-soft)'),
      font: `12px ${getComputedStyle(box).fontFamily}`,
      grid: { stroke: colour('var(--line)'), width: 1 },
      ticks: { show: false },
    }
    const lines = this.data.stacked ? [...this.data.lines].reverse() : this.data.lines
    this.#plot = new uPlot(
      {
        width: Math.max(200, this.clientWidth),
        height: HEIGHT,
        padding: [8, 12, 0, 0],
        legend: { show: false },
        cursor: { drag: { x: false, y: false }, points: { size: 6 }, y: false },
        scales: {
          x: { time: false, range: () => [...this.data.range] },
          y: { range: (_plot, _low, high) => [0, Math.max(this.data.least, (high || 0) * 1.08)] },
        },
        axes: [
          {
            ...axis,
            size: 30,
            space: 90,
            ...(this.data.xSteps && { incrs: [...this.data.xSteps] }),
            values: (_plot, ticks) => ticks.map((tick) => this.data.formatX(tick)),
          },
          { ...axis, size: 64, values: (_plot, ticks) => ticks.map((tick) => this.data.format(tick)) },
        ],
        series: [
          {},
          ...lines.map((line) => ({
            label: line.label,
            stroke: colour(line.colour),
            width: 1.75,
            points: { show: false },
            ...(line.dashed && { dash: [6, 4] }),
            ...(this.data.stacked && { fill: colour(`color-mix(in oklab, ${line.colour} 55%, var(--paper))`) }),
          })),
        ],
        hooks: {
          setCursor: [
            (plot) => {
              this.at = plot.cursor.idx ?? null
            },
          ],
        },
      },
      undefined,
      box,
    )
  }

  readonly #redraw = (): void => {
    this.#drawn = ''
    this.draw()
  }
}

/** The sums up to each line, the highest first, so that each is drawn over the one that reaches above it. */
function stack(lines: readonly ChartLine[]): (number | null)[][] {
  const sums: number[] = []
  const rows = lines.map(({ values }) =>
    values.map((value, index) => (sums[index] = (sums[index] ?? 0) + (value ?? 0))),
  )
  return rows.reverse()
}

/** As a canvas understands it. */
function resolveColour(near: HTMLElement, css: string): string {
  const probe = document.createElement('span')
  probe.style.color = css
  near.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

function renderTable(data: ChartData) {
  const words = dashboardWords().charts
  // A row of a minute or so, the latest first.
  const every = Math.max(1, Math.ceil(data.x.length / TABLE_ROWS))
  const rows = data.x.map((_, index) => index).filter((index) => (data.x.length - 1 - index) % every === 0)
  return html`<div class="scroll" tabindex="0" role="group" aria-label=${words.table}>
    <table class="small figure">
      <thead>
        <tr>
          <th scope="col">${words.time}</th>
          ${data.lines.map(({ label }) => html`<th scope="col">${label}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.reverse().map(
          (index) =>
            html`<tr>
              <th scope="row">${data.formatX(data.x[index] ?? 0)}</th>
              ${data.lines.map(({ values }) => html`<td>${tell(data, values[index])}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

const tell = (data: ChartData, value: number | null | undefined) =>
  value === null || value === undefined ? '–' : data.format(value)

customElements.define('line-chart', LineChart)
