// What keeps merges in bounds: one after which the node's private probes got worse is taken back.

import type { FitnessRules } from '#core/gate/rules.ts'
import { bootstrapChange, type Interval, type PairedLoss } from '#core/genome/bootstrap.ts'

export interface RollBack {
  readonly wanted: boolean
  /** In nats a token over the private probes; above 0 is worse. */
  readonly change: Interval
}

/** Whether the merged model is to be taken back: worse on the probes by more than chance, and by more than is borne. */
export function judgeMerge(
  probes: readonly PairedLoss[],
  { confidence, maxMergeHarm, leastProbes }: FitnessRules,
  seed: number,
): RollBack {
  const change = bootstrapChange(probes, confidence, seed)
  return { wanted: probes.length >= leastProbes && change.low > 0 && change.mean > maxMergeHarm, change }
}
