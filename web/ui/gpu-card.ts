// What this tab computes with, or why it cannot and what to do about that.

import { css, html, LitElement, nothing } from 'lit'
import type { GpuState, NodeState } from '../../worker/node/api.ts'
import { baseStyles } from './base-styles.ts'
import { formatBytes } from './format.ts'

export function gpuTitle(gpu: GpuState): string {
  if (gpu.kind === 'starting') return 'asking the browser for a GPU'
  if (gpu.kind === 'none') return 'no GPU in use'
  if (gpu.description) return gpu.description
  const words = [gpu.vendor, gpu.architecture].filter(Boolean)
  return (
    words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(' ') || 'a GPU the browser does not name'
  )
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
    if (!gpu) return nothing
    if (gpu.kind === 'none') {
      return html`<div class="problem ${gpu.reason}" role="note">
        <p>${gpu.message}</p>
        <p>${gpu.remedy}</p>
        <p class="soft">Until then this is a light node: it chats with models that other nodes of its room hold.</p>
      </div>`
    }
    if (gpu.kind === 'starting') return html`<span>${gpuTitle(gpu)}</span>`
    return html`<dl>
      <dt>Adapter</dt>
      <dd>
        ${gpuTitle(gpu)}${gpu.software ? html` <span class="soft">(software, on the CPU: expect it to be slow)</span>` : nothing}
      </dd>
      <dt>Offers</dt>
      <dd class="tabular">${formatBytes(gpu.budgetBytes)} for weights and caches</dd>
      <dt>Reads weights</dt>
      <dd class="tabular">
        ${gpu.bytesPerSecond > 0 ? html`${formatBytes(gpu.bytesPerSecond)}/s, measured` : 'not measured yet'}
      </dd>
      <dt>Largest buffer</dt>
      <dd class="tabular">${formatBytes(gpu.maxBufferBytes)}</dd>
      <dt>Features</dt>
      <dd class="small mono">${gpu.features.length > 0 ? gpu.features.join(', ') : 'none beyond the basics'}</dd>
    </dl>`
  }
}

customElements.define('gpu-card', GpuCard)
