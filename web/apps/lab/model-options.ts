// The models a person can choose to train or import for.

import type { NodeState } from '../../../worker/node/api.ts'
import { formatBytes } from '../../ui/format.ts'
import { isAtHand } from '../../ui/model-choice.ts'

export function modelOptions(state: NodeState): readonly { readonly value: string; readonly label: string }[] {
  return state.models.map((model) => ({
    value: model.id,
    label:
      isAtHand(model) || model.status === 'ready' || model.sizeBytes === 0
        ? model.title
        : `${model.title} (${formatBytes(model.sizeBytes)})`,
  }))
}
