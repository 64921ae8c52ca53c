// Which models there are to choose from: the node's own list, and what peers can answer with.

import type { ModelState, NodeState } from '../../worker/node/api.ts'
import { joinNames, nodeName } from './node-names.ts'
import { uiWords } from './words/ui-words.ts'

/** Every model of the node, then those that only peers hold. */
export function listModels(state: NodeState): readonly ModelState[] {
  const known = new Set(state.models.map((model) => model.id))
  const remote = new Map<string, ModelState>()
  for (const peer of state.peers) {
    for (const { id, title } of peer.models) {
      if (known.has(id)) continue
      remote.set(id, {
        id,
        title,
        origin: 'peer',
        url: null,
        licence: null,
        sizeBytes: 0,
        storedBytes: 0,
        status: 'listed',
        progress: 0,
        secondsLeft: null,
        error: null,
        config: null,
      })
    }
  }
  return [...state.models, ...remote.values()]
}

/** Names of the peers that answer with the model at once. */
export function holdersOf(state: NodeState, modelId: string): readonly string[] {
  return state.peers
    .filter((peer) => peer.link === 'open' && peer.models.some((model) => model.id === modelId))
    .map((peer) => nodeName(state, peer.id))
}

/** Whether a message can be sent to it at once, by this tab or through a peer. */
export function canAnswer(state: NodeState, model: ModelState): boolean {
  return model.status === 'ready' || holdersOf(state, model.id).length > 0
}

/** Reading a model's headers stores a little of it; that is no download yet. */
const HEADERS_PART = 0.05

export function isPartlyStored(model: ModelState): boolean {
  return model.storedBytes > model.sizeBytes * HEADERS_PART
}

/** Whether it can be loaded here without fetching anything large first. */
export function isAtHand(model: ModelState): boolean {
  return model.origin === 'built-in' || (model.sizeBytes > 0 && model.storedBytes >= model.sizeBytes)
}

/** One line on where a model stands. */
export function describeModel(state: NodeState, model: ModelState): string {
  const words = uiWords().models
  const holders = holdersOf(state, model.id)
  if (state.engine?.modelId === model.id) return words.inUseBy[state.engine.engine]
  if (model.status === 'ready') return words.inUse
  if (model.status === 'fetching') return words.downloading
  if (model.status === 'loading') return words.loading
  if (holders.length > 0) return words.answers(joinNames(holders), holders.length === 1)
  if (model.origin === 'built-in') return words.builtIn
  if (isAtHand(model)) return words.stored
  if (isPartlyStored(model)) return words.partly
  return words.origin[model.origin]
}
