// The ribbon: a model's layers as one band, each stretch in the colour of the node that holds it, hop times between them, a
// light running along with every token.

import { css, html, LitElement, nothing, type PropertyValues } from 'lit'
import { classMap } from 'lit/directives/class-map.js'
import type { NodeState, Placement, Stage, StepTiming } from '../../worker/node/api.ts'
import { baseStyles } from './base-styles.ts'
import { formatLayers, formatMs, formatPercent, formatRate } from './format.ts'
import { nodeColour } from './node-colours.ts'
import { joinNames, nodeName } from './node-names.ts'
import { shownPlacement } from './shown-placement.ts'
import { styled } from './styled.ts'
import { uiWords } from './words/ui-words.ts'

/** A light slower than this would seem stuck; faster ones run as fast as the tokens come. */
const LONGEST_RUN_MS = 1500

export class LayerRibbon extends LitElement {
  static override properties = {
    state: { attribute: false },
    tick: { type: Number },
    timing: { attribute: false },
    large: { type: Boolean, reflect: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .band {
        position: relative;
        display: flex;
        gap: 3px;
        height: 8px;
      }
      :host([large]) .band {
        height: 32px;
        gap: 6px;
      }
      .stretch {
        position: relative;
        min-width: 4px;
        overflow: hidden;
        border-radius: 2px;
        background: var(--colour);
      }
      :host([large]) .stretch {
        border-radius: 4px;
        background: repeating-linear-gradient(
          90deg,
          var(--colour) 0 calc(100% / var(--layers) - 1px),
          color-mix(in oklab, var(--colour) 55%, var(--paper)) calc(100% / var(--layers) - 1px)
            calc(100% / var(--layers))
        );
      }
      .stretch.waiting,
      .stretch.loading {
        background: color-mix(in oklab, var(--colour) 25%, var(--paper));
      }
      .stretch.lost {
        background: repeating-linear-gradient(135deg, var(--loss-wash) 0 4px, var(--paper) 4px 8px);
        box-shadow: inset 0 0 0 1px var(--loss);
      }
      .loaded {
        position: absolute;
        inset: 0 auto 0 0;
        background: var(--colour);
        transition: width 0.3s;
      }
      .light {
        position: absolute;
        top: -2px;
        bottom: -2px;
        left: 0;
        width: 12px;
        margin-left: -6px;
        border: 2px solid var(--ink);
        border-radius: 6px;
        background: var(--paper-raised);
        opacity: 0;
        pointer-events: none;
      }
      ul {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        gap: 0 10px;
        margin-top: 6px;
        font-size: var(--size-small);
        line-height: 1.7;
      }
      :host([large]) ul {
        margin-top: 12px;
        gap: 4px 16px;
        font-size: var(--size-body);
      }
      .dot {
        display: inline-block;
        width: 9px;
        height: 9px;
        margin-right: 6px;
        border-radius: 50%;
        background: var(--colour);
      }
      .total {
        font-variant-numeric: tabular-nums;
        margin-left: auto;
      }
      .empty {
        height: 8px;
        border-radius: 2px;
        background: var(--line);
      }
      :host([large]) .empty {
        height: 32px;
        border-radius: 4px;
      }
      .will {
        margin-top: 12px;
      }
      @media (prefers-reduced-motion: reduce) {
        .loaded {
          transition: none;
        }
      }
    `,
  ]

  declare state: NodeState | null
  /** Goes up with every token; each step sends a light along the band. */
  declare tick: number
  /** Of the latest token; the node's own `speed` stands in where absent. */
  declare timing: StepTiming | null
  declare large: boolean

  constructor() {
    super()
    this.state = null
    this.tick = 0
    this.timing = null
    this.large = false
  }

  override render() {
    const placement = this.state && shownPlacement(this.state)
    if (!this.state || !placement) return this.large ? this.renderEmpty() : nothing
    const timing = this.shownTiming(placement)
    return html`
      <div class="band" role="img" aria-label=${this.describe(this.state, placement)}>
        ${placement.stages.map((stage) => renderStretch(stage))}
        <div class="light"></div>
      </div>
      <ul>
        ${placement.stages.map((stage, index) => this.renderCaption(stage, index, placement, timing))}
        ${timing ? renderTotal(placement, timing) : nothing}
        ${this.state.placement ? nothing : this.renderOwner(this.state)}
      </ul>
    `
  }

  /** Timing that belongs to these stages: none while they are loading, or of another placement. */
  private shownTiming(placement: Placement): StepTiming | null {
    if (!this.state?.placement) return null
    const timing = this.timing ?? this.state.speed
    const fits = timing?.computeMs.length === placement.stages.length
    return timing && fits && placement.stages.some((stage) => stage.status === 'ready') ? timing : null
  }

  private renderEmpty() {
    return html`<div class="empty"></div>
      <p class="soft small will">${uiWords().ribbon.empty}</p>`
  }

  /** Whose model it is that this node only lends layers to. */
  private renderOwner(state: NodeState) {
    const [held] = state.held
    if (!held) return nothing
    return html`<li class="total soft">${uiWords().ribbon.answersWith(nodeName(state, held.ownerId), held.title)}</li>`
  }

  private renderCaption(stage: Stage, index: number, placement: Placement, timing: StepTiming | null) {
    if (!this.state) return nothing
    const compute = timing?.computeMs[index]
    const words = uiWords().ribbon
    const status =
      stage.status === 'lost'
        ? html`<span class="loss">${words.left}</span>`
        : stage.status === 'loading'
          ? html`<span class="figure">${words.loading(formatPercent(stage.progress))}</span>`
          : stage.status === 'waiting'
            ? html`<span>${words.status.waiting}</span>`
            : compute === undefined
              ? nothing
              : html`<span class="figure">${formatMs(compute)}</span>`
    // The wire's time is measured as a whole; every token makes one hop a stage, the way home included.
    const hop = timing && placement.stages.length > 1 ? timing.networkMs / placement.stages.length : undefined
    return html`
      <li>
        <span class="dot" ${styled({ '--colour': nodeColour(stage.nodeId) })}></span
        >${nodeName(this.state, stage.nodeId)}
        <span class="soft">${formatLayers(stage.range)}</span>
        ${status}
      </li>
      ${
        index < placement.stages.length - 1
          ? html`<li class="soft figure" title=${words.hop}>
              <span aria-hidden="true">→</span> ${hop === undefined ? nothing : formatMs(hop)}
            </li>`
          : nothing
      }
    `
  }

  private describe(state: NodeState, placement: Placement): string {
    const words = uiWords().ribbon
    const parts = placement.stages.map((stage) =>
      words.stretch(formatLayers(stage.range), nodeName(state, stage.nodeId), words.status[stage.status]),
    )
    const names = [...new Set(placement.stages.map((stage) => nodeName(state, stage.nodeId)))]
    return words.band(placement.layers, joinNames(names), parts.join('; '))
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('tick') && this.tick > 0) this.runLight()
  }

  private runLight(): void {
    const light = this.renderRoot.querySelector<HTMLElement>('.light')
    const placement = this.state && shownPlacement(this.state)
    const timing = placement && this.shownTiming(placement)
    if (!light || !placement || !timing || matchMedia('(prefers-reduced-motion: reduce)').matches) return
    for (const animation of light.getAnimations()) animation.cancel()
    light.animate(lightFrames(placement, timing), {
      duration: Math.min(Math.max(timing.totalMs, 60), LONGEST_RUN_MS),
      easing: 'linear',
    })
  }
}

function renderStretch(stage: Stage) {
  const layers = stage.range.last - stage.range.first
  return html`<div
    class=${classMap({ stretch: true, [stage.status]: true })}
    ${styled({ 'flex-grow': String(layers), '--colour': nodeColour(stage.nodeId), '--layers': String(layers) })}
  >
    ${
      stage.status === 'loading'
        ? html`<div class="loaded" ${styled({ width: `${stage.progress * 100}%` })}></div>`
        : nothing
    }
  </div>`
}

function renderTotal(placement: Placement, timing: StepTiming) {
  const compute = timing.computeMs.reduce((sum, ms) => sum + ms, 0)
  const words = uiWords().ribbon
  return html`<li class="total soft">
    ${words.compute(formatMs(compute))}${
      placement.stages.length > 1 ? html` · ${words.wire(formatMs(timing.networkMs))}` : nothing
    }
    · ${formatRate(timing.totalMs)}
  </li>`
}

/** Where the light is when: it takes as long over a stretch as that node computed. */
function lightFrames(placement: Placement, timing: StepTiming): Keyframe[] {
  const compute = placement.stages.map((_, index) => Math.max(timing.computeMs[index] ?? 0, 0.001))
  const total = compute.reduce((sum, ms) => sum + ms, 0)
  const frames: Keyframe[] = [{ left: '0%', opacity: 0.85, offset: 0 }]
  let time = 0
  for (const [index, stage] of placement.stages.entries()) {
    time += compute[index] ?? 0
    frames.push({
      left: `${(stage.range.last / placement.layers) * 100}%`,
      opacity: 0.85,
      offset: Math.min(1, time / total),
    })
  }
  return frames
}

customElements.define('layer-ribbon', LayerRibbon)
