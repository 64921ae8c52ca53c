// The CPU references against gguf-py and PyTorch (test/vectors/numeric/make-vectors.py).

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { argMax } from '#core/numeric/arg-max.ts'
import { attention } from '#core/numeric/attention.ts'
import { dequantise } from '#core/numeric/dequantise.ts'
import { gatherRows } from '#core/numeric/embedding.ts'
import { gelu } from '#core/numeric/gelu.ts'
import { layerNorm } from '#core/numeric/layer-norm.ts'
import { multiply } from '#core/numeric/mat-vec.ts'
import { rmsNorm } from '#core/numeric/rms-norm.ts'
import { ropeTable, rotateHead } from '#core/numeric/rope.ts'
import { siluMultiply } from '#core/numeric/silu-multiply.ts'
import type { DType } from '#core/formats/tensor-entry.ts'

const load = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../vectors/numeric/${name}.json`, import.meta.url), 'utf8'))

const bytesOf = (base64: string) => Uint8Array.from(Buffer.from(base64, 'base64'))
const floatsOf = (base64: string) => new Float32Array(bytesOf(base64).buffer)
const bitsOf = (values: Float32Array) => [...new Uint32Array(values.buffer, values.byteOffset, values.length)]

const formats = load('dequantise') as { dtype: DType; bytes: string; values: string }[]
const operations = load('operations') as Record<string, Record<string, string & number>>

function inputs(operation: string) {
  const found = operations[operation]
  if (!found) throw new Error(`no vectors for ${operation}`)
  const value = (key: string) => found[key] as string & number
  return { floats: (key: string) => floatsOf(value(key)), number: (key: string): number => value(key) }
}

function expectNear(got: Float32Array, want: Float32Array, tolerance = 2e-7) {
  expect(got.length).toBe(want.length)
  const scale = Math.max(...want.map(Math.abs))
  want.forEach((value, i) => expect(Math.abs((got[i] as number) - value) / scale).toBeLessThanOrEqual(tolerance))
}

describe('dequantise', () => {
  test.each(formats)('$dtype is bit for bit what gguf-py reads', ({ dtype, bytes, values }) => {
    expect(bitsOf(dequantise(dtype, bytesOf(bytes)))).toEqual(bitsOf(floatsOf(values)))
  })

  test('a broken block is refused', () => {
    expect(() => dequantise('Q4_K', new Uint8Array(143))).toThrow(/not whole Q4_K blocks/)
  })
})

test('RMS norm', () => {
  const { floats, number } = inputs('rmsNorm')
  expectNear(rmsNorm(floats('input'), floats('weight'), number('epsilon')), floats('expected'))
})

test('layer norm', () => {
  const { floats, number } = inputs('layerNorm')
  expectNear(layerNorm(floats('input'), floats('weight'), floats('bias'), number('epsilon')), floats('expected'))
})

test('GELU', () => {
  const { floats } = inputs('gelu')
  expectNear(gelu(floats('input')), floats('expected'))
})

test('SiLU times up', () => {
  const { floats } = inputs('siluMultiply')
  expectNear(siluMultiply(floats('gate'), floats('up')), floats('expected'))
})

test('a linear layer', () => {
  const { floats } = inputs('multiply')
  const product = multiply({
    weights: floats('weights'),
    rows: 7,
    width: 20,
    input: floats('input'),
    bias: floats('bias'),
  })
  expectNear(product, floats('expected'))
})

test('grouped-query attention, causal from a position', () => {
  const { floats, number } = inputs('attention')
  const got = attention({
    heads: number('heads'),
    kvHeads: number('kvHeads'),
    headDim: number('headDim'),
    position: number('position'),
    columns: number('columns'),
    query: floats('query'),
    keys: floats('keys'),
    values: floats('values'),
  })
  expectNear(got, floats('expected'))
})

test('rope in halves, with frequency divisors', () => {
  const { floats, number } = inputs('ropeHalf')
  const head = floats('head')
  const frequencyDivisors = [...floats('divisors')]
  rotateHead(head, { base: number('base'), dimensions: 16, layout: 'half', frequencyDivisors }, number('position'))
  expectNear(head, floats('expected'))
})

test('rope interleaved', () => {
  const { floats, number } = inputs('ropeInterleaved')
  const head = floats('head')
  rotateHead(head, { base: number('base'), dimensions: 16, layout: 'interleaved' }, number('position'))
  expectNear(head, floats('expected'))
})

test("the rope table holds each pair's cosine and sine by position", () => {
  const table = ropeTable({ base: 10_000, dimensions: 4, layout: 'half' }, 3)
  const want = [0, 1, 2].flatMap((p) => [p, p / 100].flatMap((angle) => [Math.cos(angle), Math.sin(angle)]))
  expectNear(table, Float32Array.from(want))
})

test('arg-max takes the lower of equals and never NaN', () => {
  expect(argMax(Float32Array.of(1, 3, NaN, 3))).toBe(1)
  expect(argMax(Float32Array.of(-Infinity, -Infinity))).toBe(0)
  expect(argMax(Float32Array.of(NaN))).toBe(-1)
})

test('a gather repeats rows in the order asked for', () => {
  expect([...gatherRows(Float32Array.of(0, 1, 2, 3, 4, 5), 2, Uint32Array.of(2, 0, 2))]).toEqual([4, 5, 0, 1, 4, 5])
})
