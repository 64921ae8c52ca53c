// What is on this node's GPU: how much of the memory it offers is in use for what, and which layers it holds for whom.

import { css, html, LitElement, nothing } from 'lit'
import type { HeldModel, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { formatBytes, formatLayers } from '../../ui/format.ts'
import { nodeColour } from '../../ui/node-colours.ts'
import { nodeName } from '../../ui/node-names.ts'
import { shownTitle } from '../../ui/shown-placement.ts'
import { styled } from '../../ui/styled.ts'
import { dashboardWords } from './words/dashboard-words.ts'

export class MemoryCard extends LitElement {
  static override properties = { state: { attribute: false } }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .bar {
        display: flex;
        gap: 2px;
        height: 16px;
        margin: 8px 0;
        border-radius: 4px;
        overflow: hidden;
        background: var(--line);
      }
      .part {
        min-width: 2px;
      }
      .weights,
      .key .weights {
        background: var(--accent);
      }
      .caches {
        background: repeating-linear-gradient(
          135deg,
          var(--accent) 0 3px,
          color-mix(in oklab, var(--accent) 35%, var(--paper)) 3px 7px
        );
      }
      .training {
        background: var(--ink-soft);
      }
      .key {
        display: flex;
        flex-wrap: wrap;
        gap: 0 20px;
      }
      .key i {
        display: inline-block;
        width: 12px;
        height: 12px;
        margin-right: 6px;
        border-radius: 2px;
        vertical-align: -1px;
      }
      h3 {
        margin-top: 20px;
      }
      li {
        display: grid;
        grid-template-columns: 10px minmax(0, 1fr);
        gap: 12px;
        padding: 4px 0;
      }
      li i {
        width: 10px;
        height: 10px;
        margin-top: 8px;
        border-radius: 50%;
      }
    `,
  ]

  declare state: NodeState | null

  constructor() {
    super()
    this.state = null
  }

  override render() {
    const { state } = this
    if (!state) return nothing
    const words = dashboardWords().memory
    const { gpu, limits } = state
    const { weights, caches, training } = limits.memory
    const used = weights + caches + training
    const all = gpu.kind === 'ready' ? gpu.budgetBytes : 0
    const parts = [
      { name: 'weights', bytes: weights },
      { name: 'caches', bytes: caches },
      { name: 'training', bytes: training },
    ] as const
    return html`${
        gpu.kind === 'ready'
          ? html`<p class="figure">${words.used(formatBytes(used), formatBytes(all))}</p>
              <div
                class="bar"
                role="meter"
                aria-label=${words.barLabel}
                aria-valuemin="0"
                aria-valuemax=${Math.max(all, used)}
                aria-valuenow=${used}
                aria-valuetext=${words.used(formatBytes(used), formatBytes(all))}
              >
                ${parts
                  .filter(({ bytes }) => bytes > 0)
                  .map(
                    ({ name, bytes }) =>
                      html`<span
                        class="part ${name}"
                        ${styled({ width: `${(100 * bytes) / Math.max(all, used, 1)}%` })}
                      ></span>`,
                  )}
              </div>
              ${
                used === 0
                  ? html`<p class="small soft">${words.none}</p>`
                  : html`<p class="key small soft">
                      ${parts
                        .filter(({ bytes }) => bytes > 0)
                        .map(
                          ({ name, bytes }) =>
                            html`<span
                              ><i class=${name}></i>${words[name]}
                              <span class="figure">${formatBytes(bytes)}</span></span
                            >`,
                        )}
                    </p>`
              }`
          : nothing
      }
      <h3>${words.held}</h3>
      ${renderHeld(state)}`
  }
}

function renderHeld(state: NodeState) {
  const words = dashboardWords().memory
  const title = shownTitle(state) ?? ''
  const own = state.placement?.stages.filter(({ nodeId }) => nodeId === state.id) ?? []
  if (own.length + state.held.length === 0) return html`<p class="small soft">${words.noLayers}</p>`
  return html`<ul class="held">
    ${own.map(
      ({ range, status }) =>
        html`<li>
          <i ${styled({ background: nodeColour(state.id) })}></i>
          <span
            >${words.own(title, formatLayers(range))}
            ${status === 'ready' ? nothing : html`<span class="soft">(${words.loading})</span>`}</span
          >
        </li>`,
    )}
    ${state.held.map((held) => renderLent(state, held))}
  </ul>`
}

function renderLent(state: NodeState, { ownerId, title, stages, ready }: HeldModel) {
  const words = dashboardWords().memory
  const owner = nodeName(state, ownerId)
  const mine = stages.filter(({ nodeId }) => nodeId === state.id)
  return html`<li>
    <i ${styled({ background: nodeColour(ownerId) })}></i>
    <span
      >${
        mine.length === 0
          ? words.spare(title, owner)
          : words.lent(title, mine.map(({ range }) => formatLayers(range)).join(', '), owner)
      }
      ${ready ? nothing : html`<span class="soft">(${words.loading})</span>`}</span
    >
  </li>`
}

customElements.define('memory-card', MemoryCard)
