// Questions that name their adapters, among questions that go with what a person chose: each is answered with its own and with
// nothing else, whatever is asked beside it, and afterwards the model answers as chosen.

import { expect, test } from 'vitest'
import { CentramError } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { createStepScheduler } from '../../../worker/hyperlink/step-scheduler.ts'
import type { ActiveAdapter, Shard } from '../../../worker/model/shard.ts'
import { createActiveModel } from '../../../worker/node/active-model.ts'
import { createAnswers } from '../../../worker/node/answers.ts'
import { createEmbedder } from '../../../worker/node/embeddings.ts'
import type { GenerateRequest } from '../../../worker/node/api.ts'
import type { ActiveGenome } from '../../../worker/node/lab-api.ts'
import { createFakeShard, FAKE_CONFIG } from '../hyperlink/fake-shard.ts'
import { createFakeClock } from '../net/fake-clock.ts'

const genome = (genomeId: string): ActiveGenome => ({ genomeId, weight: 1 })
const WHALE = [genome('whale')]
const TIDE = [genome('tide')]
const BROKEN = [genome('broken')]

/** A shard whose adapters shift every token, so that an answer shows with which it was given. */
function createShiftedShard(swaps: string[]): Shard {
  const shard = createFakeShard({ first: 0, last: FAKE_CONFIG.layers })
  let shift = 0
  return {
    ...shard,
    async setAdapters(adapters: readonly ActiveAdapter[]) {
      const names = adapters.map(({ adapter }) => adapter as unknown as string)
      swaps.push(names.join())
      await new Promise((resolve) => setImmediate(resolve))
      shift = names.join().length
    },
    async openSession(contextLength) {
      const session = await shard.openSession(contextLength)
      const step = session.step.bind(session)
      session.step = async (input, ...more) => {
        const shifted = 'tokens' in input ? { tokens: input.tokens.map((token) => token + shift) } : input
        const output = await step(shifted, ...more)
        await new Promise((resolve) => setImmediate(resolve))
        return output
      }
      return session
    },
  }
}

function createNode(chosen: readonly ActiveGenome[] = []) {
  const clock = createFakeClock()
  const swaps: string[] = []
  let shown: readonly ActiveGenome[] = []
  let kept = chosen
  const model = {
    config: FAKE_CONFIG,
    tokenizer: { kind: 'bytes' },
    templateTokens: {},
    tensors: new Map(),
    sources: [],
    fingerprint: 'f'.repeat(64),
  } as unknown as OpenedModel
  const self = 'a'.repeat(64)
  const scheduler = createStepScheduler(clock)
  const active = createActiveModel({
    port: { self, send: () => undefined, nameOf: () => 'me', now: clock.now },
    library: {
      open: async () => model,
      reference: () => ({ title: 'fake', url: null, fingerprint: model.fingerprint, sizeBytes: 1, content: null }),
      fetch: async () => undefined,
      setStatus: () => undefined,
    } as never,
    shards: {
      start: async () => undefined,
      state: () => ({ kind: 'ready' }),
      offer: () => ({ id: self, budgetBytes: 1e9, bytesPerSecond: 1e9 }),
      profile: () => 'p',
      load: async () => scheduler.lend(createShiftedShard(swaps), self),
    } as never,
    adapters: {
      chosen: () => kept,
      async choose(_modelId: string, adapters: readonly ActiveGenome[]) {
        kept = adapters
      },
      async read(_model: OpenedModel, adapters: readonly ActiveGenome[]) {
        if (adapters.some(({ genomeId }) => genomeId === 'broken')) {
          throw new CentramError('MODEL_MISMATCH', 'It does not fit.')
        }
        return adapters.map(({ genomeId }) => ({ adapter: genomeId }))
      },
    } as never,
    helpers: () => [],
    gpuOf: () => '',
    random: (length) => new Uint8Array(length),
    onPlacement: () => undefined,
    onAdapters: (adapters) => (shown = adapters),
    onReady: () => undefined,
    onNotice: () => undefined,
  })
  const answers = createAnswers(
    active,
    () => active.follow(),
    () => 0,
  )
  let number = 0
  return {
    active,
    answers,
    swaps,
    shown: () => shown,
    ask(text: string, adapters?: readonly ActiveGenome[], asker = '') {
      const request: GenerateRequest = {
        requestId: String(number++),
        modelId: 'fake',
        prompt: { text },
        maxTokens: 12,
        ...(adapters && { adapters }),
      }
      return answers.generate(request, { onEvent: () => undefined }, asker)
    },
  }
}

test('each question is answered with its own adapters, whatever is asked beside it', async () => {
  const choices = [undefined, WHALE, TIDE, [], WHALE, undefined, TIDE]
  const wanted = []
  for (const [index, adapters] of choices.entries())
    wanted.push((await createNode().ask(`question ${index}`, adapters)).text)
  expect(new Set(wanted).size).toBeGreaterThan(3)
  const node = createNode()
  const asked = choices.map((adapters, index) => node.ask(`question ${index}`, adapters, `asker ${index % 3}`))
  expect((await Promise.all(asked)).map(({ text }) => text)).toEqual(wanted)
})

test('afterwards the model answers as a person chose, and a choice made meanwhile counts', async () => {
  const node = createNode(TIDE)
  const own = await node.ask('mine')
  await node.ask('theirs', WHALE, 'door')
  await node.active.readyWith('fake', undefined)
  expect(node.shown()).toEqual(TIDE)
  expect((await node.ask('mine')).text).toBe(own.text)
  const [, , after] = await Promise.all([
    node.ask('theirs', WHALE, 'door'),
    node.answers.between(() => node.active.setAdapters('fake', [])),
    node.ask('mine'),
  ])
  expect(after.text).toBe((await createNode().ask('mine')).text)
  expect(node.active.chosen('fake')).toEqual([])
})

test('an adapter that does not fit is refused, and all else stays as it was', async () => {
  const node = createNode(TIDE)
  const before = await node.ask('mine')
  await expect(node.ask('theirs', BROKEN, 'door')).rejects.toMatchObject({ code: 'MODEL_MISMATCH' })
  expect((await node.ask('mine')).text).toBe(before.text)
  expect(node.swaps).not.toContain('broken')
})

test('embeddings take their turn and their adapters like answers', async () => {
  const embed = (node: ReturnType<typeof createNode>, adapters?: readonly ActiveGenome[]) =>
    createEmbedder(node.answers).embed('fake', 'A text of more than one token', {
      asker: 'door',
      ...(adapters && { adapters }),
      isCancelled: () => false,
    })
  const alone = [await embed(createNode(), []), await embed(createNode(), WHALE)]
  expect(alone[0]?.values).not.toEqual(alone[1]?.values)
  const node = createNode()
  const [, first, , second] = await Promise.all([
    node.ask('mine'),
    embed(node, []),
    node.ask('theirs', TIDE, 'door'),
    embed(node, WHALE),
  ])
  expect([first, second]).toEqual(alone)
})
