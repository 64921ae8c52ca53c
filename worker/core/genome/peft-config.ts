// PEFT's `adapter_config.json`, read and written. What would change the arithmetic and is not done here (DoRA, biases,
// ranks by pattern …) is refused by name rather than left out. Fields: huggingface/peft, src/peft/tuners/lora/config.py.

import { CentramError } from '#core/errors.ts'
import type { ModelFamily } from '#core/formats/model-config.ts'
import { isJsonObject, type JsonObject } from '#core/formats/json-file.ts'
import { MAX_RANK, targetsOf, type LoraConfig } from '#core/genome/lora-config.ts'
import { isConv1d, peftTarget } from '#core/genome/peft-names.ts'

export interface PeftConfig extends Omit<LoraConfig, 'targets'> {
  readonly dropout: number
  /** The base model's name, as the adapter's maker wrote it. */
  readonly baseModel?: string
}

export const ADAPTER_CONFIG_FILE = 'adapter_config.json'
export const ADAPTER_WEIGHTS_FILE = 'adapter_model.safetensors'

/** Fields that must be absent, null, false, empty or the value named. */
const NEUTRAL: Readonly<Record<string, unknown>> = {
  use_dora: false,
  lora_bias: false,
  bias: 'none',
  modules_to_save: null,
  rank_pattern: null,
  alpha_pattern: null,
  layer_replication: null,
  target_parameters: null,
  trainable_token_indices: null,
  use_qalora: false,
  megatron_config: null,
  corda_config: null,
  exclude_modules: null,
  alora_invocation_tokens: null,
  arrow_config: null,
  use_bdlora: null,
}

export function readPeftConfig(name: string, json: JsonObject): PeftConfig {
  const { peft_type: type, base_model_name_or_path: base } = json
  if (type !== 'LORA') {
    throw new CentramError(
      'FORMAT_UNSUPPORTED',
      `${name}: the adapter is of the type ${quote(type)}; only LORA can be used here.`,
    )
  }
  for (const [field, neutral] of Object.entries(NEUTRAL)) {
    const value = json[field]
    if (value === neutral || isEmpty(value)) continue
    throw new CentramError(
      'FORMAT_UNSUPPORTED',
      `${name}: ${field} is ${quote(value)}, which this program cannot apply. Merge the adapter into its model with PEFT, or ` +
        'train it without.',
    )
  }
  const { r: rank, lora_alpha: alpha, lora_dropout: dropout = 0, use_rslora: rankStabilised = false } = json
  if (!Number.isInteger(rank) || (rank as number) < 1 || (rank as number) > MAX_RANK) {
    throw invalid(name, `"r" is ${quote(rank)}, not a rank between 1 and ${MAX_RANK}`)
  }
  if (typeof alpha !== 'number' || !(alpha > 0)) throw invalid(name, `"lora_alpha" is ${quote(alpha)}`)
  if (typeof dropout !== 'number' || !(dropout >= 0 && dropout < 1)) {
    throw invalid(name, `"lora_dropout" is ${quote(dropout)}`)
  }
  if (typeof rankStabilised !== 'boolean') throw invalid(name, `"use_rslora" is ${quote(rankStabilised)}`)
  return {
    rank: rank as number,
    alpha,
    dropout,
    rankStabilised,
    ...(typeof base === 'string' && { baseModel: base.slice(0, 256) }),
  }
}

export interface PeftConfigOptions {
  readonly dropout?: number
  readonly baseModel?: string
}

/** The file's text. */
export function writePeftConfig(family: ModelFamily, lora: LoraConfig, options: PeftConfigOptions = {}): string {
  const fields = {
    base_model_name_or_path: options.baseModel ?? null,
    bias: 'none',
    fan_in_fan_out: isConv1d(family),
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: lora.alpha,
    lora_dropout: options.dropout ?? 0,
    modules_to_save: null,
    peft_type: 'LORA',
    r: lora.rank,
    target_modules: targetsOf(family)
      .filter((target) => lora.targets.includes(target))
      .map((target) => peftTarget(family, target)),
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: lora.rankStabilised,
  }
  return `${JSON.stringify(fields, null, 2)}\n`
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true
  if (Array.isArray(value)) return value.length === 0
  return isJsonObject(value) && Object.keys(value).length === 0
}

function invalid(name: string, problem: string): CentramError {
  return new CentramError('FORMAT_INVALID', `${name}: ${problem}. The file is damaged or was edited; export it again.`)
}

function quote(value: unknown): string {
  return (JSON.stringify(value) ?? 'missing').slice(0, 80)
}
