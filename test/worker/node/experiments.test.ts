// The node's experiments around a runner that is played here: turns, pausing, and what outlives the tab.

import { expect, test } from 'vitest'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { CentramError } from '#core/errors.ts'
import type { Experiment } from '#core/experiments/experiment.ts'
import { PUBLISHED } from '#core/experiments/published.ts'
import type { Cell } from '#core/experiments/result.ts'
import { decodeRunState, encodeRunState } from '../../../worker/experiments/run-state.ts'
import type { ModelState } from '../../../worker/node/api.ts'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { createExperiments, type Experiments, type ExperimentsOptions } from '../../../worker/node/experiments.ts'
import type { ExperimentRunOptions } from '../../../worker/node/experiment-run.ts'
import { createMemoryBlobs } from '../../../worker/storage/memory-blobs.ts'
import { createMemoryRecords } from '../../../worker/storage/records.ts'

const experiment = PUBLISHED[0]?.experiment as Experiment
const cell = (seed: number): Cell => ({
  arm: 'own only',
  seed,
  base: { novel: 2 },
  nodes: [{ name: 'novel', own: 'novel', losses: { novel: 1 } }],
  offers: 0,
  accepted: 0,
  training: [2],
})

/** One run of the runner, driven by the test. */
interface Played {
  readonly experiment: Experiment
  readonly options: ExperimentRunOptions
  finish(): void
  fail(error: unknown): void
}

function createDesk() {
  const records = createMemoryRecords()
  const blobs = createMemoryBlobs()
  const played: Played[] = []
  let drawn = 0
  const open = (self = 'me'): Experiments => {
    const options: Partial<ExperimentsOptions> = {
      self,
      records,
      blobs,
      withLock: (_, work) => work(),
      clock: { now: () => 0 } as ExperimentsOptions['clock'],
      wallTime: () => ++drawn,
      random: (length) => new Uint8Array(length).fill(++drawn),
      models: {
        list: () => [{ id: 'toy' } as ModelState],
        open: async () => ({}) as OpenedModel,
      },
      shards: {
        start: async () => undefined,
        profile: () => 'profile',
        gpu: () => ({ info: { vendor: 'a', architecture: 'b', description: 'GPU' } }) as GpuContext,
      },
      run: (given, runOptions) =>
        new Promise((resolve, reject) => {
          runOptions.signal.addEventListener('abort', () => reject(new CentramError('CANCELLED', 'paused')))
          played.push({ experiment: given, options: runOptions, finish: resolve, fail: reject })
        }),
      onChange: () => undefined,
    }
    return createExperiments(options as ExperimentsOptions)
  }
  const next = async (count: number): Promise<Played> => {
    await expect.poll(() => played.length).toBe(count)
    return played[count - 1] as Played
  }
  return { open, next }
}

const save = ({ options }: Played, cells: readonly Cell[]) => {
  const state = { cells, current: null }
  return options.save(state, encodeRunState(state))
}

test('one runs at a time; a paused one goes on from what was kept; a finished one keeps its cells', async () => {
  const { open, next } = createDesk()
  const experiments = open()
  const first = await experiments.api.startExperiment(experiment)
  const second = await experiments.api.startExperiment({ ...experiment, rounds: 2 })
  const status = (id: string) => experiments.list().find((one) => one.id === id)?.status
  const one = await next(1)
  one.options.onProgress(0.25)
  expect([status(first), status(second)]).toEqual(['running', 'waiting'])
  await save(one, [cell(1)])
  await experiments.api.pauseExperiment(first)
  expect(status(first)).toBe('paused')

  const two = await next(2)
  expect(two.experiment.rounds).toBe(2)
  two.fail(new CentramError('GPU_LOST', 'The GPU is gone.'))
  await expect.poll(() => status(second)).toBe('failed')
  expect(experiments.list().find(({ id }) => id === second)?.error?.code).toBe('GPU_LOST')

  await experiments.api.resumeExperiment(first)
  const again = await next(3)
  expect((await decodeRunState(again.options.kept as Uint8Array)).cells).toEqual([cell(1)])
  await save(again, [cell(1), cell(2)])
  again.finish()
  await expect.poll(() => status(first)).toBe('finished')
  const ended = experiments.list().find(({ id }) => id === first)
  expect([ended?.cells, ended?.progress, ended?.adapters]).toEqual([[cell(1), cell(2)], 1, ['a b GPU']])
  await expect(experiments.api.resumeExperiment(first)).rejects.toThrow('has ended')
})

test('a closed tab’s experiments are there at the next visit, paused, and nobody else’s are', async () => {
  const { open, next } = createDesk()
  const before = open()
  const id = await before.api.startExperiment(experiment)
  await save(await next(1), [cell(1)])
  before.close()

  const after = open()
  await after.start()
  expect(after.list().map((one) => [one.id, one.status, one.cells.length])).toEqual([[id, 'paused', 1]])
  await after.api.resumeExperiment(id)
  expect((await decodeRunState((await next(2)).options.kept as Uint8Array)).cells).toHaveLength(1)
  await after.api.removeExperiment(id)
  expect(after.list()).toEqual([])

  const other = open('somebody else')
  await other.start()
  expect(other.list()).toEqual([])
})

test('what makes no sense is refused before anything is kept', async () => {
  const experiments = createDesk().open()
  await expect(experiments.api.startExperiment({ ...experiment, rounds: 0 })).rejects.toThrow(
    expect.objectContaining({ code: 'BAD_ARGUMENT' }),
  )
  await expect(experiments.api.pauseExperiment('nowhere')).rejects.toThrow('no experiment')
  expect(experiments.list()).toEqual([])
})
