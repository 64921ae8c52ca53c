// The limits that a person sets on what this node takes, pausing, and leaving the room cleanly.

import { css, html, LitElement, nothing } from 'lit'
import { live } from 'lit/directives/live.js'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import type { Limits, LimitsState } from '../../../worker/node/limits-api.ts'
import { askForIdleness, idleSource } from '../../node/conditions.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { formatBytes, formatPercent } from '../../ui/format.ts'
import { dashboardWords } from './words/dashboard-words.ts'

const AMOUNTS = [null, 0, 256e6, 512e6, 1e9, 2e9, 4e9, 6e9, 8e9, 12e9, 16e9, 24e9] as const
const SHARES = [1, 0.75, 0.5, 0.25, 0.1] as const

export class LimitsPanel extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    problem: { state: true },
    leaving: { state: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .stack > * + * {
        margin-top: 16px;
      }
      .now {
        padding: 12px 16px;
        border-left: 3px solid var(--accent);
        border-radius: 0 var(--radius) var(--radius) 0;
        background: var(--paper-sunken);
      }
      .now.rests {
        border-color: var(--line-strong);
      }
      .now .row {
        margin-top: 8px;
      }
      .limits {
        display: grid;
        grid-template-columns: max-content minmax(0, 1fr);
        gap: var(--step) 16px;
        align-items: center;
      }
      .limits select {
        justify-self: start;
        width: auto;
        max-width: 100%;
      }
      .limits p {
        grid-column: 2;
        margin-top: -4px;
      }
      .tick {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 4px 12px;
        align-items: start;
        cursor: pointer;
      }
      .tick p {
        grid-column: 2;
      }
      .ask {
        margin: 4px 0 0 22px;
      }
      input[type='checkbox'] {
        width: 18px;
        height: 18px;
        min-height: 0;
        margin: 4px 0 0;
        accent-color: var(--accent);
      }
      @media (max-width: 480px) {
        .limits {
          grid-template-columns: minmax(0, 1fr);
        }
        .limits p {
          grid-column: 1;
          margin-bottom: 8px;
        }
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare problem: Problem | null
  declare leaving: boolean

  constructor() {
    super()
    this.api = null
    this.state = null
    this.problem = null
    this.leaving = false
  }

  override render() {
    const { state } = this
    if (!state) return nothing
    const { limits } = state
    const words = dashboardWords().limits
    const { resting } = limits
    return html`<div class="stack">
      <div class="now ${resting === null ? '' : 'rests'}">
        <p role="status">${resting === null ? words.helps : words.rests[resting]}</p>
        <div class="row">
          <button ?disabled=${this.leaving} @click=${() => this.set({ paused: !limits.paused })}>
            ${limits.paused ? words.goOn : words.pause}
          </button>
          <button ?disabled=${state.room === null || this.leaving} @click=${() => this.leave()}>
            ${this.leaving ? words.leaving : words.leave}
          </button>
        </div>
        <p class="small soft">${state.room === null ? words.notInRoom : words.leaveWords}</p>
      </div>
      <div class="limits">
        <label for="memory">${words.memory}</label>
        <select id="memory" @change=${(event: Event) => this.set({ memoryBytes: chosen(event) })}>
          ${withPresent(AMOUNTS, limits.memoryBytes).map(
            (amount) =>
              html`<option value=${String(amount)} ?selected=${amount === limits.memoryBytes}>
                ${amountWords(limits, amount)}
              </option>`,
          )}
        </select>
        <p class="small soft">${words.memoryWords}</p>
        <label for="share">${words.share}</label>
        <select id="share" @change=${(event: Event) => this.set({ gpuShare: chosen(event) ?? 1 })}>
          ${withPresent(SHARES, limits.gpuShare).map(
            (share) =>
              html`<option value=${String(share)} ?selected=${share === limits.gpuShare}>
                ${share === 1 ? words.shareAll : words.sharePart(formatPercent(share))}
              </option>`,
          )}
        </select>
        <p class="small soft">${words.shareWords}</p>
      </div>
      ${this.renderIdle(limits)} ${this.renderMains(limits)}
      ${this.problem ? html`<p class="loss" role="alert">${renderProblem(this.problem)}</p>` : nothing}
    </div>`
  }

  private renderIdle(limits: LimitsState) {
    const words = dashboardWords().limits
    const source = idleSource()
    return html`<div>
      <label class="tick">
        <input
          type="checkbox"
          .checked=${live(limits.onlyWhenIdle)}
          @change=${(event: Event) => this.set({ onlyWhenIdle: ticked(event) })}
        />
        <span>${words.idle}</span>
        <p class="small soft">
          ${source === 'device' ? words.idleDevice : source === 'askable' ? words.idleTab : words.idleTabOnly}
        </p>
      </label>
      ${
        source === 'askable'
          ? html`<p class="ask">
              <button class="plain" @click=${() => this.askForIdleness()}>${words.allowIdle}</button>
            </p>`
          : nothing
      }
    </div>`
  }

  private renderMains({ onlyOnMains, conditions }: LimitsState) {
    const words = dashboardWords().limits
    const { onMains } = conditions
    return html`<label class="tick">
      <input
        type="checkbox"
        .checked=${live(onlyOnMains)}
        ?disabled=${onMains === null && !onlyOnMains}
        @change=${(event: Event) => this.set({ onlyOnMains: ticked(event) })}
      />
      <span>${words.mains}</span>
      <p class="small soft">${onMains === null ? words.mainsUnknown : onMains ? words.onMains : words.onBattery}</p>
    </label>`
  }

  private async set(change: Partial<Limits>): Promise<void> {
    if (!this.state) return
    const { memoryBytes, gpuShare, onlyWhenIdle, onlyOnMains, paused } = this.state.limits
    await this.attempt(() =>
      this.api?.setLimits({ memoryBytes, gpuShare, onlyWhenIdle, onlyOnMains, paused, ...change }),
    )
  }

  private async leave(): Promise<void> {
    this.leaving = true
    await this.attempt(() => this.api?.leaveCleanly())
    this.leaving = false
  }

  private async attempt(work: () => Promise<void> | undefined): Promise<void> {
    this.problem = null
    try {
      await work()
    } catch (error) {
      this.problem = problemOf(error)
    } finally {
      // What was not taken is shown as it was.
      this.requestUpdate()
    }
  }

  private async askForIdleness(): Promise<void> {
    await askForIdleness()
    this.requestUpdate()
  }
}

function amountWords({ suggestedBytes }: LimitsState, amount: number | null): string {
  const words = dashboardWords().limits
  if (amount === null) return suggestedBytes > 0 ? words.suggested(formatBytes(suggestedBytes)) : words.suggestedUnknown
  return amount === 0 ? words.noMemory : words.upTo(formatBytes(amount))
}

/** The choices, and among them what is set at present. */
function withPresent<Value>(choices: readonly Value[], present: Value): readonly Value[] {
  return choices.includes(present) ? choices : [...choices, present]
}

const ticked = (event: Event) => (event.target as HTMLInputElement).checked

function chosen(event: Event): number | null {
  const { value } = event.target as HTMLSelectElement
  return value === 'null' ? null : Number(value)
}

customElements.define('limits-panel', LimitsPanel)
