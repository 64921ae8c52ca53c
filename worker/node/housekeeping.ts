// What this node lends and what it did, put together as `LimitsApi`: limits and their enforcement, the log, measurements, and what
// is stored. Wiring only.

import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import type { Timer } from '#core/clock.ts'
import type { ShardServer } from '../hyperlink/shard-server.ts'
import { createRunStore } from '../storage/run-store.ts'
import type { ActiveModel } from './active-model.ts'
import type { Announcements } from './announcements.ts'
import type { Answers } from './answers.ts'
import type { GpuState, NodeApi } from './api.ts'
import { createEventLog } from './event-log.ts'
import { createGpuShare, type GpuShare } from './gpu-share.ts'
import type { LimitsApi, LimitsState } from './limits-api.ts'
import { createLimits, NO_LIMITS, NOTHING_SAID } from './limits.ts'
import { createMeasurements } from './measurements.ts'
import type { ModelLibrary } from './model-library.ts'
import { limitedGpu, meterShards, type MeteredShards } from './shard-memory.ts'
import type { ShardLoader } from './shard-loader.ts'
import type { Sharing } from './sharing.ts'
import { eventsBetween } from './state-events.ts'
import type { StateStore } from './state.ts'
import { createStoredThings } from './stored-things.ts'
import type { Surroundings } from './surroundings.ts'

export const NOTHING_LIMITED: LimitsState = {
  ...NO_LIMITS,
  conditions: NOTHING_SAID,
  resting: null,
  suggestedBytes: 0,
  memory: { weights: 0, caches: 0, training: 0 },
}

export interface Housekeeping {
  readonly api: LimitsApi
  readonly share: GpuShare
  helps(): boolean
  /** Throws `PEER_REFUSED` while this node computes nothing for others. */
  requireHelping(): void
  /** Throws `NO_CAPACITY` where so many bytes more on the GPU are not allowed. */
  requireMemory(bytes: number): void
  /** The GPU as this node offers it. */
  offered(gpu: GpuState): GpuState
  meter(loader: ShardLoader): ShardLoader
  /** Counts answers to others. */
  countAnswers(answers: Answers): Answers
  /** Counts answers to the person here, whoever gives them. */
  countOwn(generate: NodeApi['generate']): NodeApi['generate']
  /** Columns that were computed for another node. */
  countColumns(columns: number): void
  /** Reads the limits that were kept. */
  start(): Promise<void>
  /** Logs what changes from now on. */
  watch(): void
  close(): void
}

export interface HousekeepingParts {
  /** Under which this node's own records are kept. */
  readonly owner: string
  readonly self: string
  readonly store: StateStore
  readonly sharing: Pick<Sharing, 'contents' | 'kept'>
  readonly library: () => Pick<ModelLibrary, 'keysOf'>
  readonly held: () => Pick<ShardServer, 'held' | 'fail'>
  readonly active: () => Pick<ActiveModel, 'refit'>
  readonly answers: () => Pick<Answers, 'between'>
  readonly announcements: () => Announcements
  readonly nameOf: (peer: string) => string
  leave(): Promise<void>
}

export function createHousekeeping(surroundings: Surroundings, parts: HousekeepingParts): Housekeeping {
  const { records, clock, wallTime } = surroundings
  const { store } = parts
  const log = createEventLog(wallTime)
  const measured = createMeasurements(wallTime)
  let metered: MeteredShards | null = null
  let gpu: GpuState = store.get().gpu
  /** What others were told last. */
  let told = ''
  let enforcing: Timer | null = null

  const forOthers = (owner: string) => owner !== parts.self
  const limits = createLimits({
    records,
    clock,
    owner: parts.owner,
    isHolding: () =>
      parts
        .held()
        .held()
        .some(({ owner }) => forOthers(owner)),
    giveBack: (reason) => parts.held().fail(reason, forOthers),
    leave: parts.leave,
    onChange() {
      share.changed()
      show()
      const telling = `${limits.resting() === null} ${limits.limits().memoryBytes}`
      if (telling !== told) parts.announcements().toAll()
      told = telling
      if (overBy() > 0) void enforce()
    },
  })
  const share = createGpuShare({
    clock,
    share: () => limits.limits().gpuShare,
    isResting: () => limits.resting() !== null,
    onWork: measured.gpu,
  })
  const stored = createStoredThings({
    blobs: surroundings.blobs,
    cache: parts.sharing.contents.cache,
    kept: parts.sharing.kept,
    state: store.get,
    filesOf: (modelId) => parts.library().keysOf(modelId),
    bytesOfRun: createRunStore(surroundings).bytesOf,
  })

  const training = () => store.get().runs.reduce((sum, run) => sum + run.gpuBytes, 0)
  const memory = () => ({ ...(metered?.memory() ?? { weights: 0, caches: 0 }), training: training() })
  const offered = (state: GpuState) => limitedGpu(state, limits.limits().memoryBytes)

  function show(): void {
    store.update({
      gpu: offered(gpu),
      limits: {
        ...limits.limits(),
        conditions: limits.conditions(),
        resting: limits.resting(),
        suggestedBytes: gpu.kind === 'ready' ? gpu.budgetBytes : 0,
        memory: memory(),
      },
    })
  }

  function overBy(): number {
    const most = limits.limits().memoryBytes
    const { weights, caches } = memory()
    return most === null ? 0 : weights + caches + training() - most
  }

  /** First what others hold here goes, then this node's own model is placed anew. */
  async function enforce(): Promise<void> {
    const limitBytes = limits.limits().memoryBytes ?? 0
    log.add({ kind: 'over-memory', usedBytes: limitBytes + overBy(), limitBytes })
    const reason = new CentramError('PEER_REFUSED', 'Its person allows it less memory now.')
    parts.held().fail(reason, forOthers)
    // Layers that several held are freed in a task of their own.
    await new Promise<void>((resolve) => {
      enforcing = clock.setTimeout(resolve, 0)
    })
    if (overBy() > 0) await parts.answers().between(() => parts.active().refit())
  }

  function listen(name: string | null, work: () => ReturnType<NodeApi['generate']>): ReturnType<NodeApi['generate']> {
    const result = work()
    result.then(
      ({ tokens, msPerToken }) => {
        const tokensPerSecond = msPerToken > 0 ? 1000 / msPerToken : 0
        log.add({ kind: 'answered', name, tokens: tokens.length, tokensPerSecond })
      },
      (error: unknown) => {
        log.add({ kind: 'answer-failed', name, code: errorCode(error), message: errorMessage(error) })
      },
    )
    return result
  }

  return {
    share,
    helps: () => limits.resting() === null,
    requireHelping: limits.requireHelping,
    requireMemory(bytes) {
      const most = limits.limits().memoryBytes
      const { weights, caches } = memory()
      if (most === null || weights + caches + bytes <= most) return
      throw new CentramError(
        'NO_CAPACITY',
        `It takes ${Math.round(bytes / 1e6)} MB of GPU memory beside the ${Math.round((weights + caches) / 1e6)} MB in use, ` +
          `and you allow ${Math.round(most / 1e6)} MB. Allow more on the Node page, or unload the model in the chat.`,
      )
    },
    offered(state) {
      gpu = state
      store.update({ limits: { ...store.get().limits, suggestedBytes: gpu.kind === 'ready' ? gpu.budgetBytes : 0 } })
      return offered(gpu)
    },
    meter(loader) {
      metered = meterShards(loader, { limit: () => limits.limits().memoryBytes, besides: training, onChange: show })
      return metered
    },
    countAnswers: (answers) => ({
      ...answers,
      generate(request, hooks, asker) {
        if (asker === undefined) return answers.generate(request, hooks)
        const onEvent: typeof hooks.onEvent = (event) => {
          if (event.type === 'token') measured.token(false, event.timing, null)
          hooks.onEvent(event)
        }
        return listen(parts.nameOf(asker), () => answers.generate(request, { ...hooks, onEvent }, asker))
      },
    }),
    countOwn: (generate) => (request, listener) =>
      listen(null, () =>
        generate(request, (event) => {
          if (event.type === 'token') measured.token(true, event.timing, store.get().placement)
          listener(event)
        }),
      ),
    countColumns: measured.columns,
    api: {
      ...limits.api,
      readLog: async (after) => log.read(after),
      readMeasurements: async (since) => measured.read(since),
      readStored: stored.read,
      removeLeftover: stored.removeLeftover,
    },
    start: limits.start,
    watch() {
      log.add({ kind: 'started', name: store.get().name })
      let shown = store.get()
      store.watch((state) => {
        for (const event of eventsBetween(shown, state)) log.add(event)
        if (state.peers !== shown.peers) measured.roundTrips(state.peers)
        const hasOtherRuns = state.runs !== shown.runs
        shown = state
        if (hasOtherRuns && training() !== state.limits.memory.training) show()
      })
    },
    close() {
      limits.close()
      clock.clearTimeout(enforcing ?? undefined)
    },
  }
}
