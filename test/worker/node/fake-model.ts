// A loaded model without GPU, network or files: one stage of exact arithmetic whose steps take turns, for answers to run on.

import { CentramError } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { createTokenizer } from '#core/tokenizer/create-tokenizer.ts'
import { createPipeline } from '../../../worker/hyperlink/pipeline-client.ts'
import type { PipelineSession } from '../../../worker/hyperlink/pipeline-session.ts'
import { createStepScheduler, type StepScheduler } from '../../../worker/hyperlink/step-scheduler.ts'
import type { Shard } from '../../../worker/model/shard.ts'
import type { ActiveModel, LoadedModel } from '../../../worker/node/active-model.ts'
import type { ActiveGenome } from '../../../worker/node/lab-api.ts'
import { createFakeClock } from '../net/fake-clock.ts'
import { createFakeShard, FAKE_CONFIG, type FakeShard } from '../hyperlink/fake-shard.ts'

export const FAKE_MODEL = 'fake'
const CONTEXT = 600

export interface FakeModel {
  readonly active: ActiveModel
  readonly shard: FakeShard
  readonly scheduler: StepScheduler
  /** Models that were asked for, in order. */
  readonly asked: string[]
}

/** `most`: how many sessions have room on it; one more is refused. `claimed`: how many it believes have. */
export async function createFakeModel(most = 4, claimed = most): Promise<FakeModel> {
  const clock = createFakeClock()
  const scheduler = createStepScheduler(clock)
  const shard = createFakeShard({ first: 0, last: FAKE_CONFIG.layers })
  const lent = scheduler.lend(paced(shard), 'here')
  const scarce: Shard = {
    ...lent,
    async openSession(contextLength) {
      if (shard.openSessions.size < most) return lent.openSession(contextLength)
      throw new CentramError('GPU_OUT_OF_MEMORY', 'The GPU has no room for another session.')
    },
  }
  const port = { self: 'a'.repeat(64), send: () => undefined, nameOf: () => 'me', now: clock.now }
  const plan = {
    id: new Uint8Array(16),
    model: { title: 'fake', url: null, fingerprint: 'f'.repeat(64), sizeBytes: 1, content: null },
    layers: FAKE_CONFIG.layers,
    contextLength: CONTEXT,
    profile: 'p',
    stages: [{ nodeId: port.self, range: { first: 0, last: FAKE_CONFIG.layers }, bytes: 1 }],
  }
  const pipeline = createPipeline(port, plan, () => undefined)
  await pipeline.load(async () => scarce)
  const sessions = new Map<number, Promise<PipelineSession>>()
  const asked: string[] = []
  const loaded = {
    modelId: FAKE_MODEL,
    model: { config: FAKE_CONFIG, templateTokens: {} } as unknown as OpenedModel,
    tokenizer: createTokenizer({ kind: 'bytes' }),
    pipeline,
    session(place: number) {
      const opened = sessions.get(place) ?? pipeline.openSession()
      sessions.set(place, opened)
      opened.catch(() => sessions.delete(place))
      return opened
    },
    mostSessions: () => claimed,
    stages: () => [],
  } as unknown as LoadedModel
  const active = {
    async readyWith(modelId: string, adapters: readonly ActiveGenome[] = []) {
      asked.push([modelId, ...adapters.map(({ genomeId }) => genomeId)].join(':'))
      return loaded
    },
    chosen: () => [],
    current: () => loaded,
  } as unknown as ActiveModel
  return { active, shard, scheduler, asked }
}

/** Every step takes a turn of the event loop, as one on a GPU does. */
function paced(shard: FakeShard): Shard {
  return {
    ...shard,
    async openSession(contextLength) {
      const session = await shard.openSession(contextLength)
      const step = session.step.bind(session)
      session.step = async (...asked) => {
        const output = await step(...asked)
        await new Promise((resolve) => setImmediate(resolve))
        return output
      }
      return session
    },
  }
}
