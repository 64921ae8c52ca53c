// Who takes over the stages of nodes that were lost, so that all other stages and their caches stay as they are. A pure
// function of the plan and of what the nodes that are left can hold.

import { stageBytes, tokenSeconds, type PlacementModel, type PlacementNode, type PlannedStage } from './place-layers.ts'

/** A stage of a plan, by its place, and a node that holds it or shall. */
export interface Takeover {
  readonly stage: number
  readonly nodeId: string
}

/** Beyond so many combinations each stage is given away by itself, in order. */
const MOST_COMBINATIONS = 20_000

/**
 * Gives every stage whose node is not among `nodes` to one that has the memory for it beside what it holds: first to nodes
 * that have its layers loaded already (`ready`), then so that a token takes the least time. A node may hold several stages.
 * Null where that cannot be, as when the asker's own stage is lost: then the layers have to be placed anew.
 */
export function planTakeovers(
  model: PlacementModel,
  stages: readonly PlannedStage[],
  nodes: readonly PlacementNode[],
  ready: readonly Takeover[] = [],
): Takeover[] | null {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const lost = [...stages.keys()].filter((index) => !byId.has(stages[index]?.nodeId ?? ''))
  if (lost.includes(0)) return null
  const candidates = [...nodes].sort((a, b) => (a.id < b.id ? -1 : 1))
  const isReady = (stage: number, nodeId: string) =>
    ready.some((spare) => spare.stage === stage && spare.nodeId === nodeId)

  /** What a node has left beside its stages, its spare ones counted unless it takes them. */
  function roomOf(node: PlacementNode, taken: readonly Takeover[]): number {
    const holds = new Set([
      ...[...stages.keys()].filter((index) => stages[index]?.nodeId === node.id),
      ...[...ready, ...taken].filter(({ nodeId }) => nodeId === node.id).map(({ stage }) => stage),
    ])
    const used = [...holds].reduce((sum, index) => sum + bytesOf(index), 0)
    return node.budgetBytes - used
  }

  function bytesOf(index: number): number {
    const range = stages[index]?.range
    return range ? stageBytes(model, range) : 0
  }

  function costOf(taken: readonly Takeover[]): readonly [number, number] {
    const loads = taken.filter(({ stage, nodeId }) => !isReady(stage, nodeId)).length
    const placed = stages.flatMap(({ nodeId, range }, index) => {
      const node = byId.get(taken.find(({ stage }) => stage === index)?.nodeId ?? nodeId)
      return node ? [{ node, range }] : []
    })
    return [loads, tokenSeconds(model, placed)]
  }

  /** Ways to give away `left`, beside `taken`. */
  function ways(left: readonly number[], taken: readonly Takeover[], isGreedy: boolean): Takeover[] | null {
    const [stage, ...rest] = left
    if (stage === undefined) return [...taken]
    const next = candidates
      .map((node) => [...taken, { stage, nodeId: node.id }])
      .filter((all) => {
        const node = byId.get(all.at(-1)?.nodeId ?? '')
        return node !== undefined && roomOf(node, all) >= 0
      })
    if (isGreedy) {
      const best = leastOf(next, costOf)
      return best && ways(rest, best, isGreedy)
    }
    const complete = next.map((all) => ways(rest, all, isGreedy)).filter((all) => all !== null)
    return leastOf(complete, costOf)
  }

  return ways(lost, [], candidates.length ** lost.length > MOST_COMBINATIONS)
}

/** The first of those that cost least. */
function leastOf<T>(items: readonly T[], costOf: (item: T) => readonly [number, number]): T | null {
  let best: { item: T; cost: readonly [number, number] } | null = null
  for (const item of items) {
    const cost = costOf(item)
    if (!best || cost[0] < best.cost[0] || (cost[0] === best.cost[0] && cost[1] < best.cost[1])) best = { item, cost }
  }
  return best?.item ?? null
}
