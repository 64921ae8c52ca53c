// A LoRA adapter in memory: a pair of matrices for every linear it changes, by canonical module name, always in Hugging
// Face's row order, whatever file the base model came from.

import { CentramError } from '#core/errors.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import {
  adaptedModules,
  checkLoraConfig,
  parseModuleName,
  targetShape,
  type LoraConfig,
} from '#core/genome/lora-config.ts'
import { drawUniform } from '#core/training/random-streams.ts'

export interface LoraPair {
  /** `[rank, inputs]` */
  readonly a: Float32Array<ArrayBuffer>
  /** `[outputs, rank]` */
  readonly b: Float32Array<ArrayBuffer>
}

export interface Adapter {
  readonly lora: LoraConfig
  /** By module, such as `blk.0.attn_q`: every target in every layer. */
  readonly modules: ReadonlyMap<string, LoraPair>
}

/**
 * An adapter that changes nothing yet: B is zero, and A uniform within ±1/√inputs, which is what PyTorch's
 * `kaiming_uniform_(a=√5)`, PEFT's choice, comes to.
 */
export function createAdapter(config: ModelConfig, lora: LoraConfig, seed: number): Adapter {
  checkLoraConfig(config, lora)
  const modules = adaptedModules(config, lora.targets).map((name, part): [string, LoraPair] => {
    const { inputs, outputs } = targetShape(config, parseModuleName(config.family, name).target)
    const bound = 1 / Math.sqrt(inputs)
    const a = new Float32Array(lora.rank * inputs)
    for (let i = 0; i < a.length; i++) a[i] = (2 * drawUniform(seed, 'initial', i, part) - 1) * bound
    return [name, { a, b: new Float32Array(outputs * lora.rank) }]
  })
  return { lora, modules: new Map(modules) }
}

/** Throws `MODEL_MISMATCH` naming the first linear that does not fit `config`, or a value that is no number. */
export function checkAdapter(config: ModelConfig, adapter: Adapter): void {
  const { lora, modules } = adapter
  checkLoraConfig(config, lora)
  const expected = new Set(adaptedModules(config, lora.targets))
  const missing = [...expected].find((name) => !modules.has(name))
  const unknown = [...modules.keys()].find((name) => !expected.has(name))
  if (missing !== undefined || unknown !== undefined) {
    throw mismatch(
      missing !== undefined
        ? `it lacks ${missing}, which this model of ${config.layers} layers has`
        : `it changes ${unknown?.slice(0, 80)}, which this model of ${config.layers} layers lacks or it does not list`,
    )
  }
  for (const [name, { a, b }] of modules) {
    const { inputs, outputs } = targetShape(config, parseModuleName(config.family, name).target)
    if (a.length !== lora.rank * inputs || b.length !== outputs * lora.rank) {
      throw mismatch(
        `${name} is ${b.length / lora.rank} x ${a.length / lora.rank} at rank ${lora.rank}, but ${outputs} x ${inputs} in this model`,
      )
    }
    if (!a.every(Number.isFinite) || !b.every(Number.isFinite)) {
      throw new CentramError('FORMAT_INVALID', `The adapter's ${name} holds values that are no finite numbers.`)
    }
  }
}

function mismatch(problem: string): CentramError {
  return new CentramError(
    'MODEL_MISMATCH',
    `The adapter does not fit this model: ${problem}. Use it with the model it was trained on.`,
  )
}
