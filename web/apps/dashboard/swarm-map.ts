// The swarm as a map: this node in the middle, the others around it, the nearer the quicker their links; a relayed link is dashed,
// one that broke is red. What the picture shows is in its label too.

import { css, html, LitElement, nothing, svg } from 'lit'
import type { NodeState, PeerState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { formatId, formatLayers, formatMs } from '../../ui/format.ts'
import { nodeColour } from '../../ui/node-colours.ts'
import { nodeName } from '../../ui/node-names.ts'
import { shownPlacement } from '../../ui/shown-placement.ts'
import { dashboardWords } from './words/dashboard-words.ts'

/** Half of the picture, in its own units; names beside the nodes need the rest of the width. */
const HEIGHT = 400
const MIDDLE = HEIGHT / 2
/** Radii of the rings: round trips of 1, 10, 100 and 1000 ms. */
const RINGS = [64, 100, 132, 158]
/** Room beside the rings for the names of nodes. */
const EDGE = 56
const MOST_NAME = 18
/** From one line of text to the next. */
const LINE = 15

export class SwarmMap extends LitElement {
  static override properties = { state: { attribute: false }, width: { state: true } }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        min-width: 0;
      }
      svg {
        display: block;
        width: 100%;
        height: ${HEIGHT}px;
      }
      text {
        fill: var(--ink);
        font-size: 13px;
        font-variant-numeric: tabular-nums;
      }
      text.soft {
        fill: var(--ink-soft);
        font-size: 12px;
      }
      .halo {
        paint-order: stroke;
        stroke: var(--paper);
        stroke-width: 4px;
        stroke-linejoin: round;
      }
      .ring {
        fill: none;
        stroke: var(--line);
      }
      .link {
        stroke: var(--line-strong);
        stroke-width: 2;
      }
      .link.relayed {
        stroke-dasharray: 6 5;
      }
      .link.interrupted {
        stroke: var(--loss);
      }
      .link.connecting {
        stroke: var(--line);
      }
      .light {
        fill: var(--paper);
        stroke-width: 3;
      }
      .self {
        stroke: var(--paper);
        stroke-width: 3;
      }
      .key {
        display: flex;
        flex-wrap: wrap;
        gap: 0 20px;
        margin-top: 8px;
      }
      .key svg {
        display: inline-block;
        width: 28px;
        height: 10px;
        margin-right: 6px;
        vertical-align: middle;
      }
      g.node {
        transition: transform 600ms ease;
      }
      @media (prefers-reduced-motion: reduce) {
        g.node {
          transition: none;
        }
      }
    `,
  ]

  declare state: NodeState | null
  declare width: number
  #observer: ResizeObserver | undefined

  constructor() {
    super()
    this.state = null
    this.width = 520
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#observer = new ResizeObserver(([entry]) => {
      const width = Math.round(entry?.contentRect.width ?? 0)
      if (width > 0) this.width = width
    })
    this.#observer.observe(this)
  }

  override disconnectedCallback(): void {
    this.#observer?.disconnect()
    super.disconnectedCallback()
  }

  override render() {
    const { state, width } = this
    if (!state) return nothing
    const words = dashboardWords().map
    if (state.peers.length === 0) return html`<p class="soft">${words.empty}</p>`
    const middle = width / 2
    const placed = placeNodes(state.peers, squeezeTo(middle))
    const label = words.label(state.peers.map((peer) => describe(state, peer)).join('; '))
    return html`<svg viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label=${label}>
        <g transform="translate(${middle} ${MIDDLE})">
          ${RINGS.map(
            (radius, index) => svg`<ellipse class="ring" rx=${radius * squeezeTo(middle)} ry=${radius} />
              <text class="soft halo" y=${-radius + 4} text-anchor="middle">${words.rings[index]}</text>`,
          )}
          ${placed.map(
            ({ peer, x, y }) =>
              svg`<line class="link ${peer.link} ${peer.path ?? ''}" x2=${x} y2=${y} data-link=${peer.id} />`,
          )}
          <circle class="self" r="12" fill=${nodeColour(state.id)} />
          ${placed.map((node) => renderNode(state, node))}
          <text class="halo" y="30" text-anchor="middle">${words.alone}</text>
          <text class="soft halo" y="45" text-anchor="middle">${layersOf(state, state.id)}</text>
        </g>
      </svg>
      <p class="key small soft">
        <span>${keyLine('')}${words.keyDirect}</span>
        ${state.peers.some(({ path }) => path === 'relayed') ? html`<span>${keyLine('relayed')}${words.keyRelayed}</span>` : nothing}
        ${state.peers.some(({ link }) => link === 'interrupted') ? html`<span>${keyLine('interrupted')}${words.keyBroken}</span>` : nothing}
        <span>${words.keyRings}</span>
      </p>`
  }
}

interface Placed {
  readonly peer: PeerState
  readonly x: number
  readonly y: number
}

/** Around the middle in order of their ids, so that a node keeps its side; as far out as its link is slow. */
function placeNodes(peers: readonly PeerState[], squeeze: number): readonly Placed[] {
  const inOrder = [...peers].sort((a, b) => (a.id < b.id ? -1 : 1))
  return inOrder.map((peer, index) => {
    // From the right on: straight up the rings are named.
    const angle = (2 * Math.PI * index) / inOrder.length - Math.PI / 9
    const radius = radiusOf(peer)
    return { peer, x: Math.cos(angle) * radius * squeeze, y: Math.sin(angle) * radius }
  })
}

function radiusOf({ roundTripMs, link }: PeerState): number {
  const last = RINGS.length - 1
  if (link === 'connecting' || roundTripMs === null) return RINGS[last] ?? 0
  // Between the rings by the logarithm; never on the middle and its name.
  const place = Math.min(last, Math.max(0.3, Math.log10(Math.max(roundTripMs, 1))))
  const below = Math.min(last - 1, Math.floor(place))
  const [inner = 0, outer = 0] = RINGS.slice(below)
  return inner + (place - below) * (outer - inner)
}

/** How much narrower the rings are than high, so that names fit beside them. */
const squeezeTo = (middle: number) => Math.min(1, (middle - EDGE) / (RINGS.at(-1) ?? 1))

function renderNode(state: NodeState, { peer, x, y }: Placed) {
  const words = dashboardWords().map
  const name = peer.name || formatId(peer.id)
  const short = name.length > MOST_NAME ? `${name.slice(0, MOST_NAME - 1)}…` : name
  const above = y < 0
  const colour = nodeColour(peer.id)
  const notes = [delayOf(peer), ...(peer.path === 'relayed' ? [words.relayed] : []), ...restOf(peer)]
  const layers = layersOf(state, peer.id)
  const lines = [short, notes.join(' · '), ...(layers === '' ? [] : [layers])]
  return svg`<g class="node" data-map-node=${peer.id}>
    <title>${describe(state, peer)}</title>
    ${
      peer.light
        ? svg`<circle class="light" cx=${x} cy=${y} r="8" stroke=${colour} />`
        : svg`<circle cx=${x} cy=${y} r="9" fill=${colour} />`
    }
    ${lines.map(
      (line, index) => svg`<text
        class="halo ${index > 0 ? 'soft' : ''}"
        x=${x}
        y=${y + (above ? -1 - LINE * (lines.length - index) : 9 + LINE * (index + 1))}
        text-anchor="middle"
      >${line}</text>`,
    )}
  </g>`
}

function restOf({ light, budgetBytes, link }: PeerState): string[] {
  const words = dashboardWords().map
  if (link !== 'open') return []
  if (light) return [words.light]
  return budgetBytes === 0 ? [words.rests] : []
}

function delayOf({ link, roundTripMs }: PeerState): string {
  const words = dashboardWords().map
  if (link === 'connecting') return words.connecting
  if (link === 'interrupted') return words.silent
  return roundTripMs === null ? words.noDelay : formatMs(roundTripMs)
}

function layersOf(state: NodeState, id: string): string {
  const stages = shownPlacement(state)?.stages.filter(({ nodeId }) => nodeId === id) ?? []
  return stages.map(({ range }) => formatLayers(range)).join(dashboardWords().map.and)
}

function describe(state: NodeState, peer: PeerState): string {
  const words = dashboardWords().map
  return words.node(nodeName(state, peer.id), delayOf(peer), peer.path === 'relayed', layersOf(state, peer.id))
}

const keyLine = (kind: string) =>
  html`<svg viewBox="0 0 28 10" aria-hidden="true"><line class="link ${kind}" x1="0" y1="5" x2="28" y2="5" /></svg>`

customElements.define('swarm-map', SwarmMap)
