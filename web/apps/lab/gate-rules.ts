// The rules for what comes from others: ask a person each time, or accept what no layer refused; and for which models
// genomes are fetched and judged by themselves.

import { css, html, LitElement, nothing } from 'lit'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import type { GateSettings } from '../../../worker/node/gate-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { choiceField, fieldStyles, tickField } from './fields.ts'
import { exchangeWords } from './words/lab-words.ts'

export class GateRules extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    problem: { state: true },
  }

  static override styles = [
    baseStyles,
    fieldStyles,
    css`
      :host {
        display: block;
      }
      .body {
        max-width: 40rem;
        padding: 8px 0 16px;
      }
      .body > * + * {
        margin-top: 12px;
      }
      .field {
        max-width: 24rem;
      }
      fieldset {
        min-width: 0;
        margin-inline: 0;
        padding: 0;
        border: 0;
      }
      legend {
        margin-bottom: 4px;
        padding: 0;
        font-size: var(--size-small);
        color: var(--ink-soft);
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
    const { state } = this
    if (!state) return nothing
    const { accept, fetchFor } = state.gateRules
    const models = modelsOf(state)
    const words = exchangeWords().rules
    return html`<details>
      <summary>${words.title}</summary>
      <div class="body">
        ${choiceField({
          label: words.accept,
          value: accept,
          options: [
            { value: 'ask', label: words.ask },
            { value: 'unrefused', label: words.unrefused },
          ],
          hint: accept === 'ask' ? words.askHint : words.unrefusedHint,
          onChange: (value) => this.set({ accept: value as GateSettings['accept'] }),
        })}
        ${
          models.length === 0
            ? nothing
            : html`<fieldset>
                <legend>${words.fetchFor}</legend>
                ${models.map(({ hash, name }) =>
                  tickField({
                    label: name,
                    checked: fetchFor.includes(hash),
                    onChange: (on) => {
                      const others = fetchFor.filter((one) => one !== hash)
                      this.set({ fetchFor: on ? [...others, hash] : others })
                    },
                  }),
                )}
              </fieldset>`
        }
        <p class="small soft">${words.note}</p>
        ${this.problem ? html`<p class="problem" role="alert">${renderProblem(this.problem)}</p>` : nothing}
      </div>
    </details>`
  }

  private set(change: Partial<GateSettings>): void {
    const { api, state } = this
    if (!api || !state) return
    this.problem = null
    api.setGateRules({ ...state.gateRules, ...change }).catch((error: unknown) => (this.problem = problemOf(error)))
  }
}

/** Models that genomes here or in the room are for: a fingerprint is known of those alone. */
function modelsOf({ genomes, roomGenomes, arrivals }: NodeState): readonly { hash: string; name: string }[] {
  const names = new Map<string, string>()
  for (const { baseHash, baseName } of [...genomes, ...arrivals, ...roomGenomes]) {
    if (baseHash !== '' && !names.has(baseHash)) names.set(baseHash, baseName || exchangeWords().arrivals.noName)
  }
  return [...names].map(([hash, name]) => ({ hash, name }))
}

customElements.define('gate-rules', GateRules)
