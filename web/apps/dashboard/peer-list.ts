// The other nodes of the room: who they are, how near, and what they bring.

import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { NodeState, PeerState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { countOf, formatBytes, formatId, formatMs } from '../../ui/format.ts'
import { nodeColour } from '../../ui/node-colours.ts'

export class PeerList extends LitElement {
  static override properties = { state: { attribute: false } }

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
    `,
  ]

  declare state: NodeState | null

  constructor() {
    super()
    this.state = null
  }

  override render() {
    const peers = this.state?.peers ?? []
    if (peers.length === 0) {
      return html`<p class="soft">
        Nobody else yet. The nodes that share your room will stand here; make an invite link and open it in another
        browser.
      </p>`
    }
    return html`<ul>
      ${repeat(
        peers,
        (peer) => peer.id,
        (peer) => renderPeer(peer),
      )}
    </ul>`
  }
}

function renderPeer(peer: PeerState) {
  return html`<li data-peer=${peer.id}>
    <span class="dot" style="background: ${nodeColour(peer.id)}"></span>
    <div>
      <h3>${peer.name || formatId(peer.id)}</h3>
      <p class="small soft mono figure">${formatId(peer.id)}</p>
      <p class="small soft">
        ${
          peer.light
            ? 'Light node: it chats through the others.'
            : html`${peer.gpu || 'a GPU it does not name'} · offers
                <span class="figure">${formatBytes(peer.budgetBytes)}</span>${
                  peer.bytesPerSecond > 0
                    ? html` · reads <span class="figure">${formatBytes(peer.bytesPerSecond)}/s</span>`
                    : nothing
                }`
        }
      </p>
      ${
        peer.models.length > 0
          ? html`<p class="small soft">
              Answers with ${countOf(peer.models.length, 'model')}:
              ${peer.models.map((model) => model.title).join(', ')}
            </p>`
          : nothing
      }
    </div>
    <p class="link small">${describeLink(peer)}</p>
  </li>`
}

function describeLink(peer: PeerState) {
  if (peer.link === 'connecting') return html`<span class="soft">connecting…</span>`
  if (peer.link === 'interrupted') return html`<span class="loss">not answering</span>`
  if (peer.roundTripMs === null) return html`<span class="soft">connected</span>`
  return html`<span class="figure">${formatMs(peer.roundTripMs)}</span><br /><span class="soft">round trip</span>`
}

customElements.define('peer-list', PeerList)
