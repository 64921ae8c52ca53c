// What the writer writes, the reader reads; order and sizes are enforced.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createMemorySource } from '#core/formats/byte-source.ts'
import { createSafetensorsWriter, layOutSafetensors, type TensorPlan } from '#core/formats/safetensors-writer.ts'
import { ELEMENT_BYTES, readSafetensors } from '#core/formats/safetensors.ts'

async function write(tensors: readonly TensorPlan[], metadata: Record<string, string> = {}) {
  const layout = layOutSafetensors(tensors, metadata)
  const parts: Uint8Array[] = []
  const writer = await createSafetensorsWriter(layout, async (bytes) => void parts.push(bytes.slice()))
  for (const [i, entry] of layout.entries.entries()) {
    await writer.write(entry.name, new Uint8Array(entry.byteLength).fill(i + 1))
  }
  writer.finish()
  return { layout, bytes: new Uint8Array(Buffer.concat(parts)) }
}

test('any names, types and shapes come back', async () => {
  const tensor = fc.record({
    name: fc.oneof(fc.string({ maxLength: 12 }), fc.nat(20).map(String), fc.constant('__proto__')),
    dtype: fc.constantFrom(...Object.keys(ELEMENT_BYTES)),
    shape: fc.array(fc.nat(4), { maxLength: 3 }),
  })
  const list = fc.uniqueArray(tensor, { maxLength: 8, selector: (item) => item.name })
  await fc.assert(
    fc.asyncProperty(
      list,
      fc.dictionary(fc.string({ maxLength: 5 }), fc.string({ maxLength: 5 })),
      async (tensors, metadata) => {
        const { layout, bytes } = await write(tensors, metadata)
        expect(bytes.length).toBe(layout.size)
        const file = await readSafetensors(createMemorySource('w.safetensors', bytes))
        const sorted = (items: readonly TensorPlan[]) =>
          items.map(({ name, dtype, shape }) => ({ name, dtype, shape })).sort((a, b) => (a.name < b.name ? -1 : 1))
        expect(sorted(file.entries)).toEqual(sorted(tensors))
        for (const [i, entry] of layout.entries.entries()) {
          expect(file.entries.find((read) => read.name === entry.name)).toEqual(entry)
          expect(entry.offset % ELEMENT_BYTES[entry.dtype]!).toBe(0)
          expect(bytes.subarray(entry.offset, entry.offset + entry.byteLength).every((byte) => byte === i + 1)).toBe(
            true,
          )
        }
      },
    ),
    { numRuns: 100 },
  )
})

test('metadata is there for others to read', async () => {
  const { bytes } = await write([{ name: 'a', dtype: 'F32', shape: [1] }], { format: 'pt' })
  expect(new TextDecoder().decode(bytes)).toContain('"__metadata__":{"format":"pt"}')
})

test('a wrong order, a wrong size and a tensor left out are refused', async () => {
  const layout = layOutSafetensors([
    { name: 'a', dtype: 'F32', shape: [2] },
    { name: 'b', dtype: 'F32', shape: [2] },
  ])
  const begin = () => createSafetensorsWriter(layout, async () => {})
  await expect((await begin()).write('b', new Uint8Array(8))).rejects.toThrow(/"b" of 8 bytes was written where "a"/)
  await expect((await begin()).write('a', new Uint8Array(4))).rejects.toThrow(/"a" of 4 bytes/)
  const writer = await begin()
  await writer.write('a', new Uint8Array(8))
  expect(() => writer.finish()).toThrow(/"b" was never written/)
  expect(() => layOutSafetensors([layout.entries[0]!, layout.entries[0]!])).toThrow(/two tensors called "a"/)
  expect(() => layOutSafetensors([{ name: 'a', dtype: 'Q4', shape: [1] }])).toThrow(/type Q4/)
})
