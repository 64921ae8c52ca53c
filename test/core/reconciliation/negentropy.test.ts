// The same bytes, frame by frame, as the Rust implementation of negentropy (test/vectors/reconciliation).

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '#core/crypto/bytes.ts'
import { createItemSet } from '#core/reconciliation/item-set.ts'
import { answerRanges, continueRanges, openRanges } from '#core/reconciliation/range-based.ts'

interface Exchange {
  readonly name: string
  /** 0 for none. */
  readonly limit: number
  /** Time, id, and which side has it. */
  readonly items: readonly string[]
  /** In turns, the first one's first. */
  readonly frames: readonly string[]
  readonly have: number
  readonly need: number
}

const exchanges = JSON.parse(readFileSync('test/vectors/reconciliation/negentropy.json', 'utf8')) as Exchange[]

describe('negentropy, version 1', () => {
  it.each(exchanges)('speaks it to the bit: $name', ({ limit, items, frames, have, need }) => {
    const setOf = (side: string) =>
      createItemSet(
        items
          .map((line) => line.split(' '))
          .filter(([, , who]) => who === 'both' || who === side)
          .map(([time, id]) => ({ key: Number(time), id: fromHex(id!)! })),
      )
    const ours = setOf('first')
    const theirs = setOf('second')
    const maxFrame = limit || 2 ** 20
    const learnt = { have: 0, need: 0 }
    let next: Uint8Array | null = openRanges(ours)
    const said: string[] = []
    while (next) {
      said.push(toHex(next))
      const answer = answerRanges(theirs, next, maxFrame)
      said.push(toHex(answer))
      next = continueRanges(
        ours,
        answer,
        (ids, from, to) => {
          const listed = new Set(
            Array.from({ length: ids.length / 32 }, (_, i) => toHex(ids.subarray(32 * i, 32 * i + 32))),
          )
          for (let index = from; index < to; index++) if (!listed.delete(toHex(ours.idAt(index)))) learnt.have++
          learnt.need += listed.size
        },
        maxFrame,
      ).frame
    }
    expect(said).toEqual(frames)
    expect(learnt).toEqual({ have, need })
  })
})
