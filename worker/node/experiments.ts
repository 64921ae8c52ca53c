// The experiments of this node: one runs at a time, others wait their turn. Between rounds a run is kept, so that it outlives
// the tab.

import { toHex } from '#core/crypto/bytes.ts'
import { CentramError, errorCode, errorMessage, type ErrorCode } from '#core/errors.ts'
import { parseExperiment, type Experiment } from '#core/experiments/experiment.ts'
import { cellsSchema, type Cell } from '#core/experiments/result.ts'
import { createRunStore } from '../storage/run-store.ts'
import type { ExperimentApi, ExperimentState } from './experiment-api.ts'
import type { runExperimentHere } from './experiment-run.ts'
import type { GpuShare } from './gpu-share.ts'
import type { ModelLibrary } from './model-library.ts'
import type { ShardLoader } from './shard-loader.ts'
import type { Surroundings } from './surroundings.ts'
import { createTimeLeft } from './time-left.ts'

export interface Experiments {
  readonly api: ExperimentApi
  list(): readonly ExperimentState[]
  /** Lists what was kept from earlier visits: what was running then is paused. */
  start(): Promise<void>
  close(): void
}

export interface ExperimentsOptions extends Pick<
  Surroundings,
  'records' | 'blobs' | 'withLock' | 'clock' | 'wallTime' | 'random' | 'fetch' | 'settings'
> {
  /** This node's id. */
  readonly self: string
  readonly models: Pick<ModelLibrary, 'open' | 'list'>
  readonly shards: Pick<ShardLoader, 'start' | 'profile' | 'gpu'>
  readonly share: GpuShare
  readonly run: typeof runExperimentHere
  onChange(): void
}

/** What is kept beside the state in flight. */
interface About {
  readonly version: 'experiment 1'
  readonly createdAt: number
  readonly experiment: Experiment
  /** Kernel shapes that it began with: others round otherwise. */
  readonly profile: string
  readonly cells: readonly Cell[]
  readonly adapters: readonly string[]
  readonly progress: number
  readonly ended: boolean
  readonly error: { readonly code: ErrorCode; readonly message: string } | null
}

interface Run {
  readonly id: string
  about: About
  status: ExperimentState['status']
  secondsLeft: number | null
  turn: { readonly stop: AbortController; readonly done: Promise<void> } | null
}

const BUILT_IN = 'toy'

export function createExperiments(options: ExperimentsOptions): Experiments {
  const { models, shards, clock } = options
  const store = createRunStore(options)
  const runs = new Map<string, Run>()
  const waiting: Run[] = []
  let active: Run | null = null
  let closed = false

  function update(run: Run, change: Partial<Pick<Run, 'about' | 'status' | 'secondsLeft'>>): void {
    Object.assign(run, change)
    if (!closed) options.onChange()
  }

  function find(id: string): Run {
    const run = runs.get(id)
    if (run) return run
    throw new CentramError('BAD_ARGUMENT', `There is no experiment ${id.slice(0, 12)} here.`)
  }

  function next(): void {
    const run = active || closed ? undefined : waiting.shift()
    if (!run) return
    active = run
    const stop = new AbortController()
    const done = execute(run, stop.signal).finally(() => {
      run.turn = null
      active = null
      next()
    })
    run.turn = { stop, done }
  }

  function enqueue(run: Run): void {
    if (run.turn || waiting.includes(run)) return
    waiting.push(run)
    update(run, { status: 'waiting', about: { ...run.about, error: null } })
    next()
  }

  async function execute(run: Run, signal: AbortSignal): Promise<void> {
    update(run, { status: 'preparing' })
    try {
      await shards.start()
      const gpu = shards.gpu()
      const { vendor, architecture, description } = gpu.info
      const adapter = [vendor, architecture, description].filter(Boolean).join(' ')
      const profile = run.about.profile || shards.profile()
      run.about = { ...run.about, profile, adapters: [...new Set([...run.about.adapters, adapter])] }
      if (!models.list().some(({ id }) => id === BUILT_IN)) {
        throw new CentramError(
          'MODEL_UNKNOWN',
          'Experiments run on the built-in model, which this server does not offer.',
        )
      }
      const builtIn = await models.open(BUILT_IN, signal)
      const checkpoint = await store.readCheckpoint(run.id)
      const timeLeft = createTimeLeft(clock)
      await options.run(run.about.experiment, {
        gpu,
        profile,
        builtIn,
        kept: checkpoint?.bytes,
        surroundings: options,
        share: options.share,
        signal,
        onProgress(progress) {
          const status = run.status === 'preparing' ? 'running' : run.status
          update(run, { status, about: { ...run.about, progress }, secondsLeft: timeLeft.at(progress) })
        },
        async save({ cells }, bytes) {
          update(run, { about: { ...run.about, cells } })
          await store.putCheckpoint(run.id, { step: cells.length, bytes }, run.about)
        },
      })
      const about = { ...run.about, progress: 1, ended: true }
      await store.update(run.id, about)
      update(run, { status: 'finished', about, secondsLeft: null })
      await store.removeFiles(run.id)
    } catch (error) {
      if (closed) return
      if (signal.aborted) return update(run, { status: 'paused', secondsLeft: null })
      const failure = { code: errorCode(error), message: errorMessage(error) }
      update(run, { status: 'failed', secondsLeft: null, about: { ...run.about, error: failure } })
      await store.update(run.id, run.about).catch(() => undefined)
    }
  }

  async function stop(run: Run): Promise<void> {
    const place = waiting.indexOf(run)
    if (place >= 0) {
      waiting.splice(place, 1)
      update(run, { status: 'paused' })
    }
    if (!run.turn) return
    update(run, { status: 'pausing' })
    run.turn.stop.abort('paused')
    await run.turn.done
  }

  return {
    list: () => [...runs.values()].map(describe).sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1)),

    async start() {
      for (const { id, about } of await store.list(options.self)) {
        const kept = readAbout(about)
        if (!kept) continue
        const status = kept.ended ? 'finished' : kept.error ? 'failed' : 'paused'
        runs.set(id, { id, about: kept, status, secondsLeft: null, turn: null })
      }
      if (runs.size > 0) options.onChange()
    },

    api: {
      async startExperiment(given) {
        const experiment = parseExperiment(given)
        const id = toHex(options.random(8))
        const about: About = {
          version: 'experiment 1',
          createdAt: options.wallTime(),
          experiment,
          profile: '',
          cells: [],
          adapters: [],
          progress: 0,
          ended: false,
          error: null,
        }
        await store.create({ id, owner: options.self, about }, [])
        const run: Run = { id, about, status: 'waiting', secondsLeft: null, turn: null }
        runs.set(id, run)
        enqueue(run)
        return id
      },
      async pauseExperiment(id) {
        await stop(find(id))
      },
      async resumeExperiment(id) {
        const run = find(id)
        if (run.about.ended) throw new CentramError('BAD_ARGUMENT', `"${run.about.experiment.title}" has ended.`)
        enqueue(run)
      },
      async removeExperiment(id) {
        const run = find(id)
        await stop(run)
        await store.remove(id)
        runs.delete(id)
        options.onChange()
      },
    },

    close() {
      closed = true
      waiting.length = 0
      active?.turn?.stop.abort('closed')
    },
  }
}

function describe({ id, about, status, secondsLeft }: Run): ExperimentState {
  const { createdAt, experiment, progress, cells, adapters, error } = about
  return { id, createdAt, experiment, status, progress, secondsLeft, cells, adapters, error }
}

/** Undefined for what is no experiment, or one of another version. */
function readAbout(value: unknown): About | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const about = value as Partial<About>
  if (about.version !== 'experiment 1') return undefined
  try {
    return { ...(about as About), experiment: parseExperiment(about.experiment), cells: cellsSchema.parse(about.cells) }
  } catch {
    return undefined
  }
}
