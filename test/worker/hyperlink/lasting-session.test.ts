// Answers that go on although the pipeline under them is lost, with the same tokens and bits as if nothing had happened, and
// prompts that go on from what the cache holds.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { CentramError, errorCode } from '#core/errors.ts'
import { runAnswer, type Answer } from '../../../worker/hyperlink/answer.ts'
import {
  createLastingSession,
  type AnswerStart,
  type LastingSession,
} from '../../../worker/hyperlink/lasting-session.ts'
import { createPipeline } from '../../../worker/hyperlink/pipeline-client.ts'
import type { PipelineSession } from '../../../worker/hyperlink/pipeline-session.ts'
import { createFakeShard, FAKE_CONFIG } from './fake-shard.ts'

const CONTEXT = 400
const PROMPT = Array.from({ length: 150 }, (_, index) => (index * 7) % FAKE_CONFIG.vocabularySize)

interface Loss {
  /** Steps of the session that are answered before it is lost. */
  readonly after: number
  readonly code?: 'PEER_LEFT' | 'PEER_REFUSED' | 'GPU_FAILED'
}

/** A session over the fake model that is lost after so many calls; without a loss it stays. */
async function openSession(loss: Loss | undefined): Promise<PipelineSession> {
  const port = { self: 'a'.repeat(64), send: () => undefined, nameOf: () => 'me', now: () => 0 }
  const plan = {
    id: new Uint8Array(16),
    model: { title: 'fake', url: null, fingerprint: 'f'.repeat(64), sizeBytes: 1, content: null },
    layers: FAKE_CONFIG.layers,
    contextLength: CONTEXT,
    profile: 'p',
    stages: [{ nodeId: port.self, range: { first: 0, last: FAKE_CONFIG.layers }, bytes: 1 }],
  }
  const pipeline = createPipeline(port, plan, () => undefined)
  await pipeline.load(async (range) => createFakeShard(range))
  const session = await pipeline.openSession()
  let calls = 0
  let lost = false
  const guard = <T>(run: () => Promise<T>): Promise<T> => {
    lost ||= loss !== undefined && calls++ >= loss.after
    if (lost) {
      return Promise.reject(new CentramError(loss?.code ?? 'PEER_LEFT', 'Anna’s laptop left.'))
    }
    return run()
  }
  return Object.create(session, {
    prefill: { value: (...args: Parameters<PipelineSession['prefill']>) => guard(() => session.prefill(...args)) },
    decode: { value: (...args: Parameters<PipelineSession['decode']>) => guard(() => session.decode(...args)) },
    isLost: { get: () => lost },
  }) as PipelineSession
}

const isLost = (session: PipelineSession) => (session as PipelineSession & { readonly isLost: boolean }).isLost

interface Asked extends Partial<AnswerStart> {
  readonly prompt?: readonly number[]
  readonly maxTokens?: number
}

async function ask(lasting: LastingSession, asked: Asked = {}): Promise<Answer & { readonly kept: number }> {
  const prompt = asked.prompt ?? PROMPT
  const quiet = { isCancelled: () => false, onRecovery: () => undefined, onRecovered: () => undefined }
  const session = await lasting.begin({ fresh: false, ...quiet, ...asked, prompt })
  const { maxTokens = 40 } = asked
  const request = { prompt, maxTokens, sampling: {}, endTokens: new Set<number>(), digest: true }
  const answered = await runAnswer(session, request, {
    onPrefill: () => undefined,
    onToken: () => undefined,
    isCancelled: () => false,
    sha256: async (bytes) => sha256(bytes),
  })
  expect(session.length).toBe(prompt.length + maxTokens - 1)
  return { ...answered, kept: session.kept }
}

/** Sessions that are lost one after the other; the one after them stays. */
function lossy(losses: readonly Loss[]): LastingSession {
  const left = [...losses]
  let present: Promise<PipelineSession> | null = null
  return createLastingSession(async () => {
    const session = await (present ??= openSession(left.shift()))
    if (!isLost(session)) return session
    return (present = openSession(left.shift()))
  })
}

const answer = (losses: readonly Loss[], asked?: Asked) => ask(lossy(losses), asked)

const bitsOf = ({ tokens, digests }: Answer) => toHex(sha256(Uint8Array.from(tokens))) + digests.join()

test('nothing lost, nothing changed', async () => {
  const answered = await answer([])
  expect(answered.tokens).toHaveLength(40)
})

test('wherever sessions are lost, in the prompt, in the answer, in a replay, the bits are those of an unbroken one', async () => {
  const unbroken = bitsOf(await answer([]))
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ after: fc.nat(45), code: fc.constantFrom('PEER_LEFT', 'PEER_REFUSED') }), { maxLength: 4 }),
      async (losses) => {
        expect(bitsOf(await answer(losses as Loss[]))).toBe(unbroken)
      },
    ),
    { numRuns: 60, seed: 4 },
  )
})

test('says what happened and when it is mended', async () => {
  const seen: string[] = []
  await answer([{ after: 5 }, { after: 1 }], {
    onRecovery: (reason) => seen.push(reason.message),
    onRecovered: () => seen.push('mended'),
  })
  // The second is lost in its replay: prompt and first batch are two calls.
  expect(seen).toEqual(['Anna’s laptop left.', 'Anna’s laptop left.', 'mended'])
})

test('gives up when one pipeline after the other is lost before it took a step', async () => {
  const dead = Array.from({ length: 9 }, () => ({ after: 0 }))
  await expect(answer(dead)).rejects.toMatchObject({ code: 'PEER_LEFT' })
})

test('what another placement cannot mend ends the answer', async () => {
  await expect(answer([{ after: 3, code: 'GPU_FAILED' }])).rejects.toMatchObject({ code: 'GPU_FAILED' })
  const full = new CentramError('NO_CAPACITY', 'The model does not fit here.')
  let opened = 0
  const lasting = createLastingSession(() => (opened++ === 0 ? openSession({ after: 3 }) : Promise.reject(full)))
  expect(errorCode(await ask(lasting).catch((error: unknown) => error))).toBe('NO_CAPACITY')
})

test('an answer that was stopped is not brought back', async () => {
  await expect(answer([{ after: 3 }], { isCancelled: () => true })).rejects.toMatchObject({ code: 'PEER_LEFT' })
})

test('the next turn of a chat computes only what is new', async () => {
  const lasting = lossy([])
  const first = await ask(lasting)
  // The last token was sampled and not yet put through the model.
  const second = await ask(lasting, { prompt: [...PROMPT, ...first.tokens, 1, 2, 3] })
  expect(second.kept).toBe(PROMPT.length + first.tokens.length - 1)
  const alone = await answer([], { prompt: [...PROMPT, ...first.tokens, 1, 2, 3] })
  expect(alone.kept).toBe(0)
  // The stand-in's arithmetic is exact, so that here, unlike on a GPU, the family does not show in the bits.
  expect(bitsOf(second)).toBe(bitsOf(alone))
})

test('a prompt that leaves the path inside a chunk of a prefill goes back to the chunk’s beginning', async () => {
  const lasting = lossy([])
  await ask(lasting)
  const other = PROMPT.map((token, index) => (index === 140 ? token + 1 : token))
  expect((await ask(lasting, { prompt: other })).kept).toBe(128)
  expect((await ask(lasting, { prompt: [5, ...other.slice(1)] })).kept).toBe(other[0] === 5 ? 128 : 0)
})

test('the same prompt again computes at least its last token, and a fresh one everything', async () => {
  const lasting = lossy([])
  const first = await ask(lasting)
  const again = await ask(lasting)
  expect(again.kept).toBe(128)
  expect(bitsOf(again)).toBe(bitsOf(first))
  expect((await ask(lasting, { fresh: true })).kept).toBe(0)
})

test('a loss in a later turn replays the turns before it', async () => {
  const turns = async (losses: readonly Loss[]) => {
    const lasting = lossy(losses)
    const first = await ask(lasting)
    return [first, await ask(lasting, { prompt: [...PROMPT, ...first.tokens, 4, 5] })].map(bitsOf)
  }
  const unbroken = await turns([])
  for (const after of [3, 41, 43, 60]) expect(await turns([{ after }, { after: 2 }])).toEqual(unbroken)
})

test('a replay that breaks off in a session that is then mended begins anew', async () => {
  const unbroken = await ask(createLastingSession(() => openSession(undefined)))
  const lost = await openSession({ after: 5 })
  const mended = await openSession(undefined)
  let failures = 1
  const flaky = Object.create(mended, {
    decode: {
      value: (...args: Parameters<PipelineSession['decode']>) =>
        failures-- > 0 ? Promise.reject(new CentramError('PEER_LEFT', 'Anna’s laptop left.')) : mended.decode(...args),
    },
  }) as PipelineSession
  const answered = await ask(createLastingSession(async () => (isLost(lost) ? flaky : lost)))
  expect(answered.tokens).toEqual(unbroken.tokens)
  expect(answered.digests).toEqual(unbroken.digests)
})
