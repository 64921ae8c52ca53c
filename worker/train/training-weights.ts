// The base model's weights as training sees them: frozen in the element type of their file, or, for full-parameter
// training, each one a parameter in f32.

import { CentramError } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { dequantise } from '#core/numeric/dequantise.ts'
import type { GpuMatrix } from '../gpu/matrix.ts'
import type { Tensor } from '../gpu/tensor.ts'
import type { TrainableMatrix } from '../gpu/trainable-matrix.ts'
import type { Weights } from '../model/weights.ts'
import type { Parameters } from './parameters.ts'

export interface TrainingMatrix {
  readonly matrix: GpuMatrix
  /** Absent for a frozen one. */
  readonly trained?: { readonly weight: TrainableMatrix; readonly gradient: Tensor }
}

export interface TrainingVector {
  readonly tensor: Tensor
  readonly gradient?: Tensor
}

export interface TrainingWeights {
  /** Whether the weights themselves are trained. */
  readonly trained: boolean
  has(name: string): boolean
  /** One stored matrix, cut by output rows where `rows` is given. Asked for twice, it is the same one. */
  matrices(name: string, rows?: readonly number[]): Promise<TrainingMatrix[]>
  vectors(name: string, sizes?: readonly number[]): Promise<TrainingVector[]>
}

export function frozenWeights(weights: Weights): TrainingWeights {
  return {
    trained: false,
    has: (name) => weights.has(name),
    async matrices(name, rows) {
      const found = rows ? await weights.matrixParts(name, rows) : [await weights.matrix(name)]
      return found.map((matrix) => ({ matrix }))
    },
    async vectors(name, sizes) {
      const found = sizes ? await weights.vectorParts(name, sizes) : [await weights.vector(name)]
      return found.map((tensor) => ({ tensor }))
    },
  }
}

/** Throws `MODEL_UNSUPPORTED` for a quantised model: rounding every step back to blocks would lose what was learned. */
export function trainedWeights(model: OpenedModel, parameters: Parameters): TrainingWeights {
  const made = new Map<string, Promise<TrainingMatrix[]>>()
  return {
    trained: true,
    has: (name) => model.tensors.has(name),
    matrices(name, rows) {
      let found = made.get(name)
      if (!found) {
        found = loadMatrices(model, parameters, name, rows)
        made.set(name, found)
      }
      return found
    },
    async vectors(name, sizes) {
      const values = await readTensorValues(model, name)
      const vectors: TrainingVector[] = []
      for (const { part, from, to } of cutParts(sizes ?? [values.length])) {
        const parameter = await parameters.vector(`${name}${part}`, values.subarray(from, to))
        vectors.push({ tensor: parameter.values, gradient: parameter.gradient })
      }
      return vectors
    },
  }
}

async function loadMatrices(
  model: OpenedModel,
  parameters: Parameters,
  name: string,
  rows?: readonly number[],
): Promise<TrainingMatrix[]> {
  const values = await readTensorValues(model, name)
  const [out = 0, inner = 0] = model.tensors.get(name)?.shape ?? []
  const matrices: TrainingMatrix[] = []
  for (const { part, from, to } of cutParts(rows ?? [out])) {
    const stretch = values.subarray(from * inner, to * inner)
    const { parameter, weight } = await parameters.matrix(`${name}${part}`, to - from, inner, stretch)
    matrices.push({ matrix: weight.matrix, trained: { weight, gradient: parameter.gradient } })
  }
  return matrices
}

/** Parts of a tensor that is cut are named `NAME:0`, `NAME:1` …; `joinParts` puts them together again. */
function cutParts(sizes: readonly number[]): { part: string; from: number; to: number }[] {
  let from = 0
  return sizes.map((size, index) => {
    const cut = { part: sizes.length === 1 ? '' : `:${index}`, from, to: from + size }
    from += size
    return cut
  })
}

export function joinParts(values: ReadonlyMap<string, Float32Array>): Map<string, Float32Array<ArrayBuffer>> {
  const joined = new Map<string, Float32Array<ArrayBuffer>>()
  for (const [name, part] of values) {
    const whole = name.replace(/:\d+$/, '')
    joined.set(whole, appended(joined.get(whole), part))
  }
  return joined
}

function appended(first: Float32Array | undefined, second: Float32Array): Float32Array<ArrayBuffer> {
  const whole = new Float32Array((first?.length ?? 0) + second.length)
  if (first) whole.set(first)
  whole.set(second, first?.length ?? 0)
  return whole
}

/** A stored tensor as row-major f32, `[out, in]` also where the file has it the other way round. */
export async function readTensorValues(model: OpenedModel, name: string): Promise<Float32Array<ArrayBuffer>> {
  const entry = model.tensors.get(name)
  const source = entry && model.sources[entry.source]
  if (!entry || !source) throw new CentramError('INTERNAL', `The model has no tensor "${name}".`)
  if (entry.dtype !== 'F32' && entry.dtype !== 'F16' && entry.dtype !== 'BF16') {
    throw new CentramError(
      'MODEL_UNSUPPORTED',
      `All weights of a quantised model (${name} is ${entry.dtype}) cannot be trained. Train an adapter instead.`,
    )
  }
  const values = new Float32Array(dequantise(entry.dtype, await source.read(entry.offset, entry.byteLength)))
  if (!entry.transposed) return values
  const [out = 0, inner = 0] = entry.shape
  const turned = new Float32Array(values.length)
  for (let i = 0; i < inner; i++) {
    for (let o = 0; o < out; o++) turned[o * inner + i] = values[i * out + o] as number
  }
  return turned
}
