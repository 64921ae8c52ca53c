// Which node holds which layers: a pure function of what the model needs and what the nodes offer.

import { CentramError } from '#core/errors.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'

export interface PlacementNode {
  readonly id: string
  /** Bytes it offers for weights and KV cache. */
  readonly budgetBytes: number
  /** Weight bytes it reads per second in decode, as measured. */
  readonly bytesPerSecond: number
}

export interface PlacementModel {
  /** Bytes of each layer's weights. */
  readonly layerBytes: readonly number[]
  /** Bytes of KV cache each layer adds. */
  readonly cacheBytesPerLayer: number
  /** Held by the first stage; only gathered from, so it costs memory and no time. */
  readonly embeddingBytes: number
  /** Held and read once a token by the last stage. */
  readonly headBytes: number
}

export interface PlannedStage {
  readonly nodeId: string
  readonly range: LayerRange
  /** Weights and cache it will take there. */
  readonly bytes: number
}

/**
 * Cuts the layers into one contiguous stage a node so that the slowest stage is as fast as it can be, within every
 * node's memory. The first node of `nodes` (the asker) comes first; the others follow, fastest first, with the last stage
 * given to whichever of them makes the best plan. Every node gets at least one layer; nodes are left out, smallest
 * memory first, only where the model has too few layers or no plan with all of them fits.
 *
 * Throws `NO_CAPACITY` when no plan fits, with what is needed and what is offered.
 */
export function placeLayers(model: PlacementModel, nodes: readonly PlacementNode[]): PlannedStage[] {
  const [asker, ...others] = nodes
  if (!asker || model.layerBytes.length === 0)
    throw new CentramError('BAD_ARGUMENT', 'A placement needs a node and a layer.')
  const kept = [...others].sort((a, b) => b.budgetBytes - a.budgetBytes).slice(0, model.layerBytes.length - 1)
  for (;;) {
    const plan = bestOrder(model, asker, kept)
    if (plan) return plan
    if (kept.length === 0) throw noCapacity(model, nodes)
    kept.pop()
  }
}

/** Seconds one decode step spends reading the weights of `range` on `node`. */
export function stageSeconds(model: PlacementModel, range: LayerRange, node: PlacementNode): number {
  const isLast = range.last === model.layerBytes.length
  const bytes = sum(model.layerBytes.slice(range.first, range.last)) + (isLast ? model.headBytes : 0)
  return bytes / node.bytesPerSecond
}

/** Bytes that `range` takes on the node that holds it. */
export function stageBytes(model: PlacementModel, range: LayerRange): number {
  return (
    sum(model.layerBytes.slice(range.first, range.last)) +
    model.cacheBytesPerLayer * (range.last - range.first) +
    (range.first === 0 ? model.embeddingBytes : 0) +
    (range.last === model.layerBytes.length ? model.headBytes : 0)
  )
}

function bestOrder(
  model: PlacementModel,
  asker: PlacementNode,
  others: readonly PlacementNode[],
): PlannedStage[] | null {
  const bySpeed = [...others].sort((a, b) => b.bytesPerSecond - a.bytesPerSecond || (a.id < b.id ? -1 : 1))
  const orders =
    bySpeed.length === 0
      ? [[asker]]
      : bySpeed.map((last) => [asker, ...bySpeed.filter((node) => node !== last), last]).reverse()
  let best: { seconds: number; cuts: number[]; order: PlacementNode[] } | null = null
  for (const order of orders) {
    const cut = cutLayers(model, order)
    if (cut && (!best || cut.seconds < best.seconds)) best = { ...cut, order }
  }
  if (!best) return null
  const { cuts, order } = best
  return order.map((node, index) => {
    const range = { first: cuts[index] ?? 0, last: cuts[index + 1] ?? model.layerBytes.length }
    return { nodeId: node.id, range, bytes: stageBytes(model, range) }
  })
}

/** Dynamic programme over (nodes used, layers placed): the smallest possible time of the slowest stage. */
function cutLayers(model: PlacementModel, order: readonly PlacementNode[]): { seconds: number; cuts: number[] } | null {
  const layers = model.layerBytes.length
  // best[last]: slowest stage's seconds with the nodes so far holding [0, last); from[n][last]: where node n begins.
  let best: number[] = [0, ...new Array<number>(layers).fill(Infinity)]
  const from: number[][] = []
  for (const [index, node] of order.entries()) {
    const next = new Array<number>(layers + 1).fill(Infinity)
    const begins = new Array<number>(layers + 1).fill(-1)
    const isLastNode = index === order.length - 1
    for (let last = index + 1; last <= layers; last++) {
      if (isLastNode !== (last === layers)) continue
      for (let first = index; first < last; first++) {
        const before = best[first] ?? Infinity
        const range = { first, last }
        if (before === Infinity || stageBytes(model, range) > node.budgetBytes) continue
        const seconds = Math.max(before, stageSeconds(model, range, node))
        if (seconds < (next[last] ?? Infinity)) {
          next[last] = seconds
          begins[last] = first
        }
      }
    }
    best = next
    from.push(begins)
  }
  const seconds = best[layers] ?? Infinity
  if (seconds === Infinity) return null
  const cuts = [layers]
  for (let index = order.length - 1; index >= 0; index--) cuts.unshift(from[index]?.[cuts[0] ?? 0] ?? 0)
  return { seconds, cuts }
}

function noCapacity(model: PlacementModel, nodes: readonly PlacementNode[]): CentramError {
  const needed = stageBytes(model, { first: 0, last: model.layerBytes.length })
  const offered = sum(nodes.map((node) => node.budgetBytes))
  return new CentramError(
    'NO_CAPACITY',
    `The model needs ${megabytes(needed)} MB on GPUs and the ${nodes.length === 1 ? 'one node here offers' : `${nodes.length} nodes here offer`} ` +
      `${megabytes(offered)} MB. Invite another device, pick a smaller model, or load it with a shorter context.`,
  )
}

const megabytes = (bytes: number) => Math.ceil(bytes / 1e6).toLocaleString('en')
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
