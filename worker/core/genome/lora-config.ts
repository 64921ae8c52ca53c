// What a LoRA adapter is: which linears it changes, at what rank and scale. Hu et al., "LoRA" (2021); rank-stabilised
// scaling from Kalajdzievski, "A rank stabilization scaling factor for fine-tuning with LoRA" (2023).

import { CentramError } from '#core/errors.ts'
import type { ModelConfig, ModelFamily } from '#core/formats/model-config.ts'

/** Canonical names of linears in a block, in the order of the forward pass. */
const TARGETS = {
  gpt2: ['attn_qkv', 'attn_output', 'ffn_up', 'ffn_down'],
  llama: ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'],
} as const

export type LoraTarget = (typeof TARGETS)[keyof typeof TARGETS][number]

export interface LoraConfig {
  readonly targets: readonly LoraTarget[]
  readonly rank: number
  readonly alpha: number
  /** Scale alpha / √rank instead of alpha / rank. */
  readonly rankStabilised: boolean
}

export const MAX_RANK = 512

/** Every linear that a block of the family has. */
export function targetsOf(family: ModelFamily): readonly LoraTarget[] {
  return TARGETS[family === 'gpt2' ? 'gpt2' : 'llama']
}

/** What B·A is multiplied by. */
export function loraScale({ rank, alpha, rankStabilised }: Omit<LoraConfig, 'targets'>): number {
  return alpha / (rankStabilised ? Math.sqrt(rank) : rank)
}

/** One linear: `[outputs, inputs]` of its weight. A is `[rank, inputs]`, B is `[outputs, rank]`. */
export interface TargetShape {
  readonly inputs: number
  readonly outputs: number
}

export function targetShape(config: ModelConfig, target: LoraTarget): TargetShape {
  const { width, ffnWidth, heads, kvHeads, headDim } = config
  switch (target) {
    case 'attn_qkv':
      return { inputs: width, outputs: (heads + 2 * kvHeads) * headDim }
    case 'attn_q':
      return { inputs: width, outputs: heads * headDim }
    case 'attn_k':
    case 'attn_v':
      return { inputs: width, outputs: kvHeads * headDim }
    case 'attn_output':
      return { inputs: heads * headDim, outputs: width }
    case 'ffn_gate':
    case 'ffn_up':
      return { inputs: width, outputs: ffnWidth }
    case 'ffn_down':
      return { inputs: ffnWidth, outputs: width }
  }
}

/** The adapted linear of every layer: `blk.0.attn_q`, layer by layer in the order of the forward pass. */
export function adaptedModules(config: ModelConfig, targets: readonly LoraTarget[]): string[] {
  const ordered = targetsOf(config.family).filter((target) => targets.includes(target))
  return Array.from({ length: config.layers }, (_, layer) => ordered.map((target) => moduleName(layer, target))).flat()
}

export const moduleName = (layer: number, target: LoraTarget): string => `blk.${layer}.${target}`

/** The layer and target of a module's name. Throws `BAD_ARGUMENT`. */
export function parseModuleName(
  family: ModelFamily,
  name: string,
): { readonly layer: number; readonly target: LoraTarget } {
  const [, layer, rest] = /^blk\.(0|[1-9][0-9]{0,3})\.([a-z_]+)$/.exec(name) ?? []
  const target = targetsOf(family).find((known) => known === rest)
  if (layer === undefined || target === undefined) {
    throw new CentramError('BAD_ARGUMENT', `"${name.slice(0, 80)}" is no linear of a ${family} model.`)
  }
  return { layer: Number(layer), target }
}

/** Trainable numbers of an adapter. */
export function parameterCount(config: ModelConfig, { targets, rank }: Pick<LoraConfig, 'targets' | 'rank'>): number {
  const perLayer = targets
    .map((target) => targetShape(config, target))
    .reduce((sum, { inputs, outputs }) => sum + rank * (inputs + outputs), 0)
  return perLayer * config.layers
}

/** Throws `BAD_ARGUMENT` for a configuration that this model cannot have. */
export function checkLoraConfig(config: ModelConfig, lora: LoraConfig): void {
  const known = targetsOf(config.family)
  const unknown = lora.targets.find((target) => !known.includes(target))
  const sizes = lora.targets.map((target) => targetShape(config, target))
  const smallest = Math.min(...sizes.flatMap(({ inputs, outputs }) => [inputs, outputs]))
  const problem =
    lora.targets.length === 0
      ? 'no linear was chosen'
      : unknown !== undefined
        ? `a ${config.family} model has no "${unknown}"; it has ${known.join(', ')}`
        : new Set(lora.targets).size !== lora.targets.length
          ? 'a linear was chosen twice'
          : !Number.isInteger(lora.rank) || lora.rank < 1 || lora.rank > Math.min(MAX_RANK, smallest)
            ? `the rank ${lora.rank} is not between 1 and ${Math.min(MAX_RANK, smallest)}`
            : !(lora.alpha > 0 && Number.isFinite(lora.alpha))
              ? `alpha ${lora.alpha} is not a positive number`
              : undefined
  if (problem !== undefined) throw new CentramError('BAD_ARGUMENT', `The adapter cannot be made: ${problem}.`)
}
