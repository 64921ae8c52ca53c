// Sets to compare, and two sides that compare them.

import { toHex } from '#core/crypto/bytes.ts'
import type { Method } from '#core/reconciliation/choose-method.ts'
import { createAnswer, createComparison } from '#core/reconciliation/compare-sets.ts'
import type { ComparisonResult } from '#core/reconciliation/comparison.ts'
import { createItemSet, type Item, type ItemSet } from '#core/reconciliation/item-set.ts'
import type { Dice } from '../../simulation/random.ts'

export interface Pair {
  readonly ours: readonly Item[]
  readonly theirs: readonly Item[]
  readonly onlyOurs: readonly Item[]
  readonly onlyTheirs: readonly Item[]
}

export interface PairOptions {
  readonly size: number
  readonly differences: number
  /** Whether those are any or the newest. */
  readonly lie: 'scattered' | 'last'
  /** How many items share a time. */
  readonly together?: number
}

/** Two sets of `size` items in all, of which only one side, drawn for each, has `differences`. */
export function drawPair(dice: Dice, { size, differences, lie, together = 1 }: PairOptions): Pair {
  const items = drawItems(dice, size, together)
  const apart = new Set<number>()
  while (apart.size < differences) apart.add(lie === 'last' ? size - 1 - apart.size : dice.whole(0, size - 1))
  const owner = items.map((_, index) => (apart.has(index) ? (dice.chance(0.5) ? 'ours' : 'theirs') : 'both'))
  const of = (...owners: readonly string[]) => items.filter((_, index) => owners.includes(owner[index]!))
  return { ours: of('both', 'ours'), theirs: of('both', 'theirs'), onlyOurs: of('ours'), onlyTheirs: of('theirs') }
}

export function drawItems(dice: Dice, size: number, together = 1): readonly Item[] {
  return Array.from({ length: size }, (_, index) => ({
    key: 1_700_000_000_000 + Math.floor(index / together) * 1000,
    id: dice.bytes(32),
  }))
}

export interface Exchange extends ComparisonResult {
  /** Of the frames in both directions, without what a message adds around each. */
  readonly bytes: number
  /** A frame there and one back. */
  readonly rounds: number
  readonly largest: number
}

/** Compares until it is over, by another method where the first one says so; what came before counts too. */
export function compare(
  dice: Dice,
  ours: ItemSet | readonly Item[],
  theirs: ItemSet | readonly Item[],
  options: { readonly method: Method; readonly maySwitch?: boolean; readonly expected?: number | null },
): Exchange {
  const recon = dice.bytes(16)
  const set = Array.isArray(ours) ? createItemSet(ours as readonly Item[]) : (ours as ItemSet)
  const other = Array.isArray(theirs) ? createItemSet(theirs as readonly Item[]) : (theirs as ItemSet)
  const comparison = createComparison({ ...options, set, recon })
  const answer = createAnswer({ set: other, method: options.method, recon })
  let [bytes, rounds, largest] = [0, 0, 0]
  for (let frame: Uint8Array | null = comparison.open(); frame; rounds++) {
    const back = answer(frame)
    bytes += frame.length + back.length
    largest = Math.max(largest, frame.length, back.length)
    frame = comparison.receive(back)
  }
  const result = comparison.result()
  if (!result.retry) return { ...result, bytes, rounds, largest }
  const rest = compare(dice, set, other, result.retry)
  return { ...rest, bytes: bytes + rest.bytes, rounds: rounds + rest.rounds, largest: Math.max(largest, rest.largest) }
}

/** In an order of their own, for comparing. */
export function sortedHex(ids: readonly (Uint8Array | Item)[]): readonly string[] {
  return ids.map((id) => toHex('id' in id ? id.id : id)).sort()
}
