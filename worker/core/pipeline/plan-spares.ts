// Which stages the nodes outside a plan keep ready. A pure function.

import { stageBytes, type PlacementModel, type PlacementNode, type PlannedStage } from './place-layers.ts'
import type { Takeover } from './plan-takeovers.ts'

/**
 * Each node that holds no stage keeps those of other nodes ready for which it has the memory, the least covered first, so that
 * every stage has a spare before one has two. What is kept ready already (`now`) stays so.
 */
export function planSpares(
  model: PlacementModel,
  stages: readonly PlannedStage[],
  nodes: readonly PlacementNode[],
  now: readonly Takeover[] = [],
): Takeover[] {
  const holders = new Set(stages.map(({ nodeId }) => nodeId))
  const free = nodes.filter(({ id }) => !holders.has(id)).sort((a, b) => (a.id < b.id ? -1 : 1))
  const asker = stages[0]?.nodeId
  const coverable = [...stages.keys()].filter((stage) => stage > 0 && stages[stage]?.nodeId !== asker)
  const bytesOf = (stage: number) => {
    const range = stages[stage]?.range
    return range ? stageBytes(model, range) : 0
  }
  const room = new Map(free.map(({ id, budgetBytes }) => [id, budgetBytes]))
  const spares: Takeover[] = []
  const keep = (spare: Takeover) => {
    spares.push(spare)
    room.set(spare.nodeId, (room.get(spare.nodeId) ?? 0) - bytesOf(spare.stage))
  }
  const fits = ({ nodeId, stage }: Takeover) =>
    coverable.includes(stage) &&
    (room.get(nodeId) ?? -1) >= bytesOf(stage) &&
    !spares.some((spare) => spare.nodeId === nodeId && spare.stage === stage)
  for (const { nodeId, stage } of now) if (fits({ nodeId, stage })) keep({ nodeId, stage })
  const covered = (stage: number) => spares.filter((spare) => spare.stage === stage).length
  for (const { id: nodeId } of free) {
    for (;;) {
      const next = coverable
        .filter((stage) => fits({ nodeId, stage }))
        .sort((a, b) => covered(a) - covered(b) || bytesOf(b) - bytesOf(a) || a - b)[0]
      if (next === undefined) break
      keep({ nodeId, stage: next })
    }
  }
  return spares
}
