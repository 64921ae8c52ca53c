// Several columns, several sessions: each gets the bits that it gets alone, whoever runs beside it.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { BASE_PROFILE } from '../../../worker/gpu/profile.ts'
import { loadShard } from '../../../worker/model/load-shard.ts'
import type { ColumnOutput, Shard, ShardSession, StepOutput } from '../../../worker/model/shard.ts'
import { expectSameBits, loadFixture, loadWhole, openGpu, stepTokens, type Fixture } from './fixture.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

const tokensOf = (tokens: readonly number[]) => ({ tokens: Uint32Array.from(tokens) })
const ZERO = new Float32Array(0)

function logitsOf(output: StepOutput | undefined): Float32Array {
  if (output?.kind !== 'logits') throw new Error(`expected logits, got ${output?.kind}`)
  return output.logits
}

function columnsOf(output: StepOutput | undefined): readonly ColumnOutput[] {
  if (output?.kind !== 'columns') throw new Error(`expected columns, got ${output?.kind}`)
  return output.columns
}

describe.each(['gpt2-hf', 'llama-hf', 'qwen3-hf'])('%s', (name) => {
  let fixture: Fixture
  let shard: Shard
  beforeAll(async () => {
    fixture = await loadFixture(name)
    shard = await loadWhole(gpu, fixture.model)
  })
  afterAll(() => shard.dispose())

  test('every column of a step has its own result', async () => {
    const tokens = [...fixture.prompt, ...fixture.longPrompt].slice(0, 8)
    const session = await shard.openSession(32)
    const wanted: Float32Array[] = []
    for (const token of tokens) wanted.push((await stepTokens(session, [token], 'decode', 'logits')).logits)
    for (const count of [1, 3, 8]) {
      session.trim(0)
      const logits = columnsOf(await session.step(tokensOf(tokens.slice(0, count)), 'decode', 'logits', 'each'))
      expect(logits).toHaveLength(count)
      for (const [index, column] of logits.entries()) expectSameBits(logitsOf(column), wanted[index] ?? ZERO)
      session.trim(0)
      const best = columnsOf(await session.step(tokensOf(tokens.slice(0, count)), 'decode', 'token', 'each'))
      session.trim(0)
      const top = columnsOf(await session.step(tokensOf(tokens.slice(0, count)), 'decode', 'top', 'each'))
      for (const [index, column] of best.entries()) {
        const order = [...(wanted[index] ?? ZERO).entries()].sort(([a, x], [b, y]) => y - x || a - b)
        expect(column).toEqual({ kind: 'token', token: order[0]?.[0] })
        const candidates = top[index]
        if (candidates?.kind !== 'top') throw new Error('no candidates')
        expect([...candidates.ids]).toEqual(order.slice(0, candidates.ids.length).map(([id]) => id))
      }
    }
    session.dispose()
  })

  test('sessions of other lengths and widths in one step have the bits of each alone', async () => {
    const { prompt, longPrompt, greedy } = fixture
    const beginnings = [prompt, longPrompt.slice(0, 37), [5], longPrompt.slice(0, 20)]
    const next = [greedy.slice(0, 2), greedy.slice(2, 3), greedy.slice(3, 6), [...greedy.slice(0, 2)].reverse()]
    const sessions: ShardSession[] = []
    const wanted: { first: Float32Array[]; then: Float32Array }[] = []
    for (const [index, beginning] of beginnings.entries()) {
      const alone = await shard.openSession(64)
      await stepTokens(alone, beginning, 'prefill', 'token')
      const first: Float32Array[] = []
      for (const token of next[index] ?? []) {
        first.push((await stepTokens(alone, [token], 'decode', 'logits')).logits)
      }
      wanted.push({ first, then: (await stepTokens(alone, [9], 'decode', 'logits')).logits })
      alone.dispose()
      const session = await shard.openSession(64)
      await stepTokens(session, beginning, 'prefill', 'token')
      sessions.push(session)
    }
    const steps = sessions.map((session, index) => {
      return { session, input: tokensOf(next[index] ?? []), output: 'logits' as const, results: 'each' as const }
    })
    const outputs = await Promise.all(shard.stepTogether(steps))
    for (const [index, output] of outputs.entries()) {
      const columns = columnsOf(output)
      expect(columns).toHaveLength(next[index]?.length ?? -1)
      for (const [column, result] of columns.entries()) {
        expectSameBits(logitsOf(result), wanted[index]?.first[column] ?? ZERO)
      }
    }
    // What they left in their caches is right too, and what each asks for is its own.
    const kinds = ['logits', 'token', 'none', 'logits'] as const
    const after = await Promise.all(
      shard.stepTogether(
        sessions.map((session, index) => ({ session, input: tokensOf([9]), output: kinds[index] ?? 'none' })),
      ),
    )
    for (const [index, output] of after.entries()) {
      const then = wanted[index]?.then ?? ZERO
      if (kinds[index] === 'logits') expectSameBits(logitsOf(output), then)
      else if (kinds[index] === 'token')
        expect(output).toEqual({ kind: 'token', token: then.indexOf(Math.max(...then)) })
      else expect(output).toBeUndefined()
    }
    for (const session of sessions) session.dispose()
  })
})

test('stages in the middle of a model run several sessions too', async () => {
  const { model, longPrompt } = await loadFixture('llama-hf')
  const { layers, width } = model.config
  const middle = await loadShard(gpu, model, { first: 1, last: layers - 1 }, { profile: BASE_PROFILE })
  const hidden = (columns: number, seed: number) => ({
    hidden: Float32Array.from({ length: columns * width }, (_, at) => Math.sin(seed + (longPrompt[at % 40] ?? 0) + at)),
  })
  const widths = [1, 3, 2]
  const alone: StepOutput[] = []
  for (const [index, columns] of widths.entries()) {
    const session = await middle.openSession(16)
    const output = await session.step(hidden(columns, index), 'decode', 'none')
    if (output) alone.push(output)
    session.dispose()
  }
  const sessions = await Promise.all(widths.map(() => middle.openSession(16)))
  const together = await Promise.all(
    middle.stepTogether(
      sessions.map((session, index) => ({ session, input: hidden(widths[index] ?? 0, index), output: 'none' })),
    ),
  )
  expect(alone).toHaveLength(3)
  for (const [index, output] of together.entries()) {
    const wanted = alone[index]
    if (output?.kind !== 'hidden' || wanted?.kind !== 'hidden') throw new Error('no hidden state')
    expectSameBits(output.hidden, wanted.hidden)
  }
  middle.dispose()
})

test('a step that cannot run leaves those beside it alone', async () => {
  const { model } = await loadFixture('llama-hf')
  const shard = await loadWhole(gpu, model)
  const short = await shard.openSession(2)
  const good = await shard.openSession(32)
  const closed = await shard.openSession(8)
  closed.dispose()
  await stepTokens(short, [1, 2], 'decode', 'token')
  const [full, fine, gone] = shard.stepTogether([
    { session: short, input: tokensOf([3]), output: 'token' },
    { session: good, input: tokensOf([3]), output: 'token' },
    { session: closed, input: tokensOf([3]), output: 'token' },
  ])
  await expect(full).rejects.toMatchObject({ code: 'CONTEXT_FULL' })
  await expect(gone).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
  await expect(fine).resolves.toMatchObject({ kind: 'token' })
  const nine = shard.stepTogether([{ session: good, input: tokensOf([1, 2, 3, 4, 5, 6, 7, 8, 9]), output: 'token' }])
  const twice = shard.stepTogether(
    [1, 2].map(() => ({ session: good, input: tokensOf([1]), output: 'token' as const })),
  )
  for (const refused of [...nine, ...twice]) await expect(refused).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
  await expect(good.step(tokensOf([1, 2]), 'prefill', 'token', 'each')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
  expect(good.length).toBe(1)
  shard.dispose()
})
