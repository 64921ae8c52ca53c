import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import type { SamplingOptions } from '#core/sampling/sampler.ts'
import { createDraftDepth, type DraftDepth } from '#core/speculation/draft-depth.ts'
import { runAnswer } from '../../../worker/hyperlink/answer.ts'
import type { AnswerSession } from '../../../worker/hyperlink/lasting-session.ts'
import type { StepResult } from '../../../worker/hyperlink/step-result.ts'
import { DECODE_COLUMNS, type ColumnOutput, type OutputKind } from '../../../worker/model/shard.ts'

const VOCABULARY = 31

/** Logits that everything in the cache has a part in, and that mostly favour what stood a dozen tokens before. */
function logitsAfter(cache: readonly number[], repeats: number): Float32Array<ArrayBuffer> {
  const hash = sha256(Uint8Array.from(cache))
  const logits = Float32Array.from({ length: VOCABULARY }, (_, id) => (hash[id] ?? 0) / 256)
  const earlier = cache.at(-12)
  if (earlier !== undefined && (hash[31] ?? 0) / 256 < repeats) logits[earlier] = 5
  return logits
}

interface Counted {
  readonly session: Pick<AnswerSession, 'length' | 'contextLength' | 'kept' | 'prefill' | 'decode' | 'trim'>
  /** Columns of each decode step. */
  readonly steps: number[]
}

function createSession(contextLength: number, repeats: number): Counted {
  let cache: number[] = []
  const steps: number[] = []
  const outputOf = (kind: OutputKind): ColumnOutput => {
    if (kind === 'states') throw new Error('drafts ask for no states')
    const logits = logitsAfter(cache, repeats)
    if (kind === 'logits') return { kind, logits }
    const ids = Uint32Array.from(logits.keys()).sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b)
    if (kind === 'token') return { kind, token: ids[0] ?? 0 }
    return { kind, ids, logits: Float32Array.from(ids, (id) => logits[id] ?? 0) }
  }
  const step = (result: StepResult) => Promise.resolve({ result, totalMs: 1, computeMs: [1] })
  return {
    steps,
    session: {
      get length() {
        return cache.length
      },
      contextLength,
      kept: 0,
      prefill(tokens, output) {
        cache.push(...tokens)
        return step(outputOf(output))
      },
      decode(tokens, output, results = 'last') {
        expect(tokens.length).toBeLessThanOrEqual(DECODE_COLUMNS)
        expect(cache.length + tokens.length).toBeLessThanOrEqual(contextLength)
        steps.push(tokens.length)
        const columns = [...tokens].map((token) => {
          cache.push(token)
          return outputOf(output)
        })
        const last = columns.at(-1)
        if (!last) throw new Error('a step without tokens')
        return step(results === 'each' ? { kind: 'columns', columns } : last)
      },
      trim(length) {
        cache = cache.slice(0, length)
      },
    },
  }
}

/** Always as many drafts as it says. */
const always = (drafts: number): DraftDepth => ({
  choose: () => drafts,
  noteStep: () => undefined,
  noteUntried: () => undefined,
})

interface Setting {
  readonly prompt: readonly number[]
  readonly maxTokens: number
  readonly contextLength: number
  readonly repeats: number
  readonly sampling: SamplingOptions
  readonly endTokens?: ReadonlySet<number>
  readonly digest?: boolean
}

async function answer(setting: Setting, depth: DraftDepth | null) {
  const { session, steps } = createSession(setting.contextLength, setting.repeats)
  let time = 0
  const given = await runAnswer(
    session,
    { endTokens: new Set(), digest: true, ...setting, drafting: depth ? { depth, now: () => time++ } : undefined },
    {
      onPrefill: () => undefined,
      onToken: () => undefined,
      isCancelled: () => false,
      sha256: (bytes) => Promise.resolve(sha256(bytes)),
    },
  )
  return { ...given, length: session.length, columns: steps }
}

const bitsOf = ({ tokens, digests, finish }: Awaited<ReturnType<typeof answer>>) =>
  [toHex(Uint8Array.from(tokens)), ...digests, finish].join()

const PROMPT = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7]
const REPEATING: Setting = { prompt: PROMPT, maxTokens: 60, contextLength: 200, repeats: 0.95, sampling: {} }

test('drafts that hold save steps, and the bits are those of plain decoding', async () => {
  const plain = await answer(REPEATING, null)
  const drafted = await answer(REPEATING, always(7))
  expect(bitsOf(drafted)).toBe(bitsOf(plain))
  expect(plain.columns).toHaveLength(59)
  expect(drafted.columns.length).toBeLessThan(40)
  expect(drafted.drafts.held).toBe(59 - drafted.columns.length)
  expect(drafted.drafts.handedIn).toBe(drafted.columns.reduce((sum, columns) => sum + columns - 1, 0))
  expect(drafted.length).toBe(plain.length)
})

test('whatever the text, the options, the depth and the room, the answer is that of plain decoding', async () => {
  const sampling = fc.constantFrom<SamplingOptions>(
    {},
    { temperature: 0.8, topK: 5, seed: 7 },
    { temperature: 1.2, repetitionPenalty: 1.3, seed: 1 },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        prompt: fc.array(fc.nat(VOCABULARY - 1), { minLength: 1, maxLength: 40 }),
        maxTokens: fc.nat(50),
        contextLength: fc.integer({ min: 40, max: 100 }),
        repeats: fc.double({ min: 0, max: 1, noNaN: true }),
        sampling,
        endTokens: fc.constantFrom(new Set<number>(), new Set([5, 6])),
        digest: fc.boolean(),
      }),
      fc.oneof(fc.integer({ min: 0, max: 7 }).map(always), fc.constant(null)),
      async (setting, depth) => {
        const plain = await answer(setting, null)
        const drafted = await answer(setting, depth ?? createDraftDepth(7))
        expect(bitsOf(drafted)).toBe(bitsOf(plain))
        expect(drafted.length).toBe(plain.length)
      },
    ),
    { numRuns: 300, seed: 11 },
  )
})

test('drafts never reach beyond what was asked for or what fits', async () => {
  const { columns } = await answer({ ...REPEATING, maxTokens: 5 }, always(7))
  expect(columns.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(4 * 4)
  expect(Math.max(...columns)).toBeLessThanOrEqual(4)
})
