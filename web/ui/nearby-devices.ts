// Devices on the same network: a switch to see and be seen, who is there, and pairing with one, in which one device shows a
// code and a person types it into the one that has the room.

import { css, html, LitElement, nothing } from 'lit'
import { live } from 'lit/directives/live.js'
import { repeat } from 'lit/directives/repeat.js'
import type { NearbyState, NodeApi, NodeState } from '../../worker/node/api.ts'
import { baseStyles } from './base-styles.ts'
import { problemOf, renderProblem, type Problem } from './error-words.ts'
import { formatId } from './format.ts'
import { uiWords } from './words/ui-words.ts'

type Pairing = NonNullable<NearbyState['pairing']>

export class NearbyDevices extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    problem: { state: true },
    busy: { state: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .stack > * + * {
        margin-top: var(--step);
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
      li {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        align-items: center;
        gap: 0 var(--step);
        padding: 8px 0;
        border-top: 1px solid var(--line);
      }
      .name {
        overflow-wrap: anywhere;
      }
      .pairing {
        padding: 16px;
        border: 1px solid var(--accent);
        border-radius: var(--radius);
        background: var(--paper-raised);
      }
      .code {
        font-family: var(--mono);
        font-size: 32px;
        line-height: 1.3;
        letter-spacing: 0.08em;
        font-variant-numeric: tabular-nums;
      }
      form {
        display: flex;
        flex-wrap: wrap;
        gap: var(--step);
      }
      form input {
        flex: 1 1 9em;
        max-width: 12em;
        font-family: var(--mono);
        letter-spacing: 0.08em;
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare problem: Problem | null
  declare busy: boolean

  constructor() {
    super()
    this.api = null
    this.state = null
    this.problem = null
    this.busy = false
  }

  override willUpdate(changed: Map<PropertyKey, unknown>): void {
    const before = (changed.get('state') as NodeState | null | undefined)?.nearby.pairing
    // What was wrong with one pairing says nothing of the next.
    if (before && before.id !== this.state?.nearby.pairing?.id) this.problem = null
  }

  override render() {
    const nearby = this.state?.nearby
    const words = uiWords().nearby
    if (!nearby) return nothing
    return html`<div class="stack">
      <label class="tick">
        <input
          type="checkbox"
          .checked=${live(nearby.on)}
          ?disabled=${this.busy}
          @change=${(event: Event) => this.act((api) => api.setNearby((event.target as HTMLInputElement).checked))}
        />
        <span>${words.title}</span>
        <p class="small soft">${nearby.on ? words.on : words.off}</p>
      </label>
      ${nearby.pairing === null ? nothing : this.renderPairing(nearby.pairing)}
      ${nearby.on ? this.renderNodes(nearby) : nothing}
      ${this.problem ? html`<p class="loss" role="alert">${renderProblem(this.problem)}</p>` : nothing}
    </div>`
  }

  private renderNodes({ nodes, pairing }: NearbyState) {
    const words = uiWords().nearby
    if (nodes.length === 0) return html`<p class="small soft">${words.nobody}</p>`
    const joins = this.state?.room ? words.invite : words.askToJoin
    return html`<ul>
      ${repeat(
        nodes,
        ({ id }) => id,
        ({ id, name, known }) =>
          html`<li data-nearby=${id}>
            <div>
              <span class="name">${name || formatId(id)}</span>
              <p class="small soft">
                <span class="mono">${formatId(id)}</span>${known ? ` · ${words.pairedBefore}` : ''}
              </p>
            </div>
            <button
              ?disabled=${this.busy || pairing !== null}
              aria-label=${`${joins}: ${name || formatId(id)}`}
              @click=${() => this.act((api) => api.pair(id))}
            >
              ${joins}
            </button>
          </li>`,
      )}
    </ul>`
  }

  private renderPairing(pairing: Pairing) {
    const words = uiWords().nearby
    return html`<div
      class="pairing stack"
      role="group"
      aria-label=${words.pairingWith(pairing.name)}
      aria-live="polite"
    >
      ${this.renderStage(pairing)}
      <button class="plain" @click=${() => this.act((api) => api.cancelPairing())}>
        ${pairing.stage === 'asked' ? words.decline : words.cancel}
      </button>
    </div>`
  }

  private renderStage(pairing: Pairing) {
    const { name, gives, stage, known } = pairing
    const words = uiWords().nearby
    if (stage === 'asking') {
      return html`<p>${gives ? words.askedToJoin(name) : words.askedToLetIn(name)}</p>`
    }
    if (stage === 'asked') {
      const inRoom = Boolean(this.state?.room)
      return html`<p>
          ${gives ? html`<b>${name}</b>${words.wantsToJoin(inRoom)}` : html`<b>${name}</b>${words.invites(inRoom)}`}
        </p>
        <p class="small soft">${words.knowWho}</p>
        <button class="primary" ?disabled=${this.busy} @click=${() => this.act((api) => api.acceptPairing())}>
          ${words.agree}
        </button>`
    }
    if (stage === 'agreed') return html`<p>${words.waitingFor(name)}</p>`
    if (!gives) {
      const code = pairing.code ?? ''
      return html`<p>${words.typeInto[0]}<b>${name}</b>${words.typeInto[1]}</p>
        <p class="code" data-code=${code}>${code.slice(0, 3)} ${code.slice(3)}</p>
        <p class="small soft">${words.notExpected}</p>`
    }
    return html`<p>${words.typeShown[0]}<b>${name}</b>${words.typeShown[1]}</p>
      <form @submit=${(event: SubmitEvent) => this.giveCode(event)}>
        <input
          name="code"
          aria-label=${words.codeOf(name)}
          inputmode="numeric"
          autocomplete="off"
          placeholder="000 000"
          maxlength="9"
          required
        />
        <button class="primary" ?disabled=${this.busy}>${words.letIn}</button>
      </form>
      ${pairing.triesLeft < 3 ? html`<p class="small soft">${words.triesLeft(pairing.triesLeft)}</p>` : nothing}
      ${
        known
          ? html`<button
              class="plain"
              ?disabled=${this.busy}
              @click=${() => this.act((api) => api.givePairingCode(null))}
            >
              ${words.withoutCode}
            </button>`
          : nothing
      }`
  }

  private async giveCode(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const form = event.target as HTMLFormElement
    const code = new FormData(form).get('code')
    if (typeof code !== 'string') return
    await this.act((api) => api.givePairingCode(code))
    if (this.problem) form.querySelector('input')?.select()
  }

  private async act(action: (api: NodeApi) => Promise<unknown>): Promise<void> {
    if (!this.api) return
    this.busy = true
    this.problem = null
    try {
      await action(this.api)
    } catch (error) {
      this.problem = problemOf(error)
    } finally {
      this.busy = false
    }
  }
}

customElements.define('nearby-devices', NearbyDevices)
