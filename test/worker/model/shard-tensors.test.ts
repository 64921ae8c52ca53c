import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stageBytes } from '#core/pipeline/place-layers.ts'
import { bytesFor, placementOf, rangesFor, tensorsOf } from '../../../worker/model/shard-tensors.ts'
import { FIXTURES, openFixture } from './open-fixture.ts'

const namesOf = (entries: readonly { name: string }[]) => entries.map(({ name }) => name).sort()

describe.each(FIXTURES)('%s', async (name) => {
  const model = await openFixture(name)
  const { layers, tiedHead } = model.config

  test('all layers need all tensors', () => {
    const whole = { first: 0, last: layers }
    expect(namesOf(tensorsOf(model, whole))).toEqual([...model.tensors.keys()].sort())
    const stored = [...model.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
    expect(bytesFor(model, whole)).toBe(stored)
  })

  test('a shard needs its own layers, the first the embedding, the last the head', () => {
    const inner = namesOf(tensorsOf(model, { first: 1, last: layers }))
    expect(inner).toContain(tiedHead ? 'token_embd.weight' : 'output.weight')
    expect(inner.includes('token_embd.weight')).toBe(tiedHead)
    expect(inner).toContain('output_norm.weight')
    expect(inner.some((tensor) => tensor.startsWith('blk.0.'))).toBe(false)
    const first = namesOf(tensorsOf(model, { first: 0, last: 1 }))
    expect(first).toContain('token_embd.weight')
    expect(first).not.toContain('output_norm.weight')
    expect(first.some((tensor) => /^blk\.[^0]/.test(tensor))).toBe(false)
    if (model.config.family === 'gpt2') expect(first).toContain('position_embd.weight')
  })

  test('ranges hold exactly the bytes of the tensors, in order and apart', () => {
    fc.assert(
      fc.property(fc.nat(layers - 1), fc.nat(layers - 1), (a, b) => {
        const range = { first: Math.min(a, b), last: Math.max(a, b) + 1 }
        const ranges = rangesFor(model, range)
        expect(ranges.reduce((sum, { length }) => sum + length, 0)).toBe(bytesFor(model, range))
        for (const [index, { source, offset, length }] of ranges.entries()) {
          const next = ranges[index + 1]
          if (next?.source === source) expect(offset + length).toBeLessThan(next.offset)
        }
        for (const entry of tensorsOf(model, range)) {
          const holder = ranges.find(
            ({ source, offset, length }) =>
              source === entry.source && offset <= entry.offset && entry.offset + entry.byteLength <= offset + length,
          )
          expect(holder, entry.name).toBeDefined()
        }
      }),
      { numRuns: 20 },
    )
  })

  test('placement counts every byte, the tied matrix on both ends', () => {
    const placement = placementOf(model, 100)
    expect(placement.layerBytes).toHaveLength(layers)
    const whole = stageBytes(placement, { first: 0, last: layers })
    const cache = 100 * 8 * model.config.kvHeads * model.config.headDim * layers
    const twice = tiedHead ? (model.tensors.get('token_embd.weight')?.byteLength ?? NaN) : 0
    expect(whole).toBe(bytesFor(model, { first: 0, last: layers }) + cache + twice)
  })
})

test('a range outside the model is refused', async () => {
  const model = await openFixture('llama-hf')
  for (const range of [
    { first: 0, last: 0 },
    { first: -1, last: 1 },
    { first: 1, last: 4 },
    { first: 0.5, last: 2 },
  ]) {
    expect(() => tensorsOf(model, range)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }))
  }
})
