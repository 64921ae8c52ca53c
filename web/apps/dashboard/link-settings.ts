// How this node reaches others: the relays its server lends, whether a STUN server may be asked for the public address, and
// servers of a person's own. Each choice says who learns what by it.

import { css, html, LitElement, nothing } from 'lit'
import { live } from 'lit/directives/live.js'
import { DEFAULT_STUN_SERVER, isStunUrl, isTurnUrl, type IceServer } from '#core/ice-servers.ts'
import type { LinkSettings, NodeApi, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { dashboardWords } from './words/dashboard-words.ts'

export class LinkSettingsPanel extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    problem: { state: true },
    url: { state: true },
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
      form {
        display: grid;
        grid-template-columns: minmax(0, 2fr) minmax(0, 1fr) minmax(0, 1fr) auto;
        gap: var(--step);
      }
      li {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: 0 var(--step);
        padding: 4px 0;
        border-top: 1px solid var(--line);
      }
      li span {
        overflow-wrap: anywhere;
      }
      details > * + * {
        margin-top: var(--step);
      }
      @media (max-width: 560px) {
        form {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare problem: Problem | null
  declare url: string

  constructor() {
    super()
    this.api = null
    this.state = null
    this.problem = null
    this.url = ''
  }

  override render() {
    const links = this.state?.links
    if (!links) return nothing
    const words = dashboardWords().links
    const relayed = this.state?.peers.filter((peer) => peer.path === 'relayed').length ?? 0
    return html`<div class="stack">
      <p>
        ${links.relays.length > 0 ? words.relays : words.noRelays}
        ${relayed > 0 ? html`<span class="soft">${words.relaySees}</span>` : nothing}
      </p>
      <label class="tick">
        <input
          type="checkbox"
          .checked=${live(links.stun)}
          @change=${(event: Event) => this.set({ ...links, stun: (event.target as HTMLInputElement).checked })}
        />
        <span>${words.stun}</span>
        <p class="small soft">${describeStun(links)}</p>
      </label>
      <details ?open=${links.servers.length > 0}>
        <summary>${words.own}</summary>
        <p class="small soft">${words.ownExplained}</p>
        <ul>
          ${links.servers.map(
            (server) =>
              html`<li>
                <span class="mono">${server.url}</span>
                <button
                  class="plain"
                  aria-label=${words.removeOne(server.url)}
                  @click=${() => this.set({ ...links, servers: links.servers.filter((other) => other !== server) })}
                >
                  ${words.remove}
                </button>
              </li>`,
          )}
        </ul>
        <form @submit=${(event: SubmitEvent) => this.add(event, links)}>
          <input
            name="url"
            aria-label=${words.address}
            placeholder="turn:host:3478"
            autocomplete="off"
            spellcheck="false"
            required
            @input=${(event: Event) => (this.url = (event.target as HTMLInputElement).value.trim())}
          />
          ${
            isStunUrl(this.url)
              ? nothing
              : html`<input
                    name="username"
                    aria-label=${words.userName}
                    placeholder=${words.userHint}
                    autocomplete="off"
                  />
                  <input
                    name="credential"
                    type="password"
                    aria-label=${words.password}
                    placeholder=${words.passwordHint}
                    autocomplete="off"
                  />`
          }
          <button>${words.add}</button>
        </form>
      </details>
      ${this.problem ? html`<p class="loss" role="alert">${renderProblem(this.problem)}</p>` : nothing}
    </div>`
  }

  private async add(event: SubmitEvent, links: LinkSettings): Promise<void> {
    event.preventDefault()
    const form = event.target as HTMLFormElement
    const entry = (name: string) => form.querySelector<HTMLInputElement>(`[name=${name}]`)?.value.trim() ?? ''
    const url = entry('url')
    const login = isTurnUrl(url) ? { username: entry('username'), credential: entry('credential') } : {}
    const others = links.servers.filter((server) => server.url !== url)
    const added: IceServer = { url, ...login }
    if (!(await this.set({ ...links, servers: [...others, added] }))) return
    form.reset()
    this.url = ''
  }

  /** True when it was taken. */
  private async set({ stun, servers }: LinkSettings): Promise<boolean> {
    this.problem = null
    try {
      await this.api?.setLinks({ stun, servers })
      return true
    } catch (error) {
      this.problem = problemOf(error)
      return false
    } finally {
      this.requestUpdate()
    }
  }
}

function describeStun({ stun, servers }: LinkSettings) {
  const own = servers.filter(({ url }) => isStunUrl(url)).map(({ url }) => hostOf(url))
  const words = dashboardWords().links
  const asked = own.length > 0 ? own.join(', ') : words.googles(hostOf(DEFAULT_STUN_SERVER))
  return `${stun ? words.stunOn : words.stunOff} ${words.learns(asked)}`
}

function hostOf(url: string): string {
  return url.replace(/^stuns?:/i, '')
}

customElements.define('link-settings', LinkSettingsPanel)
