// What stands under an answer: how long it is, how fast it came, which nodes computed which layers, and who signed for it.

import { html, nothing } from 'lit'
import type { NodeState } from '../../../worker/node/api.ts'
import { formatLayers, formatMs, formatRate } from '../../ui/format.ts'
import { nodeColour } from '../../ui/node-colours.ts'
import { joinNames, nodeName } from '../../ui/node-names.ts'
import type { AnswerFigures } from './turns.ts'
import { chatWords } from './words/chat-words.ts'
import { styled } from '../../ui/styled.ts'

export function renderFigures(figures: AnswerFigures, state: NodeState | null) {
  const words = chatWords().figures
  const name = (id: string) => nameThen(figures, state, id)
  const { answeredBy, msPerToken } = figures
  const ended = { end: '', cancelled: '', length: words.length, context: words.context }[figures.finish]
  const speed = [formatRate(msPerToken), words.compute(formatMs(figures.computeMs))]
  if (figures.nodeIds.length > 1) speed.push(words.wire(formatMs(figures.networkMs)))
  const parts = [
    html`<span class="figure">${words.tokens(figures.tokens)}</span>`,
    ...(msPerToken > 0
      ? [html`${join(speed.map((one) => html`<span class="figure">${one}</span>`))} ${words.aToken}`]
      : []),
    ...(figures.drafted
      ? [html`<span class="figure">${words.tokens(figures.drafted)}</span> ${words.fromDrafts}`]
      : []),
    ...(figures.nodeIds.length > 0 ? [words.by(joinNames(figures.nodeIds.map(name)))] : []),
    ...(answeredBy === undefined ? [] : [words.placedBy(name(answeredBy))]),
    ...(figures.signedBy?.length ? [words.signedBy(joinNames(figures.signedBy.map(name)))] : []),
    ...(ended ? [ended] : []),
  ]
  return html`<p class="note">${join(parts)}</p>
    ${renderLayers(figures, name)}`
}

/** Of one node that computed them all, the line above says it. */
function renderLayers({ stages = [], nodeIds }: AnswerFigures, name: (id: string) => string) {
  if (nodeIds.length < 2) return nothing
  return html`<ul class="note layers" aria-label=${chatWords().figures.who}>
    ${stages.map(
      ({ nodeId, range }) =>
        html`<li>
          <span class="dot" ${styled({ background: nodeColour(nodeId) })}></span>
          <span><span class="figure">${formatLayers(range)}</span> ${name(nodeId)}</span>
        </li>`,
    )}
  </ul>`
}

/** As it is called now, or as it was when it computed. */
function nameThen({ names = {} }: AnswerFigures, state: NodeState | null, id: string): string {
  const isHere = state?.id === id || state?.peers.some((peer) => peer.id === id)
  return (isHere && state ? nodeName(state, id) : names[id]) ?? (state ? nodeName(state, id) : id.slice(0, 8))
}

function join(parts: readonly unknown[]) {
  return parts.map((part, index) => (index === 0 ? part : html` · ${part}`))
}
