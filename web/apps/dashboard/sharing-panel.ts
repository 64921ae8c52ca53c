// What this browser gives to other nodes and keeps for them, the limits a person sets on both, and what passed.

import { css, html, LitElement, nothing } from 'lit'
import { live } from 'lit/directives/live.js'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import type { SharingSettings, SharingState } from '../../../worker/node/sharing-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { formatBytes } from '../../ui/format.ts'
import { nodeName } from '../../ui/node-names.ts'
import { dashboardWords } from './words/dashboard-words.ts'

/** Bytes a second. */
const RATES = [null, 10e6, 5e6, 1e6, 250e3] as const
const AMOUNTS = [0, 1e9, 4e9, 8e9, 20e9, 50e9] as const

export class SharingPanel extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    problem: { state: true },
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
      input[type='checkbox'] {
        width: 18px;
        height: 18px;
        min-height: 0;
        margin: 4px 0 0;
        accent-color: var(--accent);
      }
      .limits {
        display: grid;
        grid-template-columns: max-content minmax(0, 1fr);
        gap: var(--step) 16px;
        align-items: center;
      }
      .limits select {
        justify-self: start;
      }
      table {
        width: 100%;
        border-collapse: collapse;
      }
      caption {
        text-align: left;
      }
      th,
      td {
        padding: 4px 0;
        border-top: 1px solid var(--line);
        text-align: left;
        font-weight: inherit;
      }
      thead th {
        border-top: 0;
        color: var(--ink-soft);
      }
      td,
      thead th + th {
        padding-left: 16px;
        text-align: right;
      }
      tbody th {
        overflow-wrap: anywhere;
      }
      @media (max-width: 400px) {
        .limits {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare problem: Problem | null

  constructor() {
    super()
    this.api = null
    this.state = null
    this.problem = null
  }

  override render() {
    const state = this.state
    if (!state) return nothing
    const { sharing } = state
    const words = dashboardWords().sharing
    const { enabled, bytesPerSecond, keepBytes, keptBytes } = sharing
    return html`<div class="stack">
      <label class="tick">
        <input
          type="checkbox"
          .checked=${live(enabled)}
          @change=${(event: Event) => this.set({ enabled: (event.target as HTMLInputElement).checked })}
        />
        <span>${words.give}</span>
        <p class="small soft">${enabled ? words.on : words.off} ${words.learns}</p>
      </label>
      <div class="limits">
        <label for="rate">${words.upload}</label>
        <select
          id="rate"
          ?disabled=${!enabled}
          @change=${(event: Event) => this.set({ bytesPerSecond: chosen(event) })}
        >
          ${withPresent(RATES, bytesPerSecond).map(
            (rate) =>
              html`<option value=${String(rate)} ?selected=${rate === bytesPerSecond}>
                ${rate === null ? words.asFast : `${formatBytes(rate)}/s`}
              </option>`,
          )}
        </select>
        <label for="keep">${words.keep}</label>
        <select id="keep" @change=${(event: Event) => this.set({ keepBytes: chosen(event) ?? 0 })}>
          ${withPresent(AMOUNTS, keepBytes).map(
            (amount) =>
              html`<option value=${String(amount)} ?selected=${amount === keepBytes}>
                ${amount === 0 ? words.nothing : words.atMost(formatBytes(amount))}
              </option>`,
          )}
        </select>
      </div>
      <p class="small soft">${words.kept} <span class="figure">${formatBytes(keptBytes)}</span> ${words.keptAfter}</p>
      ${renderTraffic(state, sharing)}
      ${this.problem ? html`<p class="loss" role="alert">${renderProblem(this.problem)}</p>` : nothing}
    </div>`
  }

  private async set(change: Partial<SharingSettings>): Promise<void> {
    const sharing = this.state?.sharing
    if (!sharing) return
    const { enabled, bytesPerSecond, keepBytes } = sharing
    this.problem = null
    try {
      await this.api?.setSharing({ enabled, bytesPerSecond, keepBytes, ...change })
    } catch (error) {
      this.problem = problemOf(error)
    }
  }
}

function renderTraffic(state: NodeState, { fromPeers, fromOrigin, given, refused, peers }: SharingState) {
  const words = dashboardWords().sharing
  if (fromPeers + fromOrigin + given + refused === 0) {
    return html`<p class="soft">${words.none}</p>`
  }
  return html`<table>
      <caption>
        ${words.since}
      </caption>
      <thead>
        <tr>
          <th scope="col">${words.where}</th>
          <th scope="col">${words.received}</th>
          <th scope="col">${words.given}</th>
        </tr>
      </thead>
      <tbody>
        ${peers.map(({ id, received, given: sent }) => renderRow(nodeName(state, id), received, sent))}
        ${fromOrigin > 0 ? renderRow(words.addresses, fromOrigin, null) : nothing}
      </tbody>
    </table>
    ${refused > 0 ? html`<p class="small loss">${words.refused(refused)}</p>` : nothing}`
}

function renderRow(name: string, received: number, given: number | null) {
  return html`<tr>
    <th scope="row">${name}</th>
    <td class="figure">${received > 0 ? formatBytes(received) : '–'}</td>
    <td class="figure">${given !== null && given > 0 ? formatBytes(given) : '–'}</td>
  </tr>`
}

/** The choices, and among them what is set at present. */
function withPresent<Value>(choices: readonly Value[], present: Value): readonly Value[] {
  return choices.includes(present) ? choices : [...choices, present]
}

function chosen(event: Event): number | null {
  const { value } = event.target as HTMLSelectElement
  return value === 'null' ? null : Number(value)
}

customElements.define('sharing-panel', SharingPanel)
