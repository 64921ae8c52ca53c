// Which placement a page draws: that of the model this node answers with, else one it holds a part of for another node.

import type { NodeState, Placement } from '../../worker/node/api.ts'

export function shownPlacement(state: NodeState): Placement | null {
  if (state.placement) return state.placement
  const [held] = state.held
  if (!held) return null
  const status = (nodeId: string) => (held.ready || nodeId !== state.id ? 'ready' : 'loading')
  return {
    modelId: held.title,
    layers: held.stages.at(-1)?.range.last ?? 0,
    // Of the other stages the plan says only where they are.
    stages: held.stages.map((stage) => ({ ...stage, bytes: 0, progress: 0, status: status(stage.nodeId) })),
  }
}

/** The shown model's title, where there is one. */
export function shownTitle(state: NodeState): string | undefined {
  const { placement } = state
  return placement ? state.models.find((model) => model.id === placement.modelId)?.title : state.held[0]?.title
}
