// How a model is laid over nodes, as every file here passes it on.

import type { PlannedStage } from '#core/pipeline/place-layers.ts'
import type { BodyOf } from '#core/protocol/registry.ts'

export interface PipelinePlan {
  /** 16 random bytes. */
  readonly id: Uint8Array
  readonly model: BodyOf<'PIPE_PLAN'>['model']
  readonly layers: number
  readonly contextLength: number
  /** The asker's kernel profile, which every stage runs, so that the bits do not depend on who computes. */
  readonly profile: string
  /** The first is this node's own. */
  readonly stages: readonly PlannedStage[]
}
