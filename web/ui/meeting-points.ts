// Where nodes of a room meet before they are linked: the server that the page came from, and brokers or servers that a person
// adds. Says who learns what by each, and offers those that others of the room use.

import { css, html, LitElement, nothing } from 'lit'
import type { NodeApi, NodeState, WayIn, WayState } from '../../worker/node/api.ts'
import { baseStyles } from './base-styles.ts'
import { problemOf, renderProblem, type Problem } from './error-words.ts'
import { uiWords } from './words/ui-words.ts'

export class MeetingPoints extends LitElement {
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
      details > * + * {
        margin-top: var(--step);
      }
      li {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        align-items: center;
        gap: 0 var(--step);
        padding: 8px 0;
        border-top: 1px solid var(--line);
      }
      li > div {
        overflow-wrap: anywhere;
      }
      form {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr) auto;
        gap: var(--step);
      }
      select {
        width: auto;
      }
      @media (max-width: 560px) {
        form {
          grid-template-columns: minmax(0, 1fr);
        }
        select {
          width: 100%;
        }
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

  override render() {
    const ways = this.state?.ways ?? []
    const offered = this.state?.offeredWays ?? []
    const words = uiWords().meeting
    return html`<details ?open=${!ways.some(({ own }) => own)}>
      <summary>${words.title}</summary>
      <p class="small soft">${words.what}</p>
      <ul>
        ${ways.map(
          (way) =>
            html`<li>
              <div>
                <span class="mono">${way.url}</span>
                <p class="small soft">${describe(way)}</p>
              </div>
              ${
                way.own
                  ? nothing
                  : html`<button
                      class="plain"
                      ?disabled=${this.busy}
                      aria-label=${words.removeUrl(way.url)}
                      @click=${() => this.use(ways.filter((other) => other !== way))}
                    >
                      ${words.remove}
                    </button>`
              }
            </li>`,
        )}
        ${offered.map(
          ({ names, ...way }) =>
            html`<li>
              <div>
                <span class="mono">${way.url}</span>
                <p class="small soft">${words.alsoAt(names.join(', '), kindOf(way))}</p>
              </div>
              <button class="plain" ?disabled=${this.busy} @click=${() => this.use([...ways, way])}>
                ${words.useToo}
              </button>
            </li>`,
        )}
      </ul>
      <form @submit=${(event: SubmitEvent) => this.add(event, ways)}>
        <select name="kind" aria-label=${words.kind}>
          <option value="broker">${words.broker}</option>
          <option value="server">${words.server}</option>
        </select>
        <input
          name="url"
          aria-label=${words.address}
          placeholder="wss://broker.example/path/"
          autocomplete="off"
          spellcheck="false"
          required
        />
        <button ?disabled=${this.busy}>${words.add}</button>
      </form>
      ${this.problem ? html`<p class="loss" role="alert">${renderProblem(this.problem)}</p>` : nothing}
    </details>`
  }

  private async add(event: SubmitEvent, ways: readonly WayState[]): Promise<void> {
    event.preventDefault()
    const form = event.target as HTMLFormElement
    const fields = new FormData(form)
    const kind = fields.get('kind') === 'server' ? 'server' : 'broker'
    const url = fields.get('url')
    if (typeof url !== 'string') return
    if (await this.use([...ways, { kind, url: url.trim() }])) form.reset()
  }

  /** True when they were taken. */
  private async use(ways: readonly (WayIn & { readonly own?: boolean })[]): Promise<boolean> {
    this.problem = null
    this.busy = true
    try {
      await this.api?.setWays(ways.filter(({ own }) => own !== true).map(({ kind, url }) => ({ kind, url })))
      return true
    } catch (error) {
      this.problem = problemOf(error)
      return false
    } finally {
      this.busy = false
    }
  }
}

function kindOf({ kind }: WayIn): string {
  const words = uiWords().meeting
  return kind === 'broker' ? words.broker : words.server
}

function describe(way: WayState): string {
  const words = uiWords().meeting
  const kind = way.own ? words.ownServer : kindOf(way)
  if (way.state === 'open') return `${kind} · ${words.connected}`
  if (way.state === 'idle') return `${kind} · ${words.idle}`
  if (way.state === 'connecting') return `${kind} · ${words.connecting}`
  return `${kind} · ${words.away}${way.reason ? `: ${way.reason}` : ''}`
}

customElements.define('meeting-points', MeetingPoints)
