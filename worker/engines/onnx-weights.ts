// The external files of a model's ONNX graph: every weight in f32, linear ones as `[in, out]`, and the tables of its rotation.

import type { ModelConfig } from '#core/formats/model-config.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { dequantise } from '#core/numeric/dequantise.ts'
import { ropeTable } from '#core/numeric/rope.ts'
import { isLinear, ROPE_TABLES } from './onnx-graph.ts'

export interface GraphWeight {
  readonly name: string
  readonly values: Float32Array
}

/** One after the other, so that a reader need not hold them all. */
export async function* readGraphWeights(
  { config, tensors, sources }: Pick<OpenedModel, 'config' | 'tensors' | 'sources'>,
  positions: number,
): AsyncGenerator<GraphWeight> {
  for (const { name, dtype, shape, source, offset, byteLength, transposed = false } of tensors.values()) {
    const stored = await sources[source]?.read(offset, byteLength)
    if (!stored) continue
    const values = dequantise(dtype, stored)
    const [out = 0, inner = 0] = shape
    if (isLinear(name) === transposed || shape.length < 2) yield { name, values }
    else yield { name, values: transposed ? transpose(values, inner, out) : transpose(values, out, inner) }
  }
  yield* rotationTables(config, positions)
}

function rotationTables({ rope }: ModelConfig, positions: number): GraphWeight[] {
  if (!rope) return []
  const table = ropeTable(rope, positions)
  return Object.values(ROPE_TABLES).map((name, part) => ({
    name,
    values: Float32Array.from({ length: table.length / 2 }, (_, index) => table[2 * index + part] ?? 0),
  }))
}

function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(values.length)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      turned[column * rows + row] = values[row * columns + column] as number
    }
  }
  return turned
}
