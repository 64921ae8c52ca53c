// What is trained: each parameter with its gradient and optimiser state, in the layout the kernels share. Outside this
// file they are row-major and by name.

import { CentramError } from '#core/errors.ts'
import type { GpuContext } from '../gpu/context.ts'
import { createTensor, createTensorFrom, destroyTensor, writeTensor, type Tensor } from '../gpu/tensor.ts'
import { createTrainableMatrix, packMatrix, unpackMatrix, type TrainableMatrix } from '../gpu/trainable-matrix.ts'

export interface Parameter {
  readonly name: string
  /** As a person counts them: padding is no part of it. */
  readonly elements: number
  /** Matrices decay towards zero; norms and biases do not. */
  readonly decays: boolean
  readonly values: Tensor
  readonly gradient: Tensor
  readonly firstMoment: Tensor
  readonly secondMoment: Tensor
  /** Row-major values in the layout of the tensors; padding is zero. */
  pack(values: Float32Array): Float32Array<ArrayBuffer>
  unpack(packed: Float32Array): Float32Array<ArrayBuffer>
}

export interface TrainedMatrix {
  readonly parameter: Parameter
  readonly weight: TrainableMatrix
}

export interface Parameters {
  /** In the order they were added. */
  readonly list: readonly Parameter[]
  /**
   * `values` is row-major `[rows, columns]`; `paddedRows` rows are allocated, those added zero. A frozen matrix has no
   * parameter.
   */
  matrix(name: string, rows: number, columns: number, values: Float32Array, paddedRows?: number): Promise<TrainedMatrix>
  frozenMatrix(name: string, rows: number, columns: number, values: Float32Array): Promise<TrainableMatrix>
  vector(name: string, values: Float32Array): Promise<Parameter>
  readonly bytes: number
  dispose(): void
}

export function createParameters(gpu: GpuContext): Parameters {
  const list: Parameter[] = []
  const owned: { bytes: number; dispose(): void }[] = []
  const own = (tensor: Tensor) => {
    owned.push({ bytes: tensor.bytes, dispose: () => destroyTensor(gpu, tensor) })
    return tensor
  }
  const ownMatrix = async (name: string, rows: number, columns: number, values: Float32Array) => {
    const weight = await createTrainableMatrix(gpu, name, rows, columns, values)
    owned.push({ bytes: weight.matrix.bytes, dispose: () => weight.matrix.dispose() })
    return weight
  }
  const add = async (part: Omit<Parameter, 'gradient' | 'firstMoment' | 'secondMoment'>): Promise<Parameter> => {
    if (list.some(({ name }) => name === part.name)) {
      throw new CentramError('INTERNAL', `${part.name} is trained twice.`)
    }
    const { elements } = part.values
    const parameter = {
      ...part,
      gradient: own(await createTensor(gpu, `${part.name} gradient`, elements)),
      firstMoment: own(await createTensor(gpu, `${part.name} first moment`, elements)),
      secondMoment: own(await createTensor(gpu, `${part.name} second moment`, elements)),
    }
    list.push(parameter)
    return parameter
  }

  return {
    list,
    async matrix(name, rows, columns, values, paddedRows = rows) {
      const pad = (source: Float32Array) => {
        const padded = new Float32Array(paddedRows * columns)
        padded.set(source)
        return padded
      }
      const weight = await ownMatrix(name, paddedRows, columns, pad(values))
      const parameter = await add({
        name,
        elements: rows * columns,
        decays: true,
        values: weight.values,
        pack: (source) => packMatrix(pad(source), paddedRows, columns),
        unpack: (packed) => unpackMatrix(packed, paddedRows, columns).slice(0, rows * columns),
      })
      return { parameter, weight }
    },
    frozenMatrix: ownMatrix,
    async vector(name, values) {
      const tensor = own(await createTensorFrom(gpu, name, values))
      return add({
        name,
        elements: values.length,
        decays: false,
        values: tensor,
        pack: (source) => new Float32Array(source),
        unpack: (packed) => packed.slice(0, values.length),
      })
    },
    get bytes() {
      return owned.reduce((sum, part) => sum + part.bytes, 0)
    },
    dispose() {
      for (const part of owned.splice(0)) part.dispose()
    },
  }
}

/** Overwrites a parameter's values, gradient or moments with row-major ones. */
export function writeParameter(gpu: GpuContext, parameter: Parameter, tensor: Tensor, values: Float32Array): void {
  if (values.length !== parameter.elements) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `${parameter.name} has ${parameter.elements} elements, and ${values.length} were handed over.`,
    )
  }
  writeTensor(gpu, tensor, parameter.pack(values))
}
