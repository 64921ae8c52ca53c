// The training runs of this node: one trains at a time, others wait their turn paused. What a run learned becomes a genome.

import { toHex } from '#core/crypto/bytes.ts'
import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { encodeAdapterTensors } from '#core/genome/peft-adapter.ts'
import type { TrainingData } from '#core/training/training-data.ts'
import { createRunStore } from '../storage/run-store.ts'
import { chooseColumns } from '../train/choose-columns.ts'
import type { GenomeLibrary } from './genome-library.ts'
import type { RunState, TrainingPreview, TrainingRequest } from './lab-api.ts'
import type { ModelLibrary } from './model-library.ts'
import { isRunAbout, KEEP, NO_PROGRESS, planTraining, type RunAbout, type RunSettings } from './run-settings.ts'
import type { ShardLoader } from './shard-loader.ts'
import type { Surroundings } from './surroundings.ts'
import type { RunFigures, trainRun } from './training-run.ts'
import type { TrainingText } from './training-text.ts'

export interface TrainingRuns {
  /** Lists what was kept from earlier visits: what was running then is paused. */
  start(): Promise<void>
  list(): readonly RunState[]
  preview(request: TrainingRequest): Promise<TrainingPreview>
  begin(request: TrainingRequest): Promise<string>
  pause(runId: string): Promise<void>
  resume(runId: string): Promise<void>
  end(runId: string, keep: boolean): Promise<string | null>
  remove(runId: string): Promise<void>
  close(): void
}

export interface TrainingRunsOptions extends Pick<
  Surroundings,
  'records' | 'blobs' | 'withLock' | 'clock' | 'wallTime' | 'random'
> {
  /** This node's id. */
  readonly self: string
  readonly models: Pick<ModelLibrary, 'open' | 'list' | 'estimate' | 'fetch' | 'setStatus'>
  readonly shards: Pick<ShardLoader, 'start' | 'state' | 'profile' | 'gpu'>
  readonly genomes: Pick<GenomeLibrary, 'add'>
  readonly train: typeof trainRun
  /** Whether the chat has the model loaded. */
  isLoaded(modelId: string): boolean
  /** A genome was trained privately, on the text of that hash. */
  onPrivateGenome?(genomeId: string, dataHash: string): Promise<void>
  onChange(): void
}

interface Run {
  readonly id: string
  about: RunAbout
  status: RunState['status']
  figures: RunFigures
  /** While it has its turn. */
  turn: { readonly stop: AbortController; readonly done: Promise<void> } | null
}

const IDLE: RunFigures = { secondsLeft: null, tokensPerSecond: null, gpuBytes: 0 }
/** Part of what the node offers that a pass through the model may take. */
const BUFFER_SHARE = 1 / 4
/** A fast run takes hundreds of steps a second; nobody looks at each. */
const SHOW_MS = 200

export function createTrainingRuns(options: TrainingRunsOptions): TrainingRuns {
  const { models, shards, genomes, clock } = options
  const store = createRunStore(options)
  const runs = new Map<string, Run>()
  const waiting: Run[] = []
  const closing = new AbortController()
  let active: Run | null = null
  let shownAt = -Infinity
  let showing: unknown = null

  function show(): void {
    clock.clearTimeout(showing as number)
    showing = null
    shownAt = clock.now()
    if (!closing.signal.aborted) options.onChange()
  }
  function showSoon(): void {
    if (showing !== null) return
    const wait = shownAt + SHOW_MS - clock.now()
    if (wait <= 0) show()
    else showing = clock.setTimeout(show, wait)
  }
  function update(run: Run, change: Partial<Pick<Run, 'about' | 'status' | 'figures'>>): void {
    Object.assign(run, change)
    show()
  }

  function find(runId: string): Run {
    const run = runs.get(runId)
    if (run) return run
    throw new CentramError('BAD_ARGUMENT', `There is no training run ${runId.slice(0, 12)} here.`)
  }

  /** Gives the next one its turn. */
  function next(): void {
    const run = active ? undefined : waiting.shift()
    if (run) takeTurn(run, null)
  }

  function enqueue(run: Run, data: TrainingData | null): void {
    if (run.turn || waiting.includes(run)) return
    if (active) waiting.push(run)
    else takeTurn(run, data)
  }

  function takeTurn(run: Run, data: TrainingData | null): void {
    const stop = new AbortController()
    active = run
    const done = execute(run, stop.signal, data).finally(() => {
      run.turn = null
      active = null
      next()
    })
    run.turn = { stop, done }
  }

  async function execute(run: Run, stop: AbortSignal, prepared: TrainingData | null): Promise<void> {
    const { settings } = run.about
    update(run, { status: 'preparing', about: { ...run.about, error: null } })
    try {
      await shards.start()
      const model = await openModel(settings)
      await fetchWeights(settings.modelId, model)
      const { prepareText } = await import('./training-text.ts')
      const data = prepared ?? prepareText(model, await store.readFiles(run.id), textOptions(settings))
      const checkpoint = await store.readCheckpoint(run.id)
      if (stop.aborted) return update(run, { status: 'paused' })
      update(run, { status: 'running' })
      const progress = await options.train({
        gpu: shards.gpu(),
        model,
        data,
        settings,
        progress: run.about.progress,
        checkpoint,
        random: options.random,
        clock,
        stop,
        close: closing.signal,
        onProgress(reached, figures) {
          run.about = { ...run.about, progress: reached }
          run.figures = figures
          showSoon()
        },
        async save(saved, reached) {
          run.about = { ...run.about, progress: reached }
          await store.putCheckpoint(run.id, saved, run.about)
        },
      })
      run.about = { ...run.about, progress }
      if (progress.step >= settings.plan.schedule.steps) await keepResult(run, model)
      else update(run, { status: 'paused', figures: IDLE })
    } catch (error) {
      // A tab that goes leaves its run as it was last kept.
      if (closing.signal.aborted) return
      const failure = { code: errorCode(error), message: errorMessage(error) }
      update(run, { status: 'failed', figures: IDLE, about: { ...run.about, error: failure } })
      await store.update(run.id, run.about).catch(() => undefined)
    }
  }

  async function openModel({ modelId, modelTitle, fingerprint }: RunSettings): Promise<OpenedModel> {
    const model = await models.open(modelId, closing.signal)
    if (model.fingerprint === fingerprint) return model
    throw new CentramError(
      'MODEL_MISMATCH',
      `"${modelTitle}" is another file than the one this run began with, so it cannot go on. Start it anew.`,
    )
  }

  async function fetchWeights(modelId: string, model: OpenedModel): Promise<void> {
    if ((await models.estimate(modelId, 1)).fetchBytes === 0) return
    try {
      const whole = { first: 0, last: model.config.layers }
      await models.fetch(modelId, whole, { signal: closing.signal, onProgress: () => undefined })
    } finally {
      models.setStatus(modelId, options.isLoaded(modelId) ? { status: 'ready', progress: 1 } : { status: 'listed' })
    }
  }

  /** Turns the run's last checkpoint into a genome and ends the run. */
  async function keepResult(run: Run, model: OpenedModel): Promise<string> {
    const { settings, progress } = run.about
    const checkpoint = await store.readCheckpoint(run.id)
    if (!checkpoint || checkpoint.step === 0) {
      throw new CentramError(
        'BAD_ARGUMENT',
        `"${settings.name}" has learned nothing yet. Let it train for a while first.`,
      )
    }
    const { adapterAt } = await import('./training-run.ts')
    const { describeTrained } = await import('./trained-genome.ts')
    const adapter = await adapterAt(model, settings, checkpoint)
    const reached = { ...progress, step: checkpoint.step }
    const genomeId = await genomes.add(
      describeTrained(model.config, settings, reached),
      encodeAdapterTensors(model.config, adapter),
    )
    if (settings.privacy) await options.onPrivateGenome?.(genomeId, settings.dataHash)
    await finish(run, genomeId)
    return genomeId
  }

  async function finish(run: Run, genomeId: string | null): Promise<void> {
    const about: RunAbout = { ...run.about, ended: true, genomeId, error: null }
    await store.update(run.id, about)
    update(run, { about, status: 'finished', figures: IDLE })
    await store.removeFiles(run.id)
  }

  /** Resolves when the run trains no more. */
  async function stop(run: Run, reason?: typeof KEEP): Promise<void> {
    const place = waiting.indexOf(run)
    if (place >= 0) waiting.splice(place, 1)
    if (!run.turn) return
    run.turn.stop.abort(reason)
    if (run.status !== 'pausing') update(run, { status: 'pausing' })
    await run.turn.done
  }

  return {
    async start() {
      for (const { id, about } of await store.list(options.self)) {
        if (!isRunAbout(about)) continue
        const status = about.ended ? 'finished' : about.error ? 'failed' : 'paused'
        runs.set(id, { id, about, status, figures: IDLE, turn: null })
      }
      show()
    },

    list: () => [...runs.values()].map(describeRun).sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1)),

    async preview(request) {
      const model = await models.open(request.modelId)
      const { previewText, readTrainingText } = await import('./training-text.ts')
      return previewText(model, request, await readTrainingText(model, request))
    },

    async begin(request) {
      await shards.start()
      const model = await models.open(request.modelId)
      const { readTrainingText } = await import('./training-text.ts')
      const text = await readTrainingText(model, request)
      const settings = await settle(request, model, text)
      const id = toHex(options.random(8))
      const about: RunAbout = {
        version: 1,
        createdAt: options.wallTime(),
        settings,
        progress: NO_PROGRESS,
        ended: false,
        genomeId: null,
        error: null,
      }
      await store.create({ id, owner: options.self, about }, text.files)
      const run: Run = { id, about, status: 'paused', figures: IDLE, turn: null }
      runs.set(id, run)
      enqueue(run, text.data)
      show()
      return id
    },

    async pause(runId) {
      await stop(find(runId))
    },

    async resume(runId) {
      const run = find(runId)
      if (run.about.ended) throw new CentramError('BAD_ARGUMENT', `"${run.about.settings.name}" has ended.`)
      enqueue(run, null)
    },

    async end(runId, keep) {
      const run = find(runId)
      await stop(run, keep ? KEEP : undefined)
      if (run.about.ended) return run.about.genomeId
      if (keep) return keepResult(run, await openModel(run.about.settings))
      await finish(run, null)
      return null
    },

    async remove(runId) {
      const run = find(runId)
      if (run.status !== 'finished' && run.status !== 'failed') {
        throw new CentramError('BAD_ARGUMENT', `"${run.about.settings.name}" has not ended. End it before removing it.`)
      }
      await store.remove(runId)
      runs.delete(runId)
      show()
    },

    close() {
      closing.abort(new CentramError('CANCELLED', 'The tab was closed; the run goes on from its last checkpoint.'))
      waiting.length = 0
      clock.clearTimeout(showing as number)
    },
  }

  async function settle(
    request: TrainingRequest,
    model: OpenedModel,
    { data, terms }: TrainingText,
  ): Promise<RunSettings> {
    const { affordableSteps } = await import('#core/training/private-account.ts')
    const { modelId, name, licence, lora, sequenceLength, heldOutFraction, batchSize } = request
    const gpu = shards.state()
    const columns = chooseColumns(model.config, {
      sequenceLength,
      // A private step takes its documents one by one.
      batchSize: terms ? 1 : Math.min(batchSize, data.train.length),
      freeBytes: gpu.kind === 'ready' ? gpu.budgetBytes * BUFFER_SHARE : 0,
    })
    const steps = terms ? affordableSteps(terms, request.steps) : request.steps
    return {
      modelId,
      modelTitle: models.list().find(({ id }) => id === modelId)?.title ?? model.config.name,
      fingerprint: model.fingerprint,
      name: name.trim(),
      licence: licence.trim(),
      lora: { ...lora, targets: [...lora.targets] },
      plan: planTraining(request, columns, steps),
      sequenceLength,
      heldOutFraction,
      profile: shards.profile(),
      privacy: terms,
      dataHash: data.hash,
    }
  }
}

const textOptions = ({ sequenceLength, heldOutFraction, plan, privacy }: RunSettings) => ({
  sequenceLength,
  heldOutFraction,
  seed: plan.seed,
  isPrivate: privacy !== null,
})

function describeRun({ id, about, status, figures }: Run): RunState {
  const { settings, progress, createdAt, genomeId, error } = about
  const { privacy } = settings
  return {
    id,
    name: settings.name,
    modelId: settings.modelId,
    modelTitle: settings.modelTitle,
    createdAt,
    status,
    step: progress.step,
    steps: settings.plan.schedule.steps,
    ...figures,
    losses: progress.losses,
    heldOutLosses: progress.heldOutLosses,
    privacy: privacy && { epsilon: progress.epsilon, delta: privacy.delta, budget: privacy.budget },
    genomeId,
    error,
  }
}
