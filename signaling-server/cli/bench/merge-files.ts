// The files that the merge benchmark works on: a base and parents that differ from it a little, made from a seed.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSafetensorsWriter, layOutSafetensors } from '#core/formats/safetensors-writer.ts'
import { encodeFloats } from '#core/merge/tensor-set.ts'

export const MERGE_PARENTS = 3

/** Matrices and norms of a small transformer: in all about 1.6 million elements. */
const SHAPES: readonly (readonly number[])[] = [[512, 512], [512, 512], [1024, 512], [512, 1024], [512]]

export interface MergeFiles {
  readonly base: string
  readonly parents: readonly string[]
  /** Of one file. */
  readonly bytes: number
}

export async function writeMergeFiles(folder: string, dtype: 'F32' | 'BF16'): Promise<MergeFiles> {
  const layout = layOutSafetensors(SHAPES.map((shape, i) => ({ name: `model.layers.${i}.weight`, dtype, shape })))
  const values = layout.entries.map(({ shape }) => new Float32Array(shape.reduce((a, b) => a * b, 1)))
  const normal = createNormal(1)
  for (const tensor of values) for (let i = 0; i < tensor.length; i++) tensor[i] = 0.05 * normal()
  const write = async (name: string, tensors: readonly Float32Array[]) => {
    const path = join(folder, `${name}.safetensors`)
    const chunks: Uint8Array[] = []
    const writer = await createSafetensorsWriter(layout, (bytes) => {
      chunks.push(bytes)
      return Promise.resolve()
    })
    for (const [i, { name: tensor }] of layout.entries.entries()) {
      await writer.write(tensor, encodeFloats(tensors[i]!, dtype))
    }
    writer.finish()
    await writeFile(path, chunks)
    return path
  }
  const base = await write('base', values)
  const parents: string[] = []
  for (let parent = 0; parent < MERGE_PARENTS; parent++) {
    const changed = values.map((tensor) => tensor.map((value) => value + 0.005 * normal()))
    parents.push(await write(`parent-${parent}`, changed))
  }
  return { base, parents, bytes: layout.size }
}

/** Near enough to normal: the sum of four uniform draws, of unit variance. */
function createNormal(seed: number): () => number {
  let state = seed
  const draw = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32 - 0.5
  }
  return () => (draw() + draw() + draw() + draw()) * Math.sqrt(3)
}
