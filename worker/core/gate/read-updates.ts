// A genome's tensors as pairs of factors, read without its base model: shapes must fit one another here, and the base in the
// gate's fifth layer.

import { CentramError } from '#core/errors.ts'
import { createMemorySource } from '#core/formats/byte-source.ts'
import { readSafetensors, type SafetensorsEntry } from '#core/formats/safetensors.ts'
import type { AdapterDescription, AdapterUpdates } from '#core/gate/layer.ts'
import { loraScale } from '#core/genome/lora-config.ts'
import { ADAPTER_WEIGHTS_FILE } from '#core/genome/peft-config.ts'
import { readPeftTensorName } from '#core/genome/peft-names.ts'
import type { LowRankUpdate } from '#core/merge/low-rank.ts'
import { dequantise } from '#core/numeric/dequantise.ts'

interface Matrix {
  readonly rows: number
  readonly columns: number
  readonly values: Float32Array
}

/** Throws `FORMAT_INVALID`, `FORMAT_TRUNCATED` or `FORMAT_UNSUPPORTED`, naming the tensor. */
export async function readUpdates(description: AdapterDescription, tensors: Uint8Array): Promise<AdapterUpdates> {
  const source = createMemorySource(ADAPTER_WEIGHTS_FILE, tensors)
  const pairs = new Map<string, Partial<Record<'A' | 'B', Matrix>>>()
  for (const entry of (await readSafetensors(source)).entries) {
    const name = readPeftTensorName(description.family, entry.name)
    if (!name) {
      throw new CentramError(
        'FORMAT_UNSUPPORTED',
        `The tensor "${entry.name.slice(0, 128)}" is no LoRA matrix of a linear that a ${description.family} model has here.`,
      )
    }
    const pair = pairs.get(name.module) ?? {}
    if (pair[name.part]) throw invalid(`${name.module} has its matrix ${name.part} twice, under two names`)
    pair[name.part] = readMatrix(entry, tensors)
    pairs.set(name.module, pair)
  }
  if (pairs.size === 0) throw invalid('there is no tensor in the file')
  const scale = loraScale(description)
  return new Map(
    [...pairs].map(([module, { A: a, B: b }]): [string, LowRankUpdate] => {
      if (!a || !b) throw invalid(`one of the two matrices of ${module} is missing`)
      const { rank } = description
      if (a.rows !== rank || b.columns !== rank) {
        throw invalid(`${module} has the ranks ${a.rows} and ${b.columns} where ${rank} is declared`)
      }
      return [module, { rows: b.rows, columns: a.columns, rank, scale, a: a.values, b: b.values }]
    }),
  )
}

function readMatrix({ name, dtype, shape, offset, byteLength }: SafetensorsEntry, tensors: Uint8Array): Matrix {
  const [rows = 0, columns = 0] = shape
  if (shape.length !== 2 || rows === 0 || columns === 0) {
    throw invalid(`the tensor "${name}" of shape [${shape.join(', ')}] is no matrix`)
  }
  if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
    throw new CentramError(
      'FORMAT_UNSUPPORTED',
      `The tensor "${name}" is of the type ${dtype}; F32, F16 and BF16 are taken.`,
    )
  }
  return { rows, columns, values: dequantise(dtype, tensors.slice(offset, offset + byteLength)) }
}

function invalid(problem: string): CentramError {
  return new CentramError('FORMAT_INVALID', `The adapter's tensors were refused: ${problem}.`)
}
