// What the parts of a node need to train, keep and merge genomes, without a GPU: tiny models from disk, storage in memory,
// and a trainer that only counts.

import { plainVerifier, identityFromSeed } from '#core/crypto/identity.ts'
import { CentramError } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { createAdapter, type LoraPair } from '#core/genome/adapter.ts'
import type { LoraConfig } from '#core/genome/lora-config.ts'
import { encodeAdapterTensors } from '#core/genome/peft-adapter.ts'
import { encodeCheckpoint, type CheckpointParameter } from '#core/training/checkpoint.ts'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { systemClock } from '../../../worker/net/clock.ts'
import type { ModelState } from '../../../worker/node/api.ts'
import { createGenomeLibrary, type GenomeLibrary } from '../../../worker/node/genome-library.ts'
import type { TrainingRequest } from '../../../worker/node/lab-api.ts'
import type { ModelLibrary } from '../../../worker/node/model-library.ts'
import { createQuarantine, type Quarantine } from '../../../worker/node/quarantine.ts'
// Fetched by a tab when it trains; here they are to be there from the start, for turns of the loop are counted.
import '../../../worker/node/trained-genome.ts'
import '../../../worker/node/training-run.ts'
import type { RunOptions } from '../../../worker/node/training-run.ts'
import { createTrainingRuns, type TrainingRuns } from '../../../worker/node/training-runs.ts'
import { loraConfigOf } from '../../../worker/node/training-text.ts'
import { createMemoryBlobs, type MemoryBlobs } from '../../../worker/storage/memory-blobs.ts'
import { createMemoryRecords, type Records } from '../../../worker/storage/records.ts'
import { openFixture } from '../model/open-fixture.ts'
import { createRandom } from '../net/simulation.ts'

/** Models are called by their fixture's names, and count as opened from the start. */
async function createModels(names: readonly string[]): Promise<ModelLibrary> {
  const opened = new Map<string, OpenedModel>()
  for (const name of names) opened.set(name, await openFixture(name))
  const states = names.map((id) => ({ id, title: `Tiny ${id}` }) as ModelState)
  const findModel = (hash: string) => [...opened].find(([, { fingerprint }]) => fingerprint === hash)?.[0]
  const models: Partial<ModelLibrary> = {
    list: () => states,
    async open(id) {
      const model = opened.get(id)
      if (model) return model
      throw new CentramError('MODEL_UNKNOWN', `There is no model "${id}" in the list.`)
    },
    byFingerprint: findModel,
    findBase: async ({ hash }) => findModel(hash),
    estimate: async () => ({ fetchBytes: 0, storeBytes: 0, gpuBytes: 0 }),
  }
  return models as ModelLibrary
}

/** Stands for a tab and, opened again over the same storage, for the tab after a reload. */
export interface Lab {
  /** Of its node. */
  readonly author: Uint8Array
  readonly models: ModelLibrary
  readonly genomes: GenomeLibrary
  readonly quarantine: Quarantine
  readonly runs: TrainingRuns
  readonly trainer: FakeTrainer
}

export interface Place {
  readonly records: Records
  readonly blobs: MemoryBlobs
  open(seed?: number): Promise<Lab>
}

export function createPlace(...modelIds: string[]): Place {
  const place = { records: createMemoryRecords(), blobs: createMemoryBlobs() }
  let visits = 0
  let last: Promise<unknown> = Promise.resolve()
  const withLock = <T>(_name: string, work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work)
    last = turn.catch(() => undefined)
    return turn
  }
  let ticks = 0
  return {
    ...place,
    async open(seed = 1) {
      const models = await createModels(modelIds)
      const identity = identityFromSeed(new Uint8Array(32).fill(seed))
      const surroundings = {
        ...place,
        identity,
        verifier: plainVerifier,
        withLock,
        clock: systemClock,
        wallTime: () => 1_790_000_000_000 + ++ticks,
        random: createRandom(seed * 1000 + visits++),
      }
      const quarantine = createQuarantine(place.records, () => undefined)
      await quarantine.start()
      const genomes = createGenomeLibrary(surroundings, models, () => undefined, undefined, quarantine)
      const trainer = createFakeTrainer()
      const runs = createTrainingRuns({
        ...surroundings,
        self: `node ${seed}`,
        models,
        shards: {
          start: async () => undefined,
          state: () => ({ kind: 'starting' }),
          profile: () => 'a profile',
          gpu: () => ({}) as GpuContext,
        },
        genomes,
        train: trainer.train,
        isLoaded: () => false,
        onChange: () => undefined,
      })
      await genomes.start()
      await runs.start()
      return { author: identity.publicKey, models, genomes, quarantine, runs, trainer }
    },
  }
}

export interface FakeTrainer {
  readonly train: (options: RunOptions) => ReturnType<typeof import('../../../worker/node/training-run.ts').trainRun>
  /** Takes this many more steps, of whichever run has its turn, and waits for it. */
  advance(steps: number): Promise<void>
  /** What the next step ends with. */
  failure: Error | undefined
  /** Runs that were given a turn, by name, with the step they went on from. */
  readonly turns: [string, number][]
}

function createFakeTrainer(): FakeTrainer {
  let allowed = 0
  const fake: FakeTrainer = {
    failure: undefined,
    turns: [],
    async advance(steps) {
      allowed += steps
      while (allowed > 0) await turnOfLoop()
      await turnOfLoop()
    },
    async train(options) {
      const { settings, model, checkpoint, stop, close } = options
      const adapter = createAdapter(model.config, loraConfigOf(settings.lora), settings.plan.seed)
      let { progress } = options
      let step = checkpoint?.step ?? 0
      fake.turns.push([settings.name, step])
      const save = async () => {
        const parameters = [...adapter.modules].flatMap(([name, { a, b }]): [string, CheckpointParameter][] => [
          [`${name}.lora_a`, { values: a, firstMoment: a, secondMoment: a }],
          // What was learned can be told by its number.
          [`${name}.lora_b`, { values: b.map(() => step), firstMoment: b, secondMoment: b }],
        ])
        await options.save(
          { step, bytes: encodeCheckpoint({ step, run: '', parameters: new Map(parameters) }) },
          progress,
        )
      }
      while (step < settings.plan.schedule.steps && !stop.aborted) {
        if (allowed === 0) {
          await turnOfLoop()
          close.throwIfAborted()
          continue
        }
        allowed--
        if (fake.failure) throw fake.failure
        step++
        const point = { step, loss: 1 / step }
        progress = {
          ...progress,
          step,
          tokens: step * 10,
          losses: [...progress.losses, point],
          heldOutLosses: [{ step: 0, loss: 2 }, point],
        }
        options.onProgress(progress, { secondsLeft: 1, tokensPerSecond: 10, gpuBytes: 1000 })
        if (step % 2 === 0) await save()
      }
      await save()
      return progress
    },
  }
  return fake
}

export const turnOfLoop = () => new Promise<void>((resolve) => setImmediate(resolve))

export const request = (over: Partial<TrainingRequest> = {}): TrainingRequest => ({
  modelId: 'llama-hf',
  name: 'Ishmael',
  files: [new Blob(['Call me Ishmael. Some years ago, never mind how long precisely. '.repeat(20)])],
  names: ['moby.txt'],
  lora: { targets: ['attn_q'], rank: 2, alpha: 4, rankStabilised: false, dropout: 0, freezeA: false },
  steps: 6,
  batchSize: 2,
  sequenceLength: 32,
  learningRate: 0.01,
  heldOutFraction: 0.1,
  seed: 3,
  licence: 'CC0-1.0',
  ...over,
})

/** A genome of an adapter whose values follow from `seed`, as if it had been trained here. Returns its id. */
export async function addGenome(
  { genomes, models }: Lab,
  name: string,
  seed: number,
  lora: LoraConfig = { targets: ['attn_q', 'ffn_down'], rank: 2, alpha: 4, rankStabilised: false },
  modelId = 'llama-hf',
): Promise<string> {
  const { config, fingerprint } = await models.open(modelId)
  const { modules } = createAdapter(config, lora, seed)
  const filled = [...modules].map(([module, { a, b }]): [string, LoraPair] => [
    module,
    { a, b: b.map((_, i) => Math.sin(i * 0.7 + seed) * 0.1) },
  ])
  return genomes.add(
    {
      name,
      base: { hash: fingerprint, name: `Tiny ${modelId}`, family: config.family },
      lora: { ...lora, targets: [...lora.targets], dropout: 0 },
      parents: [],
      operator: 'train',
      parameters: {},
      seed,
      fitness: {},
      licence: 'CC0-1.0',
    },
    encodeAdapterTensors(config, { lora, modules: new Map(filled) }),
  )
}
