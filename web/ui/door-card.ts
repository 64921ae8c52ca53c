// The door for programs outside: opens and closes it, makes and takes back their keys, and says what passed.

import { css, html, LitElement, nothing } from 'lit'
import type { NodeApi, NodeState } from '../../worker/node/api.ts'
import type { DoorKeyState, DoorState } from '../../worker/node/door-api.ts'
import { baseStyles } from './base-styles.ts'
import { problemOf, renderProblem, type Problem } from './error-words.ts'
import { formatCount } from './format.ts'
import { doorWords } from './words/door-words.ts'
import './confirm-button.ts'
import './copy-button.ts'

const DAILY = [50_000, 200_000, 1_000_000, null] as const
const RATES = [10, 60, 600] as const

export class DoorCard extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    made: { state: true },
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
      h3 {
        margin-bottom: 4px;
      }
      .address {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0 8px;
      }
      code,
      pre {
        font-family: var(--mono);
        font-size: 0.9em;
        overflow-wrap: anywhere;
      }
      pre {
        margin: 8px 0 0;
        padding: 12px;
        border-radius: var(--radius);
        background: var(--paper-sunken);
        white-space: pre-wrap;
      }
      li.key {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: 0 16px;
        padding: 6px 0;
        border-top: 1px solid var(--line);
      }
      .key > span {
        min-width: 0;
        overflow-wrap: anywhere;
      }
      form {
        display: grid;
        grid-template-columns: repeat(2, minmax(0, 1fr));
        gap: var(--step) 16px;
        align-items: end;
      }
      form label {
        display: block;
      }
      form .whole {
        grid-column: 1 / -1;
      }
      form span {
        display: block;
        font-size: var(--size-small);
        color: var(--ink-soft);
      }
      form button {
        justify-self: start;
      }
      .made {
        padding: 12px;
        border: 1px solid var(--accent);
        border-radius: var(--radius);
      }
      @media (max-width: 400px) {
        form {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  /** A key that was just made, for as long as a person has not said that it is copied. */
  declare made: { readonly name: string; readonly key: string } | null
  declare problem: Problem | null

  constructor() {
    super()
    this.api = null
    this.state = null
    this.made = null
    this.problem = null
  }

  override render() {
    const words = doorWords()
    const door = this.state?.door
    if (!door) return nothing
    if (door.address === null) return html`<p class="soft">${words.noServer}</p>`
    return html`<div class="stack">
      <p>${words.intro}</p>
      <div class="row">
        <button class=${door.on ? '' : 'primary'} @click=${() => this.run((api) => api.setDoor(!door.on))}>
          ${door.on ? words.close : words.open}
        </button>
      </div>
      <p class=${door.state === 'refused' ? 'loss' : 'soft'} role="status" data-door=${door.state}>${stateOf(door)}</p>
      ${door.on || door.keys.length > 0 ? this.renderOpen(door, door.address) : nothing}
      ${this.problem ? html`<p class="loss" role="alert">${renderProblem(this.problem)}</p>` : nothing}
    </div>`
  }

  private renderOpen(door: DoorState, address: string) {
    const words = doorWords()
    return html`<div>
        <h3>${words.address}</h3>
        <p class="address">
          <code>${address}</code><copy-button label=${words.copyAddress} .text=${address}></copy-button>
        </p>
      </div>
      ${door.on ? renderModels(door) : nothing}
      <div>
        <h3>${words.keys}</h3>
        ${door.keys.length === 0 ? html`<p class="soft">${words.noKeys}</p>` : nothing}
        <ul>
          ${door.keys.map((key) => this.renderKey(key))}
        </ul>
      </div>
      ${this.made ? this.renderMade(this.made) : this.renderForm()}
      ${
        door.requests > 0
          ? html`<p class="small soft">
              ${words.passed(formatCount(door.requests), formatCount(door.promptTokens + door.answerTokens))}
              ${door.running > 0 ? words.running(door.running) : nothing}
            </p>`
          : nothing
      }
      <details>
        <summary>${words.how}</summary>
        <p class="small soft">${words.howText}</p>
        <pre>${exampleOf(address, door.models[0]?.name ?? 'model')}</pre>
      </details>`
  }

  private renderKey({ id, name, requestsPerMinute, tokensPerDay, tokensToday }: DoorKeyState) {
    const words = doorWords()
    const most = tokensPerDay === null ? null : formatCount(tokensPerDay)
    return html`<li class="key">
      <span
        >${name}<br /><small class="soft figure">${words.usedToday(formatCount(tokensToday), most)}</small>
        <small class="soft figure">· ${words.rate(formatCount(requestsPerMinute))}</small></span
      >
      <confirm-button
        label=${words.remove}
        what=${name}
        question=${words.removeQuestion}
        @confirm=${() => this.run((api) => api.removeDoorKey(id))}
      ></confirm-button>
    </li>`
  }

  private renderForm() {
    const words = doorWords()
    return html`<form @submit=${(event: SubmitEvent) => this.make(event)}>
      <label class="whole"
        ><span>${words.keyName}</span
        ><input name="name" maxlength="60" required autocomplete="off" placeholder=${words.keyNameHint}
      /></label>
      <label
        ><span>${words.perDay}</span
        ><select name="perDay">
          ${DAILY.map(
            (most) =>
              html`<option value=${String(most)} ?selected=${most === 200_000}>
                ${most === null ? words.unlimited : formatCount(most)}
              </option>`,
          )}
        </select></label
      >
      <label
        ><span>${words.perMinute}</span
        ><select name="perMinute">
          ${RATES.map((rate) => html`<option value=${rate} ?selected=${rate === 60}>${formatCount(rate)}</option>`)}
        </select></label
      >
      <button type="submit">${words.make}</button>
    </form>`
  }

  private renderMade({ name, key }: { readonly name: string; readonly key: string }) {
    const words = doorWords()
    return html`<div class="made stack" role="status">
      <p>${words.madeFor(name)}</p>
      <p><code data-door-key>${key}</code></p>
      <p class="small soft">${words.madeOnce}</p>
      <div class="row">
        <copy-button label=${words.copyKey} .text=${key}></copy-button>
        <button class="plain" @click=${() => (this.made = null)}>${words.done}</button>
      </div>
    </div>`
  }

  private async make(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const fields = event.target as HTMLFormElement
    const valueOf = (field: string) => (fields.elements.namedItem(field) as HTMLInputElement | HTMLSelectElement).value
    const name = valueOf('name')
    const perDay = valueOf('perDay')
    const settings = {
      name,
      requestsPerMinute: Number(valueOf('perMinute')),
      tokensPerDay: perDay === 'null' ? null : Number(perDay),
    }
    await this.run(async (api) => {
      this.made = { name, key: await api.makeDoorKey(settings) }
    })
  }

  private async run(action: (api: NodeApi) => Promise<void>): Promise<void> {
    this.problem = null
    try {
      if (this.api) await action(this.api)
    } catch (error) {
      this.problem = problemOf(error)
    }
  }
}

function stateOf({ state, reason }: DoorState): string {
  const words = doorWords()
  if (state === 'refused') return `${words.states.refused} ${reason ?? ''}`
  return state === 'connecting' && reason !== null ? words.again(reason) : words.states[state]
}

function renderModels({ models }: DoorState) {
  const words = doorWords()
  return html`<div>
    <h3>${words.models}</h3>
    ${
      models.length === 0
        ? html`<p class="soft">${words.noModels}</p>`
        : html`<ul>
            ${models.map(({ name, title }) => html`<li><code>${name}</code> <small class="soft">${title}</small></li>`)}
          </ul>`
    }
  </div>`
}

function exampleOf(address: string, model: string): string {
  return [
    'from openai import OpenAI',
    `client = OpenAI(base_url="${address}", api_key="ck-…")`,
    'answer = client.chat.completions.create(',
    `    model="${model}",`,
    '    messages=[{"role": "user", "content": "Why does the tide rise twice a day?"}],',
    ')',
    'print(answer.choices[0].message.content)',
  ].join('\n')
}

customElements.define('door-card', DoorCard)
