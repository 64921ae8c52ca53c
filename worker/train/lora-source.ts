// The adapter under training: its pairs on the GPU as parameters, by module.

import { CentramError } from '#core/errors.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import type { Adapter, LoraPair } from '#core/genome/adapter.ts'
import { loraScale, parseModuleName, targetShape, type LoraConfig } from '#core/genome/lora-config.ts'
import { rotatedRows } from '../model/rotated-rows.ts'
import { createTensor, destroyTensor, type Tensor } from '../gpu/tensor.ts'
import type { GpuContext } from '../gpu/context.ts'
import { paddedColumns, type TrainableMatrix } from '../gpu/trainable-matrix.ts'
import type { Parameter, Parameters } from './parameters.ts'

export interface LoraModule {
  readonly a: TrainableMatrix
  /** One for each part of a fused linear. */
  readonly b: readonly TrainableMatrix[]
  /** Absent where A is frozen. */
  readonly aGradient?: Tensor
  readonly bGradients: readonly Tensor[]
  /** `[columns, padded rank]`: kept from a layer's forward to its backward. */
  readonly low: Tensor
  readonly stream: number
}

export interface LoraSource {
  readonly rank: number
  readonly scale: number
  readonly dropout: number
  /** `[columns, padded rank]`, scratch. */
  readonly lowGradient: Tensor
  /** The pair of a linear such as `blk.0.attn_q`, its B cut into `rows`; undefined where it is not adapted. */
  module(name: string, rows: readonly number[]): Promise<LoraModule | undefined>
  readonly bytes: number
  dispose(): void
}

export interface LoraTraining {
  readonly adapter: Adapter
  /** Of the inputs of A; 0 for none. */
  readonly dropout: number
  /** Trains B only: half the parameters, and the friendlier form for private training. */
  readonly freezeA?: boolean
}

export async function createLoraSource(
  gpu: GpuContext,
  config: ModelConfig,
  parameters: Parameters,
  training: LoraTraining,
  columns: number,
): Promise<LoraSource> {
  const { adapter, dropout, freezeA = false } = training
  const { rank } = adapter.lora
  const owned: Tensor[] = []
  /** By target: layers follow one another, so that one of each is enough. */
  const lows = new Map<string, Tensor>()
  const createLow = async (label: string) => {
    const tensor = await createTensor(gpu, label, columns * paddedColumns(rank))
    owned.push(tensor)
    return tensor
  }
  const names = [...adapter.modules.keys()]

  async function load(name: string, rows: readonly number[], pair: LoraPair): Promise<LoraModule> {
    const { target } = parseModuleName(config.family, name)
    const { inputs } = targetShape(config, target)
    const bRows = rotatedRows(config, name, pair.b, rank)
    let a: TrainableMatrix
    let aGradient: Tensor | undefined
    if (freezeA) {
      const padded = new Float32Array(paddedColumns(rank) * inputs)
      padded.set(pair.a)
      a = await parameters.frozenMatrix(`${name}.lora_a`, paddedColumns(rank), inputs, padded)
    } else {
      const made = await parameters.matrix(`${name}.lora_a`, rank, inputs, pair.a, paddedColumns(rank))
      a = made.weight
      aGradient = made.parameter.gradient
    }
    const b: TrainableMatrix[] = []
    const bGradients: Tensor[] = []
    let first = 0
    for (const [index, count] of rows.entries()) {
      const part = rows.length === 1 ? '' : `:${index}`
      const values = bRows.subarray(first * rank, (first + count) * rank)
      const made = await parameters.matrix(`${name}.lora_b${part}`, count, rank, values)
      b.push(made.weight)
      bGradients.push(made.parameter.gradient)
      first += count
    }
    let low = lows.get(target)
    if (!low) {
      low = await createLow(`${target} low`)
      lows.set(target, low)
    }
    return { a, b, ...(aGradient && { aGradient }), bGradients, low, stream: names.indexOf(name) }
  }

  return {
    rank,
    scale: loraScale(adapter.lora),
    dropout,
    lowGradient: await createLow('low gradient'),
    async module(name, rows) {
      const pair = adapter.modules.get(name)
      return pair && load(name, rows, pair)
    },
    get bytes() {
      return owned.reduce((sum, { bytes }) => sum + bytes, 0)
    },
    dispose() {
      for (const tensor of owned.splice(0)) destroyTensor(gpu, tensor)
    },
  }
}

/** What was read of the parameters, with B in Hugging Face's row order. */
export function inAdapterOrder(
  config: ModelConfig,
  { lora }: Pick<Adapter, 'lora'>,
  values: ReadonlyMap<string, Float32Array>,
): Map<string, Float32Array<ArrayBuffer>> {
  return new Map(
    [...values].map(([name, part]) => {
      const module = name.replace(/\.lora_b$/, '')
      const rows = module === name ? part : rotatedRows(config, module, part, lora.rank, 'back')
      return [name, new Float32Array(rows)]
    }),
  )
}

/** The way back: B of each module, in Hugging Face's row order, as the parameters hold it, cut into their parts. */
export function inParameterOrder(
  config: ModelConfig,
  { lora }: Pick<Adapter, 'lora'>,
  b: ReadonlyMap<string, Float32Array>,
  parameters: readonly Pick<Parameter, 'name' | 'elements'>[],
): Map<string, Float32Array> {
  const taken = new Map<string, number>()
  return new Map(
    parameters.map(({ name, elements }) => {
      const module = name.replace(/\.lora_b(:\d+)?$/, '')
      const values = b.get(module)
      if (!values) throw new CentramError('INTERNAL', `There is nothing to write to ${name}.`)
      const from = taken.get(module) ?? 0
      taken.set(module, from + elements)
      return [name, rotatedRows(config, module, values, lora.rank).subarray(from, from + elements)]
    }),
  )
}

/** The adapter that parameters named as above hold. */
export function adapterOf(
  config: ModelConfig,
  initial: Adapter,
  read: ReadonlyMap<string, Float32Array>,
): { lora: LoraConfig; modules: Map<string, LoraPair> } {
  const values = inAdapterOrder(config, initial, read)
  const modules = new Map<string, LoraPair>()
  for (const [name, pair] of initial.modules) {
    const b = values.get(`${name}.lora_b`)
    if (!b) throw new CentramError('INTERNAL', `${name} was not trained.`)
    modules.set(name, { a: values.get(`${name}.lora_a`) ?? pair.a, b })
  }
  return { lora: initial.lora, modules }
}
