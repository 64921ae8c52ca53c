// Layer 4: the tree of chunks, the id of the content, the hash under the signature.

import { expect, test } from 'vitest'
import { integrity } from '#core/gate/integrity.ts'
import type { Arrival } from '#core/gate/layer.ts'
import { arrivalOf, contentOf, judge, makeGenome, trainedAdapter } from './arrivals.ts'

const made = await makeGenome()
const arrival = arrivalOf(made)
const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))
const code = async (changes: Partial<Arrival>) => (await judge(integrity, { ...arrival, ...changes })).code

test('what is whole passes, as a content and as a file', async () => {
  expect(arrival.content?.leaves.length).toBeGreaterThan(64)
  expect(await code({})).toBe('PASSED')
  expect(await code({ content: null })).toBe('PASSED')
  expect(await code({ manifest: null })).toBe('NO_MANIFEST')
})

test('one bit anywhere is found', async () => {
  for (const at of [0, 1024, made.tensors.length - 1]) {
    expect(await code({ tensors: flipped(made.tensors, at) })).toBe('TENSORS_MISMATCH')
  }
  expect(await code({ tensors: made.tensors.subarray(1) })).toBe('TENSORS_MISMATCH')
})

test('tensors of another genome are not taken, though their own tree fits', async () => {
  const other = await makeGenome({}, { adapter: trainedAdapter(2) })
  const swapped = { tensors: other.tensors, content: contentOf(other.tensors, made.genome.bytes) }
  expect(await code(swapped)).toBe('TENSORS_MISMATCH')
})

test('the tree leads to these bytes, and to no others', async () => {
  const { content } = arrival
  if (!content) throw new Error('there is no content')
  const { id, manifest, leaves } = content
  const other = contentOf(flipped(made.tensors, 5), made.genome.bytes)
  expect(await code({ content: other })).toBe('CONTENT_MISMATCH')
  expect(await code({ content: { ...content, id: other.id } })).toBe('CONTENT_MISMATCH')
  expect(await code({ content: { id, manifest, leaves: flipped(leaves, 40) } })).toBe('CONTENT_MISMATCH')
  expect(await code({ content: { id, manifest: flipped(manifest, manifest.length - 1), leaves } })).toBe(
    'CONTENT_MISMATCH',
  )
  expect(await code({ content: contentOf(made.tensors, made.genome.bytes.subarray(1)) })).toBe('CONTENT_MISMATCH')
})
