// Layer 3: announcements that are late, early, old, contradictory or taken back.

import { describe, expect, test } from 'vitest'
import { openCandidate } from '#core/gate/candidate.ts'
import { freshness } from '#core/gate/freshness.ts'
import type { Arrival, GateContext, GateOutcome, GenomeSummary } from '#core/gate/layer.ts'
import { NO_RECORDS, type GateRecords } from '#core/gate/records.ts'
import { DEFAULT_RULES } from '#core/gate/rules.ts'
import { arrivalOf, contextWith, judge, keyOf, makeGenome, identityOf, MINUTE, NOW, sameNode } from './arrivals.ts'

const made = await makeGenome()
const second = await makeGenome({ name: 'Dick' })
const SKEW = DEFAULT_RULES.clockSkewMs

/** The records once this came, ended so, and passed this layer. */
async function after(arrival: Arrival, outcome: GateOutcome = 'accepted', records = NO_RECORDS): Promise<GateRecords> {
  const context = contextWith({ records })
  const candidate = openCandidate(arrival, context.verify)
  const finding = await freshness.judge(candidate, context)
  return { ...records, ...(await freshness.remember?.(candidate, context, { finding, outcome })) }
}
const code = async (arrival: Arrival, changes: Partial<GateContext> = {}) =>
  (await judge(freshness, arrival, contextWith({ now: () => NOW + 60 * MINUTE, ...changes }))).code
const announced = (at: number, sequence: number | null = null, of = made) =>
  arrivalOf(of, { summary: { at }, announcement: { sequence } })

test('what is new passes, and a file was announced by nobody', async () => {
  expect(await code(arrivalOf(made))).toBe('PASSED')
  expect(await code(arrivalOf(made, { sender: null, announcement: null }))).toBe('NO_SENDER')
  expect(await code(arrivalOf(made, { announcement: null }))).toBe('HEAD_MISMATCH')
  expect(await code(arrivalOf(made, { manifest: null }))).toBe('NO_MANIFEST')
})

describe('what came is what was announced', () => {
  test.each([
    ['a second manifest under one id', { genome: new Uint8Array(32).fill(9) }],
    ['another base model', { base: new Uint8Array(32).fill(9) }],
    ['another content', { content: new Uint8Array(32).fill(9) }],
    ['another size', { bytes: 1 }],
  ])('%s', async (_, summary) => {
    expect(await code(arrivalOf(made, { summary }))).toBe('HEAD_MISMATCH')
  })
})

test('time runs one way', async () => {
  const later = await makeGenome({ createdAt: NOW + 2 * SKEW })
  const now = () => NOW
  expect(await code(announced(NOW + SKEW + 1), { now })).toBe('FROM_THE_FUTURE')
  expect(await code(announced(NOW + SKEW), { now })).toBe('PASSED')
  expect(await code(announced(NOW, null, later), { now })).toBe('FROM_THE_FUTURE')
  expect(await code(announced(NOW, null, later), { now: () => NOW + 4 * SKEW })).toBe('BACK_IN_TIME')
})

test('what was taken back stays so, until its author announces it again', async () => {
  const withdrawnAt = () => NOW + 1
  expect(await code(announced(NOW), { withdrawnAt })).toBe('WITHDRAWN')
  expect(await code(announced(NOW + 2), { withdrawnAt })).toBe('PASSED')
})

describe('replays', () => {
  test('the same announcement is judged once', async () => {
    const records = await after(announced(NOW))
    expect(await code(announced(NOW), { records })).toBe('REPLAYED')
    expect(await code({ ...announced(NOW), again: true }, { records })).toBe('PASSED')
    expect(await code(arrivalOf(made, { announcement: { by: null, sequence: null } }), { records })).toBe('REPLAYED')
    expect(await code(announced(NOW + MINUTE), { records })).toBe('PASSED')
  })

  test('what was left undecided may come again', async () => {
    const records = await after(announced(NOW), 'incomplete')
    expect(await code(announced(NOW), { records })).toBe('PASSED')
  })

  test('an old announcement does not come back after a newer one', async () => {
    const records = await after(announced(NOW + MINUTE), 'incomplete')
    expect(await code(announced(NOW), { records })).toBe('BACK_IN_TIME')
  })
})

describe('an author says one thing', () => {
  test('not two announcements of one genome at one time', async () => {
    const records = await after(announced(NOW), 'incomplete')
    const otherwise = (summary: Partial<GenomeSummary>) =>
      arrivalOf(made, { summary: { at: NOW, ...summary }, announcement: { sequence: null } })
    expect(await code(otherwise({ licence: 'MIT' }), { records })).toBe('EQUIVOCATION')
    // What its author has learned of its ancestors since contradicts nothing.
    expect(await code(otherwise({ generation: 3 }), { records })).toBe('PASSED')
  })

  test('not two genomes at one place in the sequence', async () => {
    const records = await after(announced(NOW, 5), 'incomplete')
    expect(await code(announced(NOW + MINUTE, 5, second), { records })).toBe('EQUIVOCATION')
    expect(await code(announced(NOW + MINUTE, 6, second), { records })).toBe('PASSED')
  })

  test('not a later word of an earlier time', async () => {
    const records = await after(announced(NOW, 5), 'incomplete')
    expect(await code(announced(NOW - MINUTE, 6, second), { records })).toBe('BACK_IN_TIME')
    expect(await code(announced(NOW + MINUTE, 4, second), { records })).toBe('BACK_IN_TIME')
    expect(await code(announced(NOW - MINUTE, 4, second), { records })).toBe('PASSED')
  })

  test('under any of its keys, and others speak for themselves', async () => {
    const other = identityOf(2)
    const theirs = await makeGenome({ name: 'Dick' }, { author: other })
    const records = await after(announced(NOW, 5), 'incomplete')
    const keys = sameNode(keyOf(identityOf(1)), keyOf(other))
    expect(await code(announced(NOW + MINUTE, 5, theirs), { records })).toBe('PASSED')
    expect(await code(announced(NOW + MINUTE, 5, theirs), { records, keys })).toBe('EQUIVOCATION')
  })

  test('what others tell in other words is no contradiction', async () => {
    const records = await after(announced(NOW, 5), 'incomplete')
    const told = arrivalOf(made, { summary: { at: NOW, generation: 3 }, announcement: { by: null, sequence: null } })
    expect(await code(told, { records })).toBe('PASSED')
  })
})

test('what was refused here leaves nothing behind', async () => {
  const records = await after(announced(NOW + MINUTE), 'refused')
  expect(await after(announced(NOW), 'refused', records)).toEqual(records)
})
