// Results of a step on the wire: of one column or of each, and what does not fit.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ColumnOutput } from '../../../worker/model/shard.ts'
import { readResult, resultToWire, type StepResult, type WireResult } from '../../../worker/hyperlink/step-result.ts'

const VOCABULARY = 97
const token = fc.nat(VOCABULARY - 1)
const floats = (length: number) =>
  fc
    .array(fc.float({ noNaN: true }), { minLength: length, maxLength: length })
    .map((values) => Float32Array.from(values))
const ofTop = (count: number) =>
  fc
    .tuple(fc.array(token, { minLength: count, maxLength: count }), floats(count))
    .map(([ids, logits]): ColumnOutput => {
      return { kind: 'top', ids: Uint32Array.from(ids), logits }
    })
/** Columns of one step: all of one kind, and as many candidates each. */
const columns = fc.oneof(
  fc.array(
    token.map((id): ColumnOutput => ({ kind: 'token', token: id })),
    { minLength: 1, maxLength: 8 },
  ),
  fc.array(
    floats(VOCABULARY).map((logits): ColumnOutput => ({ kind: 'logits', logits })),
    { minLength: 1, maxLength: 8 },
  ),
  fc.integer({ min: 1, max: 12 }).chain((count) => fc.array(ofTop(count), { minLength: 1, maxLength: 8 })),
)

const pass = (result: StepResult, asked: number | null) => {
  const { fields, tail } = resultToWire(result)
  // Odd offsets, as in a received frame.
  const received = tail && new Uint8Array(tail.length + 1).fill(7)
  if (tail) received?.set(tail, 1)
  return readResult(fields, received?.subarray(1), VOCABULARY, asked)
}

test('come back as they were sent', () => {
  fc.assert(
    fc.property(columns, (all) => {
      const [first] = all
      if (first) expect(pass(first, null)).toEqual(first)
      expect(pass({ kind: 'columns', columns: all }, all.length)).toEqual({ kind: 'columns', columns: all })
    }),
  )
  expect(pass({ kind: 'none' }, null)).toEqual({ kind: 'none' })
  const states = Float32Array.from({ length: 12 }, (_, at) => at / 7)
  expect(pass({ kind: 'states', columns: 3, states }, null)).toEqual({ kind: 'states', columns: 3, states })
})

test('that fit neither vocabulary nor question are refused', () => {
  const refused = (fields: WireResult, tail?: Uint8Array, asked: number | null = null) =>
    expect(() => readResult(fields, tail, VOCABULARY, asked)).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }),
    )
  refused({ kind: 'token', columns: 1, tokens: [VOCABULARY] })
  refused({ kind: 'states', columns: 3 }, new Uint8Array(20))
  refused({ kind: 'states', columns: 3 })
  refused({ kind: 'states', columns: 3 }, new Uint8Array(24), 3)
  refused({ kind: 'token', columns: 1, tokens: [] })
  refused({ kind: 'token', columns: 2, tokens: [1, 2] })
  refused({ kind: 'token', columns: 1, tokens: [1] }, undefined, 2)
  refused({ kind: 'token', columns: 0, tokens: [] }, undefined, 0)
  refused({ kind: 'none', columns: 1 })
  refused({ kind: 'logits', columns: 1 }, new Uint8Array(VOCABULARY * 4 - 4))
  refused({ kind: 'logits', columns: 2 }, new Uint8Array(VOCABULARY * 4), 2)
  refused({ kind: 'top', columns: 1 }, new Uint8Array(Uint32Array.of(VOCABULARY, 0).buffer))
  refused({ kind: 'top', columns: 1 }, new Uint8Array(0))
  refused({ kind: 'top', columns: 3 }, new Uint8Array(16), 3)
})
