// The other nodes of the room: who they are, how near, and what they bring.

import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { LinkSpeed, NodeApi, NodeState, PeerState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { formatBytes, formatId, formatMs, formatRate } from '../../ui/format.ts'
import { nodeColour } from '../../ui/node-colours.ts'
import { styled } from '../../ui/styled.ts'
import { dashboardWords } from './words/dashboard-words.ts'

export class PeerList extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    measuring: { state: true },
    speeds: { state: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      li {
        display: grid;
        grid-template-columns: 14px minmax(0, 1fr) auto;
        gap: 0 12px;
        padding: 12px 0;
        border-top: 1px solid var(--line);
      }
      li:first-child {
        border-top: 0;
      }
      .dot {
        width: 12px;
        height: 12px;
        margin-top: 7px;
        border-radius: 50%;
      }
      .link {
        text-align: right;
      }
      .speed {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0 4px;
      }
      .speed button {
        margin-left: -8px;
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  /** Id of the node whose link is being measured. */
  declare measuring: string | null
  /** What was measured, or why it could not be, by id. */
  declare speeds: ReadonlyMap<string, LinkSpeed | Problem>

  constructor() {
    super()
    this.api = null
    this.state = null
    this.measuring = null
    this.speeds = new Map()
  }

  override render() {
    const peers = this.state?.peers ?? []
    if (peers.length === 0) {
      return html`<p class="soft">${dashboardWords().peers.empty}</p>`
    }
    return html`<ul>
      ${repeat(
        peers,
        (peer) => peer.id,
        (peer) => this.renderPeer(peer),
      )}
    </ul>`
  }

  private renderPeer(peer: PeerState) {
    const words = dashboardWords().peers
    const gpu = peer.gpu || words.unnamed
    return html`<li data-peer=${peer.id}>
      <span class="dot" ${styled({ background: nodeColour(peer.id) })}></span>
      <div>
        <h3>${peer.name || formatId(peer.id)}</h3>
        <p class="small soft mono figure">${formatId(peer.id)}</p>
        <p class="small soft">
          ${
            peer.light
              ? words.light
              : peer.budgetBytes === 0
                ? words.rests(gpu)
                : html`${gpu} · ${words.offers} <span class="figure">${formatBytes(peer.budgetBytes)}</span>${
                      peer.bytesPerSecond > 0
                        ? html` · ${words.reads} <span class="figure">${formatBytes(peer.bytesPerSecond)}/s</span>`
                        : nothing
                    }`
          }
        </p>
        ${peer.load === null ? nothing : renderLoad(peer.load)}
        ${
          peer.models.length > 0
            ? html`<p class="small soft">
                ${words.answersWith(peer.models.length, peer.models.map((model) => model.title).join(', '))}
              </p>`
            : nothing
        }
        ${peer.link === 'open' && this.api ? this.renderSpeed(peer) : nothing}
      </div>
      <p class="link small">${describeLink(peer)}</p>
    </li>`
  }

  private renderSpeed(peer: PeerState) {
    const speed = this.speeds.get(peer.id)
    const measuring = this.measuring === peer.id
    const words = dashboardWords().peers
    return html`<div class="speed small">
      <button
        class="plain"
        aria-label=${words.measureFor(peer.name || formatId(peer.id))}
        ?disabled=${this.measuring !== null}
        @click=${() => this.measure(peer.id)}
      >
        ${measuring ? words.measuring : words.measure}
      </button>
      <p role="status">
        ${
          measuring || speed === undefined
            ? nothing
            : 'code' in speed
              ? html`<span class="loss">${renderProblem(speed)}</span>`
              : html`<span class="figure">${formatBytes(speed.bytesPerSecond)}/s</span
                  ><span class="soft">${words.over(speed.connections)}</span>`
        }
      </p>
    </div>`
  }

  private async measure(peerId: string): Promise<void> {
    if (!this.api) return
    this.measuring = peerId
    let result: LinkSpeed | Problem
    try {
      result = await this.api.measureLink(peerId)
    } catch (error) {
      result = problemOf(error)
    }
    this.measuring = null
    this.speeds = new Map([...this.speeds, [peerId, result]])
  }
}

/** Nothing while it is idle and in view. */
function renderLoad({ running, waiting, tokensPerSecond, visibility }: NonNullable<PeerState['load']>) {
  const words = dashboardWords().peers
  const said = [
    ...(running > 0 ? [words.answering(running)] : []),
    ...(waiting > 0 ? [words.waiting(waiting)] : []),
    ...(running > 0 && tokensPerSecond > 0 ? [formatRate(1000 / tokensPerSecond)] : []),
    ...(visibility === 'hidden' ? [words.hidden] : []),
  ]
  return said.length === 0 ? nothing : html`<p class="small soft figure load">${sentence(said.join(' · '))}</p>`
}

function sentence(words: string): string {
  return words.slice(0, 1).toUpperCase() + words.slice(1)
}

function describeLink(peer: PeerState) {
  const words = dashboardWords().peers
  if (peer.link === 'connecting') return html`<span class="soft">${words.connecting}</span>`
  if (peer.link === 'interrupted') return html`<span class="loss">${words.notAnswering}</span>`
  if (peer.roundTripMs === null)
    return html`<span class="soft">${peer.path === 'relayed' ? words.connectedRelayed : words.connected}</span>`
  return html`<span class="figure">${formatMs(peer.roundTripMs)}</span><br /><span class="soft"
      >${peer.path === 'relayed' ? words.roundTripRelayed : words.roundTrip}</span
    >`
}

customElements.define('peer-list', PeerList)
