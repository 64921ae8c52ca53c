// How far something long has come, and how long it still takes.

import { css, html, LitElement } from 'lit'
import { baseStyles } from './base-styles.ts'
import { formatPercent, formatTimeLeft } from './format.ts'
import { styled } from './styled.ts'

export class ProgressBar extends LitElement {
  static override properties = {
    label: {},
    value: { type: Number },
    secondsLeft: { attribute: false },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .track {
        height: 6px;
        border-radius: 3px;
        background: var(--line);
        overflow: hidden;
      }
      .done {
        height: 100%;
        background: var(--accent);
      }
      p.figure {
        display: flex;
        justify-content: space-between;
        gap: var(--step);
        margin-top: 4px;
        font-size: var(--size-small);
        color: var(--ink-soft);
        white-space: normal;
      }
    `,
  ]

  declare label: string
  /** 0 to 1. */
  declare value: number
  /** `null` until it can be told; left out where nothing is under way. */
  declare secondsLeft: number | null | undefined

  constructor() {
    super()
    this.label = ''
    this.value = 0
    this.secondsLeft = null
  }

  override render() {
    return html`
      <div
        class="track"
        role="progressbar"
        aria-label=${this.label}
        aria-valuemin="0"
        aria-valuemax="100"
        aria-valuenow=${Math.floor(this.value * 100)}
      >
        <div class="done" ${styled({ width: `${this.value * 100}%` })}></div>
      </div>
      <p class="figure">
        <span>${this.label} ${formatPercent(this.value)}</span
        ><span>${this.secondsLeft === undefined ? '' : formatTimeLeft(this.secondsLeft)}</span>
      </p>
    `
  }
}

customElements.define('progress-bar', ProgressBar)
