// One run on the GPU, from where it stands to its end or to where it is asked to stop: steps, held-out losses at fixed steps,
// and a checkpoint every half a minute.

import { CentramError, errorCode } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { createAdapter, type Adapter } from '#core/genome/adapter.ts'
import { decodeCheckpoint } from '#core/training/checkpoint.ts'
import { spentEpsilon } from '#core/training/private-account.ts'
import type { SecureRandom } from '#core/training/secure-gaussian.ts'
import type { TrainingData } from '#core/training/training-data.ts'
import type { GpuContext } from '../gpu/context.ts'
import { parseProfile } from '../gpu/profile.ts'
import type { Clock } from '../net/clock.ts'
import type { StoredCheckpoint } from '../storage/run-store.ts'
import { adapterOf } from '../train/lora-source.ts'
import { createTrainer, type StepReport, type Trainer } from '../train/trainer.ts'
import { joinParts } from '../train/training-weights.ts'
import { addPoint, curveUpTo } from './loss-curve.ts'
import { KEEP, NO_PROGRESS, type RunProgress, type RunSettings } from './run-settings.ts'
import type { GpuShare } from './gpu-share.ts'
import { createTimeLeft } from './time-left.ts'
import { loraConfigOf, sampleHeldOut } from './training-text.ts'

export interface RunOptions {
  readonly gpu: GpuContext
  readonly model: OpenedModel
  readonly data: TrainingData
  readonly settings: RunSettings
  /** As kept with `checkpoint`; where there is none, the run begins anew. */
  readonly progress: RunProgress
  readonly checkpoint: StoredCheckpoint | undefined
  readonly random: SecureRandom
  readonly clock: Clock
  /** The run stops after the step in flight; where the reason is `KEEP`, with a last held-out loss. */
  readonly stop: AbortSignal
  /** The run ends as it is: the tab is going. */
  readonly close: AbortSignal
  /** When it may compute: it waits before each step. */
  readonly share?: GpuShare
  /** Throws where so many bytes on the GPU are not allowed. */
  requireMemory?(bytes: number): void
  onProgress(progress: RunProgress, figures: RunFigures): void
  save(checkpoint: StoredCheckpoint, progress: RunProgress): Promise<void>
}

export interface RunFigures {
  readonly secondsLeft: number | null
  readonly tokensPerSecond: number | null
  readonly gpuBytes: number
}

const CHECKPOINT_MS = 30_000
/** Held-out losses of a run, about. */
const EVALUATIONS = 20
/** Tokens of a run's steps for one token of a held-out loss, so that judging stays cheap beside learning. */
const TOKENS_PER_HELD_OUT = 50
const LEAST_HELD_OUT = 4096
/** Steps that the speed is taken over. */
const SPEED_STEPS = 16

/** Resolves with where the run stands, which is saved; its last step may not be reached. */
export async function trainRun(options: RunOptions): Promise<RunProgress> {
  const { settings, checkpoint, clock, stop, close } = options
  const trainer = await openTrainer(options)
  const onGpu = <Result>(signal: AbortSignal, work: () => Promise<Result>) => inTurn(options.share, signal, work)
  try {
    options.requireMemory?.(trainer.bytes)
    if (checkpoint) await trainer.restore(checkpoint.bytes)
    let progress = progressAt(options.progress, trainer.step, settings)
    let savedAt = clock.now()
    const timeLeft = createTimeLeft(clock)
    const speed = createSpeed(clock)
    const show = () => {
      const secondsLeft = timeLeft.at(progress.step / trainer.steps)
      options.onProgress(progress, { secondsLeft, tokensPerSecond: speed.rate(), gpuBytes: trainer.bytes })
    }
    const save = async () => {
      await options.save({ step: trainer.step, bytes: await trainer.checkpoint() }, progress)
      savedAt = clock.now()
    }
    show()
    const judge = async (signal: AbortSignal) => {
      const { step } = trainer
      const isKnown = progress.heldOutLosses.some((point) => point.step === step)
      const hasNone = isKnown || options.data.heldOut.length === 0
      const loss = hasNone ? null : await onGpu(signal, () => evaluateUntil(trainer, signal))
      if (loss !== null) progress = { ...progress, heldOutLosses: [...progress.heldOutLosses, { step, loss }] }
      show()
      // Judging is no training time.
      speed.pass()
    }
    for (;;) {
      close.throwIfAborted()
      if (isDue(trainer)) await judge(stop)
      if (stop.aborted || trainer.step >= trainer.steps) break
      const report = await onGpu(stop, () => (stop.aborted ? Promise.resolve(null) : trainer.runStep(close)))
      if (report === null) break
      speed.add(report.tokens)
      progress = afterStep(progress, report)
      show()
      if (clock.now() - savedAt >= CHECKPOINT_MS) await save()
    }
    if (stop.reason === KEEP) await judge(close)
    await save()
    return progress
  } finally {
    trainer.dispose()
  }
}

function openTrainer({ gpu, model, data, settings, random, close }: RunOptions): Promise<Trainer> {
  const { plan, lora, privacy, profile, sequenceLength } = settings
  const stepTokens = plan.schedule.steps * plan.batchSize * sequenceLength
  return createTrainer(gpu, model, {
    profile: parseProfile(profile),
    plan,
    trained: {
      kind: 'lora',
      adapter: createAdapter(model.config, loraConfigOf(lora), plan.seed),
      dropout: lora.dropout,
      freezeA: lora.freezeA,
    },
    train: data.train,
    heldOut: sampleHeldOut(data.heldOut, Math.max(LEAST_HELD_OUT, Math.floor(stepTokens / TOKENS_PER_HELD_OUT))),
    ...(privacy && { privacy: { ...privacy, random } }),
    signal: close,
  })
}

/** Does one piece of work when the GPU's share has room for it, or `signal` is aborted. */
async function inTurn<Result>(
  share: GpuShare | undefined,
  signal: AbortSignal,
  work: () => Promise<Result>,
): Promise<Result> {
  if (!share) return work()
  await share.turn(signal)
  return signal.aborted ? work() : share.run(work)
}

/** Before the first step, about every twentieth of the run, and at its end. */
function isDue({ step, steps }: Trainer): boolean {
  return step % Math.max(1, Math.ceil(steps / EVALUATIONS)) === 0 || step === steps
}

/** Null where the run is asked to stop meanwhile; what is due then is due again when it goes on. */
async function evaluateUntil(trainer: Trainer, stop: AbortSignal): Promise<number | null> {
  try {
    return await trainer.evaluate(stop)
  } catch (error) {
    if (stop.aborted && errorCode(error) === 'CANCELLED') return null
    throw error
  }
}

function afterStep(before: RunProgress, { step, loss, tokens, epsilon }: StepReport): RunProgress {
  return {
    ...before,
    step,
    tokens: before.tokens + tokens,
    // A private step may have drawn nobody.
    losses: Number.isFinite(loss) ? addPoint(before.losses, { step, loss }) : before.losses,
    epsilon: epsilon ?? 0,
  }
}

/** What was kept, cut back to the checkpoint that is there. */
function progressAt(kept: RunProgress, step: number, { privacy }: RunSettings): RunProgress {
  if (step === 0) return NO_PROGRESS
  return {
    step,
    tokens: kept.step > step ? Math.round((kept.tokens * step) / kept.step) : kept.tokens,
    losses: curveUpTo(kept.losses, step),
    heldOutLosses: curveUpTo(kept.heldOutLosses, step),
    epsilon: privacy ? spentEpsilon(privacy, step) : 0,
  }
}

function createSpeed(clock: Clock) {
  let steps: { readonly tokens: number; readonly ms: number }[] = []
  let last = clock.now()
  return {
    add(tokens: number): void {
      const now = clock.now()
      steps = [...steps.slice(1 - SPEED_STEPS), { tokens, ms: now - last }]
      last = now
    },
    pass(): void {
      last = clock.now()
    },
    rate(): number | null {
      const ms = steps.reduce((sum, step) => sum + step.ms, 0)
      return ms > 0 ? (1000 * steps.reduce((sum, step) => sum + step.tokens, 0)) / ms : null
    },
  }
}

/** The adapter that a checkpoint holds. */
export async function adapterAt(
  { config }: OpenedModel,
  { lora, plan }: RunSettings,
  checkpoint: StoredCheckpoint,
): Promise<Adapter> {
  const { parameters, step } = await decodeCheckpoint(checkpoint.bytes)
  if (step !== checkpoint.step) throw new CentramError('SOURCE_CORRUPT', 'The checkpoint is of another step.')
  const values = new Map([...parameters].map(([name, parameter]) => [name, parameter.values]))
  return adapterOf(config, createAdapter(config, loraConfigOf(lora), plan.seed), joinParts(values))
}
