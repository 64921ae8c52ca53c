// Which node holds which layers: a pure function of what the model needs, what the nodes offer, and how far apart they are.

import { CentramError } from '#core/errors.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'

export interface PlacementNode {
  readonly id: string
  /** Bytes it offers for weights and KV cache. */
  readonly budgetBytes: number
  /** Weight bytes it reads per second in decode, as measured. */
  readonly bytesPerSecond: number
  /** Measured from the asker; absent for the asker itself, and where it is not known yet. */
  readonly roundTripMs?: number
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
 * `all`: every node takes a part, and the slowest stage is as fast as it can be, which is what counts once several askers'
 * steps fill the pipeline; among those the quickest for one token. Nodes are left out, smallest memory first, only where the
 * model has too few layers or no plan with all of them fits. The default: whoever opens a room asked for company.
 *
 * `fewest`: a token takes the least time, hops counted, and among equals the fewest nodes take part. So a node is added only
 * for its memory, or where it is fast enough to pay for its hop; the others stay spare.
 */
export type Spread = 'all' | 'fewest'

/** What a hop costs beside the way: signing, the data channel, verifying (docs/benchmarks.md measured 1.25 to 1.75 ms). */
export const HOP_SECONDS = 0.0015
/** A hop whose round trip was not measured yet: that of a network at home. */
const UNKNOWN_ROUND_TRIP_MS = 5
/** Up to so many nodes beside the asker every order is tried; beyond, those by speed and by memory. */
const MOST_PERMUTED = 4

/**
 * Cuts the layers into one contiguous stage a node, within every node's memory. The first of `nodes` (the asker) holds the
 * first layers; the order of the others makes no difference. Throws `NO_CAPACITY` when no plan fits, with what is needed and
 * what is offered.
 */
export function placeLayers(
  model: PlacementModel,
  nodes: readonly PlacementNode[],
  spread: Spread = 'all',
): PlannedStage[] {
  const [asker, ...others] = nodes
  if (!asker || model.layerBytes.length === 0)
    throw new CentramError('BAD_ARGUMENT', 'A placement needs a node and a layer.')
  const byMemory = [...others].sort((a, b) => b.budgetBytes - a.budgetBytes || byId(a, b))
  const most = model.layerBytes.length - 1
  if (spread === 'fewest') {
    const sets = subsetsOf(byMemory).filter(({ length }) => length <= most)
    const plan = bestOf(model, asker, sets.flatMap(ordersOf), spread)
    if (plan) return plan
  } else {
    for (let count = Math.min(byMemory.length, most); count >= 0; count--) {
      const plan = bestOf(model, asker, ordersOf(byMemory.slice(0, count)), spread)
      if (plan) return plan
    }
  }
  throw noCapacity(model, nodes)
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

/** Seconds from `from` to `to`; the asker is the node without a round trip to itself. */
export function hopSeconds(asker: PlacementNode, from: PlacementNode, to: PlacementNode): number {
  if (from.id === to.id) return 0
  // Only the way to the asker is measured. Between two others it is at most the sum of theirs; the longer is a fair guess.
  const ways = [from, to].filter((node) => node.id !== asker.id)
  const roundTrip = Math.max(...ways.map((node) => node.roundTripMs ?? UNKNOWN_ROUND_TRIP_MS))
  return HOP_SECONDS + roundTrip / 2000
}

/** Seconds that a token of a single answer takes: every stage in turn, and the way round. */
export function tokenSeconds(
  model: PlacementModel,
  stages: readonly { readonly node: PlacementNode; readonly range: LayerRange }[],
): number {
  const asker = stages[0]?.node
  if (!asker) return 0
  const computing = sum(stages.map(({ node, range }) => stageSeconds(model, range, node)))
  return computing + wayRound(stages.map(({ node }) => node))
}

/** From the asker through all of them and back. */
function wayRound(order: readonly PlacementNode[]): number {
  const [asker] = order
  if (!asker) return 0
  return sum(order.map((node, index) => hopSeconds(asker, node, order[index + 1] ?? asker)))
}

function bestOf(
  model: PlacementModel,
  asker: PlacementNode,
  orders: readonly (readonly PlacementNode[])[],
  spread: Spread,
): PlannedStage[] | null {
  let best: { slowest: number; total: number; stages: PlannedStage[] } | null = null
  for (const others of orders) {
    const order = [asker, ...others]
    const cut = cutLayers(model, order, spread)
    if (!cut) continue
    const total = cut.total + wayRound(order)
    const isBetter =
      !best ||
      (spread === 'all'
        ? (less(cut.slowest, best.slowest) ?? less(total, best.total))
        : (less(total, best.total) ?? order.length < best.stages.length))
    if (!isBetter) continue
    const stages = order.map(({ id }, index) => {
      const range = { first: cut.cuts[index] ?? 0, last: cut.cuts[index + 1] ?? model.layerBytes.length }
      return { nodeId: id, range, bytes: stageBytes(model, range) }
    })
    best = { slowest: cut.slowest, total, stages }
  }
  return best?.stages ?? null
}

/** Null for what differs by no more than rounding. */
function less(a: number, b: number): boolean | null {
  return Math.abs(a - b) <= 1e-12 * Math.max(a, b) ? null : a < b
}

interface Cut {
  readonly slowest: number
  readonly total: number
}

/**
 * Dynamic programme over (nodes used, layers placed): the cut with the smallest slowest stage (`all`; among equals of what
 * came before, the smallest sum) or the smallest sum (`fewest`).
 */
function cutLayers(
  model: PlacementModel,
  order: readonly PlacementNode[],
  spread: Spread,
): (Cut & { cuts: number[] }) | null {
  const layers = model.layerBytes.length
  const upTo = [0]
  for (const bytes of model.layerBytes) upTo.push((upTo.at(-1) ?? 0) + bytes)
  const weights = (first: number, last: number) => (upTo[last] ?? 0) - (upTo[first] ?? 0)
  /** `stageBytes`, without adding the layers up each time. */
  const bytesOf = (first: number, last: number) =>
    weights(first, last) +
    model.cacheBytesPerLayer * (last - first) +
    (first === 0 ? model.embeddingBytes : 0) +
    (last === layers ? model.headBytes : 0)
  // best[last]: of the nodes so far holding [0, last); begins[n][last]: where node n begins.
  let best: (Cut | undefined)[] = [{ slowest: 0, total: 0 }]
  const begins: number[][] = []
  for (const [index, node] of order.entries()) {
    const next = new Array<Cut | undefined>(layers + 1).fill(undefined)
    const from = new Array<number>(layers + 1).fill(-1)
    const isLastNode = index === order.length - 1
    for (let last = index + 1; last <= layers; last++) {
      if (isLastNode !== (last === layers)) continue
      for (let first = index; first < last; first++) {
        const before = best[first]
        if (!before || bytesOf(first, last) > node.budgetBytes) continue
        const seconds = (weights(first, last) + (last === layers ? model.headBytes : 0)) / node.bytesPerSecond
        const cut = { slowest: Math.max(before.slowest, seconds), total: before.total + seconds }
        const known = next[last]
        const isBetter =
          !known ||
          (spread === 'all'
            ? cut.slowest < known.slowest || (cut.slowest === known.slowest && cut.total < known.total)
            : cut.total < known.total)
        if (!isBetter) continue
        next[last] = cut
        from[last] = first
      }
    }
    best = next
    begins.push(from)
  }
  const whole = best[layers]
  if (!whole) return null
  const cuts = [layers]
  for (let index = order.length - 1; index >= 0; index--) cuts.unshift(begins[index]?.[cuts[0] ?? 0] ?? 0)
  return { ...whole, cuts }
}

/** Orders worth a try: all of a few nodes, else the fastest first, with one of the fastest or slowest last, at the head. */
function ordersOf(nodes: readonly PlacementNode[]): (readonly PlacementNode[])[] {
  const bySpeed = [...nodes].sort((a, b) => b.bytesPerSecond - a.bytesPerSecond || byId(a, b))
  if (bySpeed.length <= MOST_PERMUTED) return permutationsOf(bySpeed)
  const ends = [...bySpeed.slice(-2).reverse(), ...bySpeed.slice(0, 2)]
  return ends.map((last) => [...bySpeed.filter((node) => node !== last), last])
}

function permutationsOf(nodes: readonly PlacementNode[]): (readonly PlacementNode[])[] {
  if (nodes.length <= 1) return [nodes]
  return nodes.flatMap((node) => permutationsOf(nodes.filter((other) => other !== node)).map((rest) => [node, ...rest]))
}

/** All subsets of a few nodes; of many, those that are fastest, largest or nearest, so many at a time. */
function subsetsOf(nodes: readonly PlacementNode[]): (readonly PlacementNode[])[] {
  if (nodes.length <= MOST_PERMUTED) {
    return nodes.reduce<PlacementNode[][]>((sets, node) => [...sets, ...sets.map((set) => [...set, node])], [[]])
  }
  const near = (node: PlacementNode) => node.roundTripMs ?? UNKNOWN_ROUND_TRIP_MS
  const ranked = [
    [...nodes].sort((a, b) => b.bytesPerSecond - a.bytesPerSecond || byId(a, b)),
    [...nodes].sort((a, b) => b.budgetBytes - a.budgetBytes || byId(a, b)),
    [...nodes].sort((a, b) => near(a) - near(b) || byId(a, b)),
  ]
  return ranked.flatMap((order) => Array.from({ length: order.length + 1 }, (_, count) => order.slice(0, count)))
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

const byId = (a: PlacementNode, b: PlacementNode) => (a.id < b.id ? -1 : 1)
const megabytes = (bytes: number) => Math.ceil(bytes / 1e6).toLocaleString('en')
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
