// The low-rank term of a linear layer (Hu et al. 2021, arXiv:2106.09685): `output += scale · B · A · dropout(input)`, with the
// gradients of A, B and the input. Several outputs may share one A: the parts of a fused projection.

import { CentramError } from '#core/errors.ts'
import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { KernelProfile } from '../profile.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { createTrainableMatrix, paddedColumns, type TrainableMatrix } from '../trainable-matrix.ts'
import { createDropout, type DrawBuffer } from './dropout.ts'
import { createLinearInputGradient } from './linear-input-gradient.ts'
import { createLinearWeightGradient, weightGradientScratch } from './linear-weight-gradient.ts'
import { createLinearNarrow, createLinearNarrowInputGradient } from './linear-narrow.ts'
import { createScale } from './scale.ts'

export interface LoraShape {
  /** Inputs, a multiple of 4. */
  readonly width: number
  readonly rank: number
  /** Rows of each B. */
  readonly outputs: readonly number[]
  /** Most columns of a step. */
  readonly columns: number
  /** alpha / rank, or alpha / sqrt(rank) (rsLoRA, arXiv:2312.03732). */
  readonly scale: number
  /** On the input of A; `stream` is a number of its own for each layer. */
  readonly dropout?: { readonly rate: number; readonly stream: number }
}

export interface LoraMatrices {
  /** `[rank padded to 4, width]`; the added rows are zero and stay so. */
  readonly a: TrainableMatrix
  /** `[outputs[i], rank]` each. */
  readonly b: readonly TrainableMatrix[]
}

interface LoraBuffers extends LoraMatrices {
  readonly step: StepBuffer
  /** `[columns, width]` */
  readonly input: Tensor
  /** `[columns, paddedColumns(rank)]`: scale · A · input, kept from the forward to the backward. */
  readonly low: Tensor
  /** With dropout: which masks, and `[columns, width]` of scratch. */
  readonly draw?: DrawBuffer
  readonly dropped?: Tensor
}

export interface LoraLinear {
  /** Adds to each of `outputs`, `[columns, outputs[i]]`. */
  forward(buffers: LoraBuffers & { readonly outputs: readonly Tensor[] }): Dispatch[]
  /** Adds to every gradient given. */
  backward(
    buffers: LoraBuffers & {
      readonly outputGradients: readonly Tensor[]
      /** `[columns, paddedColumns(rank)]`, scratch. */
      readonly lowGradient: Tensor
      /** Absent where A is frozen. */
      readonly aGradient?: Tensor
      readonly bGradients: readonly Tensor[]
      /** Absent where nothing below is trained. */
      readonly inputGradient?: Tensor
      /** `loraScratch(shape)` elements. */
      readonly scratch: Tensor
    },
  ): Dispatch[]
}

/** Row-major `[rank, width]` and `[outputs[i], rank]`, as adapters store them. */
export async function createLoraMatrices(
  gpu: GpuContext,
  label: string,
  { width, rank, outputs }: Pick<LoraShape, 'width' | 'rank' | 'outputs'>,
  values?: { readonly a: Float32Array; readonly b: readonly Float32Array[] },
): Promise<LoraMatrices> {
  const a = new Float32Array(paddedColumns(rank) * width)
  if (values) a.set(values.a)
  return {
    a: await createTrainableMatrix(gpu, `${label} A`, paddedColumns(rank), width, a),
    b: await Promise.all(
      outputs.map((rows, index) => createTrainableMatrix(gpu, `${label} B`, rows, rank, values?.b[index])),
    ),
  }
}

export function loraScratch({ width, rank, outputs, columns }: LoraShape): number {
  const low = paddedColumns(rank)
  const sizes = outputs.map((rows) => weightGradientScratch({ rows, width: low, columns }))
  return Math.max(weightGradientScratch({ rows: low, width, columns }), ...sizes)
}

export async function createLoraLinear(gpu: GpuContext, profile: KernelProfile, shape: LoraShape): Promise<LoraLinear> {
  const { width, rank, outputs, columns, scale, dropout } = shape
  const low = paddedColumns(rank)
  const weightGradientOf = (rows: number, inputs: number) =>
    createLinearWeightGradient(gpu, profile, { rows, width: inputs, columns, accumulate: true })
  const [down, up, scaled, toLow, addToLow, toInput, aSum, ...bSums] = await Promise.all([
    createLinearNarrow(gpu, { columns }),
    createLinearNarrow(gpu, { columns, accumulate: true }),
    createScale(gpu, scale),
    createLinearNarrowInputGradient(gpu, { columns }),
    createLinearNarrowInputGradient(gpu, { columns, accumulate: true }),
    createLinearInputGradient(gpu, profile, { dtype: 'F32', columns, accumulate: !dropout }),
    weightGradientOf(low, width),
    ...outputs.map((rows) => weightGradientOf(rows, low)),
  ])
  const masks = dropout && {
    forward: await createDropout(gpu, { ...dropout, width, columns }),
    backward: await createDropout(gpu, { ...dropout, width, columns, accumulate: true }),
  }

  /** What A reads, and the dispatches that make it. */
  function dropInput({ step, input, draw, dropped }: LoraBuffers): { read: Tensor; dispatches: Dispatch[] } {
    if (!masks) return { read: input, dispatches: [] }
    if (!draw || !dropped) throw new CentramError('INTERNAL', 'lora-linear: dropout needs a draw and a buffer.')
    return { read: dropped, dispatches: [masks.forward.dispatch({ step, draw, input, output: dropped })] }
  }

  return {
    forward(buffers) {
      const { step, a, b, low } = buffers
      const { read, dispatches } = dropInput(buffers)
      return [
        ...dispatches,
        down.dispatch({ step, matrix: a, input: read, output: low }),
        ...(scale === 1 ? [] : [scaled.dispatch({ data: low })]),
        ...b.map((matrix, index) =>
          up.dispatch({ step, matrix, input: low, output: buffers.outputs[index] as Tensor }),
        ),
      ]
    },
    backward(buffers) {
      const { step, a, b, low, lowGradient, aGradient, inputGradient, outputGradients, bGradients, scratch } = buffers
      const list: Dispatch[] = []
      for (const [index, matrix] of b.entries()) {
        const outputGradient = outputGradients[index] as Tensor
        const weightGradient = bGradients[index] as Tensor
        const sum = bSums[index] as (typeof bSums)[number]
        const lower = index === 0 ? toLow : addToLow
        list.push(
          ...sum.dispatch({ step, matrix, input: low, outputGradient, weightGradient, scratch }),
          lower.dispatch({ step, matrix, outputGradient, inputGradient: lowGradient }),
        )
      }
      if (scale !== 1) list.push(scaled.dispatch({ data: lowGradient }))
      if (aGradient) {
        const { read, dispatches } = dropInput(buffers)
        const tensors = { input: read, outputGradient: lowGradient, weightGradient: aGradient, scratch }
        list.push(...dispatches, ...aSum.dispatch({ step, matrix: a, ...tensors }))
      }
      if (!inputGradient) return list
      const target = masks ? buffers.dropped : inputGradient
      const { draw } = buffers
      if (!target) throw new CentramError('INTERNAL', 'lora-linear: dropout needs a buffer.')
      list.push(
        ...toInput.dispatch({ step, matrix: a.matrix, outputGradient: lowGradient, inputGradient: target }),
        ...(masks && draw ? [masks.backward.dispatch({ step, draw, input: target, output: inputGradient })] : []),
      )
      return list
    },
  }
}
