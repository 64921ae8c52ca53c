// Training and measuring changes of one model, one call a time: what an experiment does with a GPU. A change is an adapter, or
// all weights of a model of the same shape.

import { createMemorySource } from '#core/formats/byte-source.ts'
import { expectedTensors } from '#core/formats/model-tensors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { TensorEntry } from '#core/formats/tensor-entry.ts'
import type { Adapter } from '#core/genome/adapter.ts'
import { joinSequences } from '#core/training/micro-batches.ts'
import type { PackedSequence } from '#core/training/pack-sequences.ts'
import type { TrainingPlan } from '#core/training/training-plan.ts'
import type { GpuContext } from '../gpu/context.ts'
import type { KernelProfile } from '../gpu/profile.ts'
import { createCoreSteps, type Bases } from './core-steps.ts'
import { createTrainer } from './trainer.ts'
import { createTrainingGraph, type Trained } from './training-graph.ts'
import { readTensorValues } from './training-weights.ts'

export type Weights = ReadonlyMap<string, Float32Array<ArrayBuffer>>

export type Change =
  | {
      readonly kind: 'lora'
      readonly adapter: Adapter
      readonly freezeA: boolean
      /** Where it is the square between frozen factors that is trained: B, whose products with it are the adapter's B. */
      readonly bases?: Bases
      /** What it is trained over, where that is not the model as it is. */
      readonly weights?: Weights
    }
  | { readonly kind: 'full'; readonly weights: Weights }

export interface Learner {
  readonly model: OpenedModel
  /** All weights of the model as it is. */
  weights(): Promise<Weights>
  /** All steps of `plan`, its optimiser beginning anew. Returns the change and the mean loss of the steps. */
  train(
    change: Change,
    sequences: readonly PackedSequence[],
    plan: TrainingPlan,
    signal?: AbortSignal,
  ): Promise<{ readonly change: Change; readonly loss: number }>
  /** Mean loss in nats a token of each list. */
  losses(change: Change, lists: readonly (readonly PackedSequence[])[], signal?: AbortSignal): Promise<number[]>
}

/** Columns that pass through the model at once. */
const COLUMNS = 1024

/** Runs a piece of work when the GPU has room for it. */
export type InTurn = <Result>(work: () => Promise<Result>) => Promise<Result>

export function createLearner(
  gpu: GpuContext,
  model: OpenedModel,
  profile: KernelProfile,
  inTurn: InTurn = (work) => work(),
): Learner {
  const under = (change: Change): { opened: OpenedModel; trained: Trained } =>
    change.kind === 'full'
      ? { opened: withWeights(model, change.weights), trained: { kind: 'full' } }
      : {
          opened: change.weights ? withWeights(model, change.weights) : model,
          trained: { kind: 'lora', adapter: change.adapter, dropout: 0, freezeA: change.freezeA },
        }

  return {
    model,

    async weights() {
      const names = [...expectedTensors(model.config).keys()]
      return new Map(await Promise.all(names.map(async (name) => [name, await readTensorValues(model, name)] as const)))
    },

    async train(change, train, plan, signal) {
      const { opened, trained } = under(change)
      const trainer = await createTrainer(gpu, opened, { profile, plan, trained, train, ...(signal && { signal }) })
      try {
        const core = change.kind === 'lora' && change.bases && createCoreSteps(change.adapter, change.bases, plan)
        let loss = 0
        while (trainer.step < trainer.steps) {
          const step = () => (core ? trainer.runStepBy(core.update, signal) : trainer.runStep(signal))
          loss += (await inTurn(step)).loss / trainer.steps
        }
        if (change.kind === 'full') return { change: { kind: 'full', weights: await trainer.read('values') }, loss }
        return { change: { ...change, adapter: await trainer.adapter() }, loss }
      } finally {
        trainer.dispose()
      }
    },

    async losses(change, lists, signal) {
      const longest = lists.flat().reduce((most, { tokens }) => Math.max(most, tokens.length), 0)
      const columns = Math.max(COLUMNS, longest)
      const { opened, trained } = under(change)
      const graph = await createTrainingGraph(gpu, opened, { profile, trained, columns, ...(signal && { signal }) })
      try {
        const means: number[] = []
        for (const list of lists) {
          let sum = 0
          let counted = 0
          for (const batch of joinSequences(list, columns)) {
            signal?.throwIfAborted()
            sum += await inTurn(() => graph.evaluate({ ...batch, lossScale: 0 }))
            counted += batch.counted
          }
          means.push(sum / counted)
        }
        return means
      } finally {
        graph.dispose()
      }
    },
  }
}

/** A model of that shape with these weights, row-major `[out, in]` by canonical name, as the trainer reads them. */
export function withWeights(model: OpenedModel, weights: Weights): OpenedModel {
  const tensors = new Map<string, TensorEntry>()
  const parts: Float32Array[] = []
  let offset = 0
  for (const [name, shape] of expectedTensors(model.config)) {
    const values = weights.get(name)
    const size = shape.reduce((product, length) => product * length, 1)
    if (values?.length !== size) throw new RangeError(`${name} is missing or of another size.`)
    tensors.set(name, { name, dtype: 'F32', shape, source: 0, offset, byteLength: size * 4 })
    parts.push(values)
    offset += size * 4
  }
  const bytes = new Uint8Array(offset)
  let at = 0
  for (const part of parts) {
    bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at)
    at += part.byteLength
  }
  return { ...model, tensors, sources: [createMemorySource(model.config.name, bytes)] }
}
