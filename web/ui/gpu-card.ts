// What this tab computes with, or why it cannot and what to do about that.

import { css, html, LitElement, nothing } from 'lit'
import type { GpuState, NodeState } from '../../worker/node/api.ts'
import { baseStyles } from './base-styles.ts'
import { renderGpuProblem } from './error-words.ts'
import { formatBytes } from './format.ts'
import { uiWords } from './words/ui-words.ts'

export function gpuTitle(gpu: GpuState): string {
  const words = uiWords().gpu
  if (gpu.kind === 'starting') return words.starting
  if (gpu.kind === 'none') return words.none
  if (gpu.description) return gpu.description
  const names = [gpu.vendor, gpu.architecture].filter(Boolean)
  return names.map((name) => name.charAt(0).toUpperCase() + name.slice(1)).join(' ') || words.unnamed
}

export class GpuCard extends LitElement {
  static override properties = { state: { attribute: false } }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      dl {
        display: grid;
        grid-template-columns: max-content 1fr;
        gap: 4px 24px;
      }
      dt {
        color: var(--ink-soft);
      }
      .tabular {
        font-variant-numeric: tabular-nums;
      }
      dd {
        min-width: 0;
        overflow-wrap: anywhere;
      }
      .problem {
        padding: 12px 16px;
        border-left: 3px solid var(--line-strong);
        background: var(--paper-sunken);
        border-radius: 0 var(--radius) var(--radius) 0;
      }
      .problem.device-lost {
        border-color: var(--loss);
      }
      p + p {
        margin-top: 4px;
      }
    `,
  ]

  declare state: NodeState | null

  constructor() {
    super()
    this.state = null
  }

  override render() {
    const gpu = this.state?.gpu
    const words = uiWords().gpu
    if (!gpu) return nothing
    if (gpu.kind === 'none') {
      return html`<div class="problem ${gpu.reason}" role="note">
        ${renderGpuProblem(gpu)}
        <p class="soft">${words.light}</p>
      </div>`
    }
    if (gpu.kind === 'starting') return html`<span>${gpuTitle(gpu)}</span>`
    return html`<dl>
      <dt>${words.adapter}</dt>
      <dd>${gpuTitle(gpu)}${gpu.software ? html` <span class="soft">${words.software}</span>` : nothing}</dd>
      <dt>${words.offers}</dt>
      <dd class="tabular">${words.forWeights(formatBytes(gpu.budgetBytes))}</dd>
      <dt>${words.reads}</dt>
      <dd class="tabular">
        ${gpu.bytesPerSecond > 0 ? words.measured(`${formatBytes(gpu.bytesPerSecond)}/s`) : words.notMeasured}
      </dd>
      <dt>${words.largestBuffer}</dt>
      <dd class="tabular">${formatBytes(gpu.maxBufferBytes)}</dd>
      <dt>${words.features}</dt>
      <dd class="small mono">${gpu.features.length > 0 ? gpu.features.join(', ') : words.basics}</dd>
    </dl>`
  }
}

customElements.define('gpu-card', GpuCard)
