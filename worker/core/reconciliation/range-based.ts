// Range-based set reconciliation (Aljoscha Meyer, arXiv 2212.13567) as negentropy, version 1, does it: whoever begins sends
// fingerprints of 16 parts of its set; where one differs the other answers with fingerprints of smaller parts, and with the ids
// themselves where few are left. Cheap where differences lie together, as after a partition in time. Whoever answers keeps
// nothing between two messages.

import { equalBytes } from '../crypto/bytes.ts'
import { MAX_FRAME } from './frame-bytes.ts'
import { ID_BYTES, type Bound, type ItemSet } from './item-set.ts'
import { END, readRanges, writeRanges, type RangeWriter } from './range-message.ts'

const PARTS = 16
/** A range with fewer items is told by its ids. */
const FEW = 2 * PARTS
/** For the last range of a frame: what is left, by its fingerprint. */
const RESERVE = 200
/** Of one range: a bound and a fingerprint. */
const RANGE_BYTES = 20

/** How much of a set was found to differ. */
export interface Mismatch {
  /** Ranges whose fingerprints differ, and how many of them do not lie right behind another one. */
  readonly ranges: number
  readonly runs: number
  /** Own items in them, and in all ranges that were looked at. */
  readonly items: number
  readonly compared: number
}

export function openRanges(set: ItemSet): Uint8Array<ArrayBuffer> {
  const writer = writeRanges()
  split(set, writer, 0, set.size, END)
  return writer.finish()
}

/** The answer of who did not begin. A pure function of its set and the message. */
export function answerRanges(set: ItemSet, frame: Uint8Array, maxFrame = MAX_FRAME): Uint8Array<ArrayBuffer> {
  return compare(set, frame, maxFrame, null).writer.finish()
}

/**
 * What who began sends next; null at the end. `onIds` hears of every range that was told by ids: which the other side has, and
 * from and up to where this side's items lie in it.
 */
export function continueRanges(
  set: ItemSet,
  frame: Uint8Array,
  onIds: (theirs: Uint8Array, from: number, to: number) => void,
  maxFrame = MAX_FRAME,
): { readonly frame: Uint8Array<ArrayBuffer> | null; readonly mismatch: Mismatch } {
  const { writer, mismatch } = compare(set, frame, maxFrame, onIds)
  return { frame: writer.saysNothing ? null : writer.finish(), mismatch }
}

function compare(
  set: ItemSet,
  frame: Uint8Array,
  maxFrame: number,
  onIds: ((theirs: Uint8Array, from: number, to: number) => void) | null,
): { readonly writer: RangeWriter; readonly mismatch: Mismatch } {
  const writer = writeRanges()
  const mismatch = { ranges: 0, runs: 0, items: 0, compared: 0 }
  let mismatchEnd = -1
  /** Where the items after the last bound that was read, and after the last one that was written, begin. */
  let read = 0
  let written = 0
  for (const { upper, says } of readRanges(frame)) {
    const from = read
    const to = set.rank(upper)
    read = to
    mismatch.compared = to
    if (says === null) writer.skip(upper)
    else if ('fingerprint' in says) {
      if (equalBytes(set.fingerprint(from, to), says.fingerprint)) {
        writer.skip(upper)
        continue
      }
      mismatch.ranges++
      if (from !== mismatchEnd) mismatch.runs++
      mismatchEnd = to
      mismatch.items += to - from
      const takeBack = writer.mark()
      split(set, writer, from, to, upper)
      if (writer.length > maxFrame - RESERVE) {
        takeBack()
        writer.write(END, { fingerprint: set.fingerprint(written) })
        break
      }
      written = to
    } else if (onIds) {
      onIds(says.ids, from, to)
      writer.skip(upper)
    } else {
      const room = Math.ceil((maxFrame - RESERVE - writer.length + 1) / ID_BYTES)
      const end = Math.min(to, from + Math.max(0, room))
      writer.write(end < to ? boundAt(set, end) : upper, { ids: joinIds(set, from, end) })
      written = end
      if (writer.length > maxFrame - RESERVE) {
        if (end < to || upper.key !== Infinity) writer.write(END, { fingerprint: set.fingerprint(written) })
        break
      }
    }
  }
  return { writer, mismatch }
}

function split(set: ItemSet, writer: RangeWriter, from: number, to: number, upper: Bound): void {
  const size = to - from
  if (size < FEW) return writer.write(upper, { ids: joinIds(set, from, to) })
  let start = from
  for (let part = 0; part < PARTS; part++) {
    const end = start + Math.floor(size / PARTS) + (part < size % PARTS ? 1 : 0)
    writer.write(end === to ? upper : boundBetween(set, end), { fingerprint: set.fingerprint(start, end) })
    start = end
  }
}

/** The shortest bound between the item at `index` and the one before it. */
function boundBetween(set: ItemSet, index: number): Bound {
  const key = set.keyAt(index)
  if (set.keyAt(index - 1) !== key) return { key, prefix: new Uint8Array() }
  const id = set.idAt(index)
  const before = set.idAt(index - 1)
  let shared = 0
  while (id[shared] === before[shared]) shared++
  return { key, prefix: id.slice(0, shared + 1) }
}

function boundAt(set: ItemSet, index: number): Bound {
  return { key: set.keyAt(index), prefix: set.idAt(index).slice() }
}

function joinIds(set: ItemSet, from: number, to: number): Uint8Array {
  const ids = new Uint8Array((to - from) * ID_BYTES)
  for (let index = from; index < to; index++) ids.set(set.idAt(index), (index - from) * ID_BYTES)
  return ids
}

/**
 * How large the difference of a set of `size` is, if it is scattered: so many bins are hit when that many balls fall. Null where
 * it lies together, so that what differs in a range is anybody's guess.
 */
export function estimateScattered({ ranges, runs, items, compared }: Mismatch, size: number): number | null {
  const bins = Math.max(ranges, (compared * ranges) / Math.max(1, items), 1)
  const missed = 1 - ranges / bins
  if (runs < (ranges * missed) / 2) return null
  const difference = -bins * Math.log(Math.max(missed, 1 / (4 * bins)))
  return Math.round((difference * size) / Math.max(1, compared))
}

/** What is to come at least: each range that differs ends in a list of ids from either side. */
export function estimateBytes({ ranges, items }: Mismatch): number {
  const each = items / Math.max(1, ranges)
  return ranges * ((each < FEW ? 0 : PARTS * RANGE_BYTES) + 2 * Math.min(each, FEW - PARTS / 2) * ID_BYTES)
}
