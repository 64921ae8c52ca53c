// Runs a training plan step by step. Everything a step does follows from plan, model, data and the step's number, so that
// a run which was paused, checkpointed and resumed gives the bits of one that was not.

import { CentramError } from '#core/errors.ts'
import { toHex, utf8 } from '#core/crypto/bytes.ts'
import { encodeCanonical } from '#core/crypto/canonical.ts'
import { sha256 } from '#core/crypto/hash.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { checkAdapter, type Adapter } from '#core/genome/adapter.ts'
import { createBatchPlan } from '#core/training/batches.ts'
import { decodeCheckpoint, encodeCheckpoint, type CheckpointParameter } from '#core/training/checkpoint.ts'
import { learningRateAt } from '#core/training/learning-rate.ts'
import { joinSequences, type MicroBatch } from '#core/training/micro-batches.ts'
import type { PackedSequence } from '#core/training/pack-sequences.ts'
import { checkPrivateTerms, mayStep, spentEpsilon, type PrivateTerms } from '#core/training/private-account.ts'
import type { SecureRandom } from '#core/training/secure-gaussian.ts'
import { checkTrainingPlan, type TrainingPlan } from '#core/training/training-plan.ts'
import type { GpuContext } from '../gpu/context.ts'
import type { KernelProfile } from '../gpu/profile.ts'
import { createSubmitter } from '../gpu/submit.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { adapterOf, inAdapterOrder, inParameterOrder } from './lora-source.ts'
import { createOptimiser } from './optimiser.ts'
import { writeParameter, type Parameter } from './parameters.ts'
import { createPrivateGradients } from './private-gradients.ts'
import { createTrainingGraph, type Trained } from './training-graph.ts'
import { joinParts } from './training-weights.ts'

export interface TrainerOptions {
  readonly profile: KernelProfile
  readonly plan: TrainingPlan
  readonly trained: Trained
  readonly train: readonly PackedSequence[]
  readonly heldOut?: readonly PackedSequence[]
  /** Takes the place of shuffled batches: what an ε may be claimed for. */
  readonly privacy?: PrivateTerms & { readonly random: SecureRandom }
  /** Of logits held at once; fewer need less memory. Decides no result but by rounding of sums over columns. */
  readonly logitBytes?: number
  /** File bytes of the model's weights loaded so far. */
  readonly onProgress?: (doneBytes: number) => void
  readonly signal?: AbortSignal
}

export interface StepReport {
  /** Steps done, this one included. */
  readonly step: number
  /** Mean over the step's counted tokens, in nats. NaN for a private step that drew no example. */
  readonly loss: number
  /** Before clipping; of the noisy mean in a private step. */
  readonly gradientNorm: number
  readonly learningRate: number
  /** Of a private run: the ε spent so far, by the Rényi accountant. */
  readonly epsilon?: number
  /** That passed through the model, and those that counted. */
  readonly tokens: number
  readonly counted: number
}

export interface Trainer {
  /** Done so far. */
  readonly step: number
  readonly steps: number
  readonly trainableParameters: number
  /** On the GPU. */
  readonly bytes: number
  /** Throws `CANCELLED` between micro-batches (the step is then not taken), `BAD_ARGUMENT` past the last step or budget. */
  runStep(signal?: AbortSignal): Promise<StepReport>
  /**
   * The same, with `update` in place of the optimiser: from the gradients of each B of an adapter whose A is frozen, by module, to its
   * new values. Throws `BAD_ARGUMENT` where anything else is trained.
   */
  runStepBy(update: UpdateOfB, signal?: AbortSignal): Promise<StepReport>
  /** Mean loss of the held-out sequences in nats a token. Throws `BAD_ARGUMENT` where there are none. */
  evaluate(signal?: AbortSignal): Promise<number>
  checkpoint(): Promise<Uint8Array<ArrayBuffer>>
  /** Throws `MODEL_MISMATCH` for a checkpoint of another model, plan or data. */
  restore(checkpoint: Uint8Array): Promise<void>
  /** The adapter as trained so far, in Hugging Face's row order. Throws `BAD_ARGUMENT` in full-parameter training. */
  adapter(): Promise<Adapter>
  /** Row-major values or gradients by name, in an adapter's row order; all weights in full-parameter training. */
  read(what: 'values' | 'gradient'): Promise<Map<string, Float32Array<ArrayBuffer>>>
  dispose(): void
}

type ByModule = ReadonlyMap<string, Float32Array<ArrayBuffer>>
export type UpdateOfB = (gradients: ByModule, learningRate: number) => ByModule

export async function createTrainer(gpu: GpuContext, model: OpenedModel, options: TrainerOptions): Promise<Trainer> {
  const { profile, plan, trained, train, heldOut = [], privacy, logitBytes, onProgress, signal } = options
  checkTrainingPlan(plan)
  checkSequences(model, plan, [...train, ...heldOut])
  if (train.length === 0) throw new CentramError('BAD_ARGUMENT', 'There is nothing to train on.')
  if (trained.kind === 'lora') checkAdapter(model.config, trained.adapter)
  if (privacy && trained.kind === 'full') {
    throw new CentramError('BAD_ARGUMENT', 'Private training is for adapters: choose the linears to adapt.')
  }
  if (privacy) checkPrivateTerms(privacy, train.length)
  const run = runHash(model, options)
  const batches = createBatchPlan(plan.seed, train.length, plan.batchSize)
  const graph = await createTrainingGraph(gpu, model, {
    profile,
    trained,
    columns: plan.columns,
    ...(logitBytes !== undefined && { logitBytes }),
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  })
  const parameters = graph.parameters.list
  const optimiser = await createOptimiser(gpu, parameters)
  const submitter = createSubmitter(gpu)
  const privately = privacy && (await createPrivateGradients(gpu, parameters, optimiser, privacy, train.length))
  let step = 0

  const stopIfAsked = (stop?: AbortSignal) => {
    if (stop?.aborted) throw new CentramError('CANCELLED', 'Training was paused.', { cause: stop.reason })
  }

  /** Adds up the gradients of `micro`, whose losses count `scale` each. */
  async function accumulate(micros: readonly MicroBatch[], scale: number, stop?: AbortSignal): Promise<number> {
    let loss = 0
    for (const [microBatch, micro] of micros.entries()) {
      stopIfAsked(stop)
      loss += await graph.accumulate({ ...micro, lossScale: scale }, { seed: plan.seed, step, microBatch })
    }
    return loss
  }

  async function gather(stop?: AbortSignal): Promise<Omit<StepReport, 'step' | 'learningRate' | 'epsilon'>> {
    if (privately) return privately.gather(stop, train, plan, step, graph)
    const chosen = batches.batchAt(step).map((index) => train[index] as PackedSequence)
    const micros = joinSequences(chosen, plan.columns)
    const counted = micros.reduce((sum, micro) => sum + micro.counted, 0)
    graph.clearGradients()
    const loss = (await accumulate(micros, 1 / counted, stop)) / counted
    const gradientNorm = await optimiser.measure(plan.clipNorm)
    return { loss, gradientNorm, counted, tokens: micros.reduce((sum, { tokens }) => sum + tokens.length, 0) }
  }

  async function gatherNumbers(stop?: AbortSignal) {
    const gathered = await gather(stop)
    if (Number.isFinite(gathered.gradientNorm)) return gathered
    throw new CentramError('GPU_FAILED', 'The gradients are no longer numbers. Start again with a lower learning rate.')
  }

  const checkNotOver = () => {
    if (step < plan.schedule.steps) return
    throw new CentramError('BAD_ARGUMENT', `The run has ended after its ${plan.schedule.steps} steps.`)
  }

  async function readAll(select: (parameter: Parameter) => Tensor): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    const reads = parameters.map((parameter) => ({ buffer: select(parameter).buffer, bytes: select(parameter).bytes }))
    const bytes = await submitter.run([], reads)
    return new Map(
      parameters.map((parameter, index) => [
        parameter.name,
        parameter.unpack(new Float32Array(bytes[index] ?? new ArrayBuffer(0))),
      ]),
    )
  }

  return {
    get step() {
      return step
    },
    steps: plan.schedule.steps,
    trainableParameters: parameters.reduce((sum, { elements }) => sum + elements, 0),
    get bytes() {
      return graph.bytes
    },

    async runStep(stop) {
      checkNotOver()
      if (privacy && !mayStep(privacy, step)) {
        throw new CentramError(
          'BAD_ARGUMENT',
          `The privacy budget of ${privacy.budget} is spent: one more step would cost more. The adapter is done as it is.`,
        )
      }
      const gathered = await gatherNumbers(stop)
      const learningRate = learningRateAt(plan.schedule, step)
      optimiser.apply({ ...plan, learningRate }, step + 1, privately === undefined)
      step++
      return { step, learningRate, ...gathered, ...(privacy && { epsilon: spentEpsilon(privacy, step) }) }
    },

    async runStepBy(update, stop) {
      checkNotOver()
      if (trained.kind === 'full' || !trained.freezeA || privacy) {
        throw new CentramError('BAD_ARGUMENT', 'Only the B of an adapter can be stepped by hand, and not privately.')
      }
      const { adapter } = trained
      const gathered = await gatherNumbers(stop)
      const learningRate = learningRateAt(plan.schedule, step)
      const gradients = inAdapterOrder(
        model.config,
        adapter,
        joinParts(await readAll((parameter) => parameter.gradient)),
      )
      const byModule = new Map([...gradients].map(([name, part]) => [name.replace(/\.lora_b$/, ''), part]))
      const values = inParameterOrder(model.config, adapter, update(byModule, learningRate), parameters)
      for (const parameter of parameters) {
        writeParameter(gpu, parameter, parameter.values, values.get(parameter.name) as Float32Array)
      }
      step++
      return { step, learningRate, ...gathered }
    },

    async evaluate(stop) {
      if (heldOut.length === 0) throw new CentramError('BAD_ARGUMENT', 'No text was held out to be judged by.')
      let loss = 0
      let counted = 0
      for (const micro of joinSequences(heldOut, plan.columns)) {
        stopIfAsked(stop)
        loss += await graph.evaluate({ ...micro, lossScale: 0 })
        counted += micro.counted
      }
      return loss / counted
    },

    async checkpoint() {
      const at = step
      const values = await readAll((parameter) => parameter.values)
      const first = await readAll((parameter) => parameter.firstMoment)
      const second = await readAll((parameter) => parameter.secondMoment)
      const state = parameters.map(({ name }): [string, CheckpointParameter] => [
        name,
        {
          values: values.get(name) ?? new Float32Array(),
          firstMoment: first.get(name) ?? new Float32Array(),
          secondMoment: second.get(name) ?? new Float32Array(),
        },
      ])
      return encodeCheckpoint({ step: at, run, parameters: new Map(state) })
    },

    async restore(bytes) {
      const checkpoint = await decodeCheckpoint(bytes)
      const fits = parameters.every(({ name, elements }) => checkpoint.parameters.get(name)?.values.length === elements)
      if (checkpoint.run !== run || !fits || checkpoint.parameters.size !== parameters.length) {
        throw new CentramError(
          'MODEL_MISMATCH',
          'The checkpoint belongs to another run: the model, the text or the settings differ. Choose those it was made ' +
            'with, or start anew.',
        )
      }
      for (const parameter of parameters) {
        const state = checkpoint.parameters.get(parameter.name)
        if (!state) continue
        writeParameter(gpu, parameter, parameter.values, state.values)
        writeParameter(gpu, parameter, parameter.firstMoment, state.firstMoment)
        writeParameter(gpu, parameter, parameter.secondMoment, state.secondMoment)
      }
      step = checkpoint.step
    },

    async adapter() {
      if (trained.kind === 'full')
        throw new CentramError('BAD_ARGUMENT', 'The model is trained whole, without adapter.')
      return adapterOf(model.config, trained.adapter, joinParts(await readAll((parameter) => parameter.values)))
    },

    async read(what) {
      const values = joinParts(await readAll((parameter) => parameter[what]))
      return trained.kind === 'full' ? values : inAdapterOrder(model.config, trained.adapter, values)
    },

    dispose() {
      privately?.dispose()
      submitter.dispose()
      optimiser.dispose()
      graph.dispose()
    },
  }
}

function checkSequences(model: OpenedModel, plan: TrainingPlan, sequences: readonly PackedSequence[]): void {
  const longest = sequences.reduce((most, { tokens }) => Math.max(most, tokens.length), 0)
  const most = Math.min(plan.columns, model.config.contextLength)
  if (longest > most) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `A sequence has ${longest} tokens; this run takes ${most}. Pack the text shorter.`,
    )
  }
}

/** Everything that the bits follow from. */
function runHash(model: OpenedModel, { plan, trained, train, profile, privacy }: TrainerOptions): string {
  const words = (values: Uint32Array | Float32Array) =>
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const data = train.flatMap(({ tokens, targets, starts }) => [words(tokens), words(targets), words(starts)])
  const adapter = trained.kind === 'lora' ? trained.adapter : undefined
  const initial = [...(adapter?.modules.values() ?? [])].flatMap(({ a, b }) => [words(a), words(b)])
  const settings = {
    plan: { ...plan, schedule: { ...plan.schedule } },
    profile: { ...profile },
    model: model.fingerprint,
    kind: trained.kind,
    ...(trained.kind === 'lora' && {
      lora: { ...trained.adapter.lora, targets: [...trained.adapter.lora.targets] },
      dropout: trained.dropout,
      freezeA: trained.freezeA ?? false,
    }),
    ...(privacy && {
      privacy: {
        sampleRate: privacy.sampleRate,
        noiseMultiplier: privacy.noiseMultiplier,
        clipNorm: privacy.clipNorm,
        delta: privacy.delta,
      },
    }),
    lengths: train.map(({ tokens }) => tokens.length),
  }
  return toHex(sha256(utf8('centram training run 1\0'), encodeCanonical(settings), ...data, ...initial))
}
