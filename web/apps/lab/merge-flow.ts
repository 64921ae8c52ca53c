// The picture of a merge: parents, each as broad as its weight, flow through the operator into the result.

import { css, html, LitElement, nothing, svg } from 'lit'
import { baseStyles } from '../../ui/base-styles.ts'
import type { MergePicture, PictureInput } from './merge-picture.ts'
import { exchangeWords } from './words/lab-words.ts'

/** Units of the drawing; it is stretched to the rows beside it. */
const ROW = 100
const ACROSS = 100
const NARROWEST = 2
const BROADEST = 18

export class MergeFlow extends LitElement {
  static override properties = { picture: { attribute: false } }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      figure {
        display: grid;
        grid-template-columns: minmax(0, 5fr) minmax(24px, 3fr) minmax(0, 5fr);
        align-items: stretch;
        margin: 0;
      }
      .inputs {
        display: grid;
        grid-auto-rows: 1fr;
      }
      .input,
      .end {
        display: flex;
        flex-direction: column;
        justify-content: center;
        min-width: 0;
        min-height: 56px;
        padding: 4px 0;
        line-height: 1.35;
      }
      .name {
        display: -webkit-box;
        overflow: hidden;
        font-weight: 600;
        overflow-wrap: anywhere;
        -webkit-box-orient: vertical;
        -webkit-line-clamp: 2;
      }
      .detail {
        font-size: var(--size-small);
        color: var(--ink-soft);
        font-variant-numeric: tabular-nums;
      }
      .flows {
        display: block;
        width: 100%;
        height: 100%;
        min-height: 56px;
      }
      .flow {
        fill: none;
        stroke: color-mix(in oklab, var(--accent) 55%, var(--paper));
        vector-effect: non-scaling-stroke;
        transition: stroke-width 0.2s;
      }
      .flow.base {
        stroke: var(--line-strong);
        stroke-dasharray: 6 4;
      }
      .flow.negative {
        stroke: var(--loss);
        stroke-dasharray: 3 3;
      }
      .through {
        display: grid;
        align-content: center;
        justify-items: start;
        min-width: 0;
      }
      /* As high as what stands under the operator, so that the flows meet the operator in the middle. */
      .through::before {
        content: '';
        height: 88px;
      }
      .operator {
        padding: 6px 12px;
        border-radius: 18px;
        background: var(--accent);
        color: var(--accent-ink);
        font-size: var(--size-small);
        line-height: 1.3;
      }
      .on {
        width: 2px;
        height: 20px;
        margin-left: 24px;
        background: var(--accent);
      }
      .end {
        min-height: 68px;
        justify-content: flex-start;
      }
      @media (prefers-reduced-motion: reduce) {
        .flow {
          transition: none;
        }
      }
    `,
  ]

  declare picture: MergePicture | null

  constructor() {
    super()
    this.picture = null
  }

  override render() {
    const { picture } = this
    if (!picture || picture.inputs.length === 0) return nothing
    const { inputs, operator, result } = picture
    return html`<figure role="img" aria-label=${describePicture(picture)}>
      <div class="inputs">
        ${inputs.map(
          (input) =>
            html`<div class="input">
              <span class="name" title=${input.name}>${input.name}</span><span class="detail">${input.detail}</span>
            </div>`,
        )}
      </div>
      <svg class="flows" viewBox="0 0 ${ACROSS} ${inputs.length * ROW}" preserveAspectRatio="none" aria-hidden="true">
        ${inputs.map(
          (input, index) =>
            svg`<path class="flow ${input.role} ${input.negative ? 'negative' : ''}" d=${flowPath(index, inputs.length)} stroke-width=${breadth(input)} />`,
        )}
      </svg>
      <div class="through">
        <span class="operator">${operator}</span>
        <span class="on"></span>
        <div class="end">
          <span class="name">${result.name}</span>
          ${result.detail ? html`<span class="detail">${result.detail}</span>` : nothing}
        </div>
      </div>
    </figure>`
  }
}

/** From the middle of its row to the middle of all rows. */
function flowPath(index: number, rows: number): string {
  const from = (index + 0.5) * ROW
  const to = (rows * ROW) / 2
  return `M6 ${from}C${ACROSS * 0.55} ${from} ${ACROSS * 0.45} ${to} ${ACROSS} ${to}`
}

const breadth = ({ share }: PictureInput): number => NARROWEST + (BROADEST - NARROWEST) * Math.min(1, share)

export function describePicture({ inputs, operator, result }: MergePicture): string {
  const from = inputs.map(({ name, detail }) => `${name} (${detail})`).join(', ')
  return exchangeWords().merge.picture(from, operator, `${result.name}${result.detail ? ` (${result.detail})` : ''}`)
}

customElements.define('merge-flow', MergeFlow)
