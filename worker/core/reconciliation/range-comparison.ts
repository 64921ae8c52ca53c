// The side that begins a range-based comparison: keeps what it learns from one message to the next, and sees when coded symbols
// would be shorter.

import { chooseMethod } from './choose-method.ts'
import type { Comparison, ComparisonOptions, ComparisonResult } from './comparison.ts'
import { ID_BYTES } from './item-set.ts'
import { continueRanges, estimateBytes, estimateScattered, openRanges } from './range-based.ts'

/** Ids that a peer can make us note. */
const MAX_NOTED = 2 ** 17

export function createRangeComparison({ set, maySwitch = true }: ComparisonOptions): Comparison {
  const have = new Map<string, Uint8Array>()
  const need = new Map<string, Uint8Array>()
  let retry: ComparisonResult['retry'] = null
  let complete = false

  const noteIds = (theirs: Uint8Array, from: number, to: number): void => {
    const listed = new Map<string, Uint8Array>()
    for (let at = 0; at < theirs.length; at += ID_BYTES) {
      const id = theirs.subarray(at, at + ID_BYTES)
      listed.set(nameOf(id), id)
    }
    for (let index = from; index < to; index++) {
      const id = set.idAt(index)
      const name = nameOf(id)
      if (!listed.delete(name)) have.set(name, id.slice())
    }
    for (const [name, id] of listed) need.set(name, id.slice())
  }

  return {
    open: () => openRanges(set),
    receive(frame) {
      const { frame: next, mismatch } = continueRanges(set, frame, noteIds)
      complete = next === null
      if (next === null || need.size > MAX_NOTED) return null
      const expected = estimateScattered(mismatch, set.size)
      const rangeBytes = estimateBytes(mismatch)
      if (!maySwitch || chooseMethod({ size: set.size, expected, rangeBytes }) !== 'riblt') return next
      retry = { method: 'riblt', expected }
      return null
    },
    result: () => ({ have: [...have.values()], need: [...need.values()], complete, retry }),
  }
}

/** An id as the key of a map: one character a byte, which is quicker to make than hexadecimal text. */
function nameOf(id: Uint8Array): string {
  return String.fromCharCode(...id)
}
