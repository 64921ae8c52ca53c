// The swarm in one quiet line: who is here, how much of the model is held, how fast it answers.

import { css, html, LitElement, nothing } from 'lit'
import type { HeldModel, NodeState } from '../../worker/node/api.ts'
import { baseStyles } from './base-styles.ts'
import { formatLayers, formatRate } from './format.ts'
import { nodeName } from './node-names.ts'
import { uiWords } from './words/ui-words.ts'

export class SwarmLine extends LitElement {
  static override properties = { state: { attribute: false } }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        min-width: 0;
        color: var(--ink-soft);
        font-size: var(--size-small);
        line-height: 1.5;
      }
      p {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
    `,
  ]

  declare state: NodeState | null

  constructor() {
    super()
    this.state = null
  }

  override render() {
    const state = this.state
    const words = uiWords().swarm
    if (!state) return html`<p role="status">${words.starting}</p>`
    const open = state.peers.filter((peer) => peer.link === 'open').length
    const joining = state.peers.filter((peer) => peer.link === 'connecting').length
    const broken = state.peers.filter((peer) => peer.link === 'interrupted').length
    const { placement, held: lent, speed, server } = state
    const held = placement?.stages
      .filter((stage) => stage.status === 'ready')
      .reduce((sum, stage) => sum + stage.range.last - stage.range.first, 0)
    return html`<p role="status" class="figure">
      ${open === 0 ? words.onlyYou : words.youAnd(open)}${
        joining ? html` · ${words.joining(joining)}` : nothing
      }${broken ? html` · <span class="loss">${words.notAnswering(broken)}</span>` : nothing}${
        placement
          ? html` · ${words.held(held ?? 0, placement.layers)}`
          : lent[0]
            ? describeLent(state, lent[0])
            : nothing
      }${speed ? html` · ${formatRate(speed.totalMs)}` : nothing}${
        server.state === 'closed'
          ? html` · <span class="loss">${words.serverAway}</span>`
          : server.state === 'connecting'
            ? html` · ${words.findingServer}`
            : nothing
      }
    </p>`
  }
}

function describeLent(state: NodeState, lent: HeldModel) {
  const mine = lent.stages.find((stage) => stage.nodeId === state.id)
  return mine ? html` · ${uiWords().swarm.heldFor(formatLayers(mine.range), nodeName(state, lent.ownerId))}` : nothing
}

customElements.define('swarm-line', SwarmLine)
