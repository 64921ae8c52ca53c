// What an adapter changes on text: the loss of each sequence without it and with it, by the trainer's own forward pass.

import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { Adapter } from '#core/genome/adapter.ts'
import type { PairedLoss } from '#core/genome/bootstrap.ts'
import { joinSequences, type MicroBatch } from '#core/training/micro-batches.ts'
import type { PackedSequence } from '#core/training/pack-sequences.ts'
import type { GpuContext } from '../gpu/context.ts'
import type { KernelProfile } from '../gpu/profile.ts'
import { writeParameter } from './parameters.ts'
import { createTrainingGraph } from './training-graph.ts'

export interface MeasureOptions {
  readonly profile: KernelProfile
  readonly adapter: Adapter
  readonly sequences: readonly PackedSequence[]
  readonly signal?: AbortSignal
}

/** Sequence by sequence, each alone: what one loses does not depend on which others are measured. */
export async function measureAdapter(
  gpu: GpuContext,
  model: OpenedModel,
  { profile, adapter, sequences, signal }: MeasureOptions,
): Promise<PairedLoss[]> {
  const columns = Math.max(...sequences.map(({ tokens }) => tokens.length))
  const graph = await createTrainingGraph(gpu, model, {
    profile,
    trained: { kind: 'lora', adapter, dropout: 0 },
    columns,
    ...(signal && { signal }),
  })
  try {
    const batches = sequences.flatMap((sequence) => joinSequences([sequence], columns))
    const lossesOf = async (): Promise<number[]> => {
      const losses: number[] = []
      for (const batch of batches) {
        signal?.throwIfAborted()
        losses.push(await graph.evaluate({ ...batch, lossScale: 0 }))
      }
      return losses
    }
    const after = await lossesOf()
    // Without its second factor an adapter adds nothing: the rest of the model is the same, bit for bit.
    for (const parameter of graph.parameters.list) {
      writeParameter(gpu, parameter, parameter.values, new Float32Array(parameter.elements))
    }
    const before = await lossesOf()
    return batches.map(({ counted }: MicroBatch, i) => ({
      before: before[i] as number,
      after: after[i] as number,
      tokens: counted,
    }))
  } finally {
    graph.dispose()
  }
}
