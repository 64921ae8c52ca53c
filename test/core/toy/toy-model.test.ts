// The built-in model's first weights and its file.

import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { dequantise } from '#core/numeric/dequantise.ts'
import { encodeToyWeights, initialToyWeights, openToy, toyConfig } from '#core/toy/toy-model.ts'

const deviationOf = (values: Float32Array) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length)

test('begins as GPT-2 does, the same from a seed and another from the next', () => {
  const weights = initialToyWeights(1)
  const of = (name: string) => weights.get(name) as Float32Array
  expect([...weights.values()].reduce((sum, { length }) => sum + length, 0)).toBe(842_496)
  expect(deviationOf(of('blk.0.ffn_up.weight'))).toBeCloseTo(0.02, 3)
  expect(deviationOf(of('blk.3.ffn_down.weight'))).toBeCloseTo(0.02 / Math.sqrt(8), 3)
  expect(deviationOf(of('token_embd.weight'))).toBeCloseTo(0.02, 3)
  expect(new Set(of('blk.1.attn_norm.weight'))).toEqual(new Set([1]))
  expect(new Set(of('blk.1.attn_qkv.bias'))).toEqual(new Set([0]))
  expect(initialToyWeights(1).get('position_embd.weight')).toEqual(of('position_embd.weight'))
  expect(initialToyWeights(2).get('position_embd.weight')).not.toEqual(of('position_embd.weight'))
})

test('a written file opens with every weight where the model looks for it', async () => {
  const weights = initialToyWeights(3)
  const model = await openToy(encodeToyWeights(weights, 'F32'))
  expect([...model.tensors.keys()].sort()).toEqual([...weights.keys()].sort())
  for (const [name, values] of weights) {
    const entry = model.tensors.get(name)
    const source = entry && model.sources[entry.source]
    if (!entry || !source) throw new Error(`${name} is missing`)
    const stored = new Float32Array((await source.read(entry.offset, entry.byteLength)).buffer)
    const [out = 0, inner = 1] = entry.shape
    expect(out * inner).toBe(values.length)
    const at = (row: number, column: number) => (entry.transposed ? column * out + row : row * inner + column)
    for (const [row, column] of [
      [0, 0],
      [1, inner - 1],
      [out - 1, inner >> 1],
    ] as const) {
      expect(stored[at(row, column)]).toBe(values[row * inner + column])
    }
  }
})

test('F16 rounds to the nearest half, and another training has another fingerprint', async () => {
  const weights = initialToyWeights(3)
  const model = await openToy(encodeToyWeights(weights, 'F16'))
  const entry = model.tensors.get('position_embd.weight')
  const source = entry && model.sources[entry.source]
  if (!entry || !source) throw new Error('no position_embd.weight')
  const stored = new Float32Array(dequantise('F16', await source.read(entry.offset, entry.byteLength)))
  const values = weights.get('position_embd.weight') as Float32Array
  // Half a unit in the last of 11 binary digits; below 2^-14 the units stop shrinking.
  const beyond = values.map((v, i) => Math.abs((stored[i] as number) - v) - Math.max(Math.abs(v), 2 ** -14) * 2 ** -11)
  expect(Math.max(...beyond)).toBeLessThanOrEqual(0)
  expect(stored).not.toEqual(values)
  const other = await openToy(encodeToyWeights(initialToyWeights(4), 'F16'))
  expect(other.fingerprint).not.toBe(model.fingerprint)
})

test('writes the configuration that ships', async () => {
  const path = new URL('../../../web/public/models/toy/config.json', import.meta.url)
  const shipped: unknown = JSON.parse(await readFile(path, 'utf8'))
  expect(JSON.parse(new TextDecoder().decode(toyConfig()))).toEqual(shipped)
})
