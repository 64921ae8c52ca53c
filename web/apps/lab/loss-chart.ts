// A run's loss and held-out loss over its steps, as two lines, and the same in words for those who do not see them.

import { css, html, LitElement, nothing, svg } from 'lit'
import type { LossPoint } from '../../../worker/node/lab-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { roundBounds, roundTicks } from './chart-scale.ts'
import { trainingWords } from './words/training.ts'

const HEIGHT = 190
const EDGE = { left: 44, right: 14, top: 10, bottom: 30 }
const PIXELS_A_TICK = 90

export class LossChart extends LitElement {
  static override properties = {
    losses: { attribute: false },
    heldOut: { attribute: false },
    steps: { type: Number },
    width: { state: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        min-width: 0;
      }
      svg {
        display: block;
        width: 100%;
        height: ${HEIGHT}px;
        overflow: visible;
      }
      text {
        fill: var(--ink-soft);
        font-size: 12px;
        font-variant-numeric: tabular-nums;
      }
      .grid {
        stroke: var(--line);
      }
      .loss-line {
        fill: none;
        stroke: var(--accent);
        stroke-width: 1.5;
        stroke-linejoin: round;
      }
      .held-line {
        fill: none;
        stroke: var(--ink);
        stroke-width: 2;
        stroke-dasharray: 5 3;
        stroke-linejoin: round;
      }
      .held-dot {
        fill: var(--paper);
        stroke: var(--ink);
        stroke-width: 2;
      }
      .last {
        fill: var(--accent);
      }
      .key {
        display: flex;
        flex-wrap: wrap;
        gap: 0 20px;
        font-size: var(--size-small);
      }
      .key svg {
        display: inline-block;
        width: 26px;
        height: 12px;
        margin-right: 6px;
        vertical-align: middle;
      }
    `,
  ]

  declare losses: readonly LossPoint[]
  declare heldOut: readonly LossPoint[]
  declare steps: number
  declare width: number
  #observer: ResizeObserver | undefined

  constructor() {
    super()
    this.losses = []
    this.heldOut = []
    this.steps = 1
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
    const { losses, heldOut, width } = this
    const { low, high } = roundBounds([...losses, ...heldOut].map((point) => point.loss))
    const inner = { width: Math.max(1, width - EDGE.left - EDGE.right), height: HEIGHT - EDGE.top - EDGE.bottom }
    const x = (step: number) => EDGE.left + (inner.width * step) / Math.max(1, this.steps)
    const y = (loss: number) => EDGE.top + inner.height * (1 - (loss - low) / (high - low))
    const line = (points: readonly LossPoint[]) =>
      points
        .map(({ step, loss }, index) => `${index === 0 ? 'M' : 'L'}${x(step).toFixed(1)} ${y(loss).toFixed(1)}`)
        .join('')
    const last = losses.at(-1)
    const words = trainingWords().chart
    return html`
      <p class="key" aria-hidden="true">
        <span
          ><svg><path class="loss-line" d="M0 6H26" /></svg>${words.loss}</span
        >
        ${
          heldOut.length > 0
            ? html`<span
                ><svg>
                  <path class="held-line" d="M0 6H26" />
                  <circle class="held-dot" cx="13" cy="6" r="3" /></svg
                >${words.heldOut}</span
              >`
            : nothing
        }
        <span class="soft">${words.unit}</span>
      </p>
      <svg role="img" aria-label=${describeLosses(losses, heldOut, this.steps)}>
        ${roundTicks(low, high, 5).map(
          (tick) => svg`<path class="grid" d="M${EDGE.left} ${y(tick)}H${width - EDGE.right}" />
            <text x=${EDGE.left - 8} y=${y(tick) + 4} text-anchor="end">${tick}</text>`,
        )}
        ${roundTicks(0, this.steps, inner.width / PIXELS_A_TICK)
          .filter((tick) => Number.isInteger(tick))
          .map(
            (tick) =>
              svg`<text x=${x(tick)} y=${HEIGHT - 10} text-anchor=${tick === 0 ? 'start' : 'middle'}>${
                tick === 0 ? words.step0 : tick
              }</text>`,
          )}
        <path class="loss-line" d=${line(losses)} />
        <path class="held-line" d=${line(heldOut)} />
        ${heldOut.map(({ step, loss }) => svg`<circle class="held-dot" cx=${x(step)} cy=${y(loss)} r="3" />`)}
        ${last ? svg`<circle class="last" cx=${x(last.step)} cy=${y(last.loss)} r="3" />` : nothing}
      </svg>
    `
  }
}

/** "Loss from 2.31 to 1.87 over 34 of 200 steps; held-out loss from 2.4 to 2.05." */
export function describeLosses(losses: readonly LossPoint[], heldOut: readonly LossPoint[], steps: number): string {
  const words = trainingWords().chart
  const fromTo = (points: readonly LossPoint[]) =>
    words.fromTo(points[0]?.loss.toFixed(2) ?? '?', points.at(-1)?.loss.toFixed(2) ?? '?')
  const [first] = losses
  if (!first) return words.none
  const held = heldOut.length > 0 ? words.describeHeldOut(fromTo(heldOut)) : ''
  return words.describe(fromTo(losses), losses.at(-1)?.step ?? 0, steps, held)
}

customElements.define('loss-chart', LossChart)
