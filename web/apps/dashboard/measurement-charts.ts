// Charts of what this node measured: tokens a second, the GPU at work, where a token's time goes, and round trips. They follow the node
// once a second while they are in view.

import { css, html, LitElement } from 'lit'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import type { Measurements } from '../../../worker/node/limits-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { formatMs, formatNumber, formatPercent } from '../../ui/format.ts'
import { nodeColour } from '../../ui/node-colours.ts'
import { nodeName } from '../../ui/node-names.ts'
import './line-chart.ts'
import { mergeMeasurements, overSeconds, roundTripLines, tokenLines } from './measured-data.ts'
import { dashboardWords } from './words/dashboard-words.ts'

const EVERY_MS = 1000
/** What is read again: a second that was not over, and work that was told late. */
const AGAIN_MS = 5000

export class MeasurementCharts extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    measured: { state: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .charts {
        display: grid;
        grid-template-columns: repeat(2, minmax(0, 1fr));
        gap: 32px 64px;
      }
      h3 {
        margin-bottom: 8px;
      }
      @media (max-width: 860px) {
        .charts {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare measured: Measurements | null
  #timer: ReturnType<typeof setInterval> | undefined
  #isReading = false

  constructor() {
    super()
    this.api = null
    this.state = null
    this.measured = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#timer = setInterval(() => void this.read(), EVERY_MS)
  }

  override disconnectedCallback(): void {
    clearInterval(this.#timer)
    super.disconnectedCallback()
  }

  override firstUpdated(): void {
    void this.read()
  }

  override render() {
    const { state, measured } = this
    const words = dashboardWords().charts
    if (!state || !measured || measured.seconds.length === 0) return html`<p class="soft">${words.empty}</p>`
    const hasAnswers = measured.seconds.some(({ tokens, tokensForOthers, columnsForOthers }) => {
      return tokens + tokensForOthers + columnsForOthers > 0
    })
    return html`<div class="charts">
      <div>
        <h3>${words.throughput}</h3>
        ${hasAnswers ? this.renderThroughput(measured) : html`<p class="small soft">${words.noAnswers}</p>`}
      </div>
      <div>
        <h3>${words.gpu}</h3>
        ${this.renderGpu(measured)}
      </div>
      <div>
        <h3>${words.hops}</h3>
        ${this.renderHops(state, measured)}
      </div>
      <div>
        <h3>${words.roundTrips}</h3>
        ${this.renderRoundTrips(state, measured)}
      </div>
    </div>`
  }

  private renderThroughput(measured: Measurements) {
    const words = dashboardWords().charts
    const has = (count: 'tokensForOthers' | 'columnsForOthers') => measured.seconds.some((second) => second[count] > 0)
    const data = overSeconds(
      measured,
      [
        { label: words.own, colour: 'var(--accent)', value: ({ tokens }) => tokens },
        ...(has('tokensForOthers')
          ? [{ label: words.forOthers, colour: 'var(--ink)', dashed: true, value: tokensForOthers }]
          : []),
        ...(has('columnsForOthers')
          ? [{ label: words.columns, colour: 'var(--node-2)', dashed: true, value: columnsForOthers }]
          : []),
      ],
      { least: 4, format: formatNumber, formatX: formatAge },
    )
    return html`<line-chart name=${words.throughput} .data=${data}></line-chart>`
  }

  private renderGpu(measured: Measurements) {
    const words = dashboardWords().charts
    const value = ({ gpuMs }: { readonly gpuMs: number }) => Math.min(1, gpuMs / 1000)
    const data = overSeconds(measured, [{ label: words.gpuPart, colour: 'var(--accent)', value }], {
      least: 1,
      format: formatPercent,
      formatX: formatAge,
    })
    return html`<line-chart name=${words.gpu} .data=${data}></line-chart>`
  }

  private renderHops(state: NodeState, { tokens }: Measurements) {
    const words = dashboardWords().charts
    const latest = tokens.at(-1)
    if (!latest) return html`<p class="small soft">${words.noHops}</p>`
    const about = (id: string | null) =>
      id === null
        ? { label: words.network, colour: 'var(--ink-soft)' }
        : { label: nodeName(state, id), colour: nodeColour(id) }
    const data = tokenLines(tokens, about, {
      least: 1,
      format: formatMs,
      formatX: (x) => String(Math.round(x)),
      caption: words.tokenNumber,
    })
    return html`<line-chart name=${words.hops} .data=${data}></line-chart>
      <p class="small soft figure">${words.totals(formatMs(latest.totalMs))}</p>`
  }

  private renderRoundTrips(state: NodeState, measured: Measurements) {
    const words = dashboardWords().charts
    if (!measured.seconds.some(({ roundTrips }) => roundTrips.length > 0)) {
      return html`<p class="small soft">${words.noLinks}</p>`
    }
    const about = (id: string) => ({ label: nodeName(state, id), colour: nodeColour(id) })
    const data = roundTripLines(measured, about, { least: 2, format: formatMs, formatX: formatAge })
    return html`<line-chart name=${words.roundTrips} .data=${data}></line-chart>`
  }

  private async read(): Promise<void> {
    const isInView = document.visibilityState === 'visible' && this.checkVisibility()
    if (!this.api || this.#isReading || (!isInView && this.measured !== null)) return
    this.#isReading = true
    try {
      const since = this.measured === null ? 0 : this.measured.at - AGAIN_MS
      this.measured = mergeMeasurements(this.measured, await this.api.readMeasurements(since))
    } catch {
      // The node is gone, of which the page tells elsewhere.
    } finally {
      this.#isReading = false
    }
  }
}

const tokensForOthers = (second: { readonly tokensForOthers: number }) => second.tokensForOthers
const columnsForOthers = (second: { readonly columnsForOthers: number }) => second.columnsForOthers

/** Of seconds before now. */
const formatAge = (seconds: number) => dashboardWords().charts.ago(String(Math.round((-seconds / 60) * 10) / 10))

customElements.define('measurement-charts', MeasurementCharts)
