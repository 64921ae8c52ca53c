// What the server says its models are, so that nodes can check each other's chunks.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { hashAt, hashChunk } from '#core/content/chunk-tree.ts'
import { placeOf, readChunkTree } from '#core/content/manifest.ts'
import { decodeCanonical } from '#core/crypto/canonical.ts'
import { startLoopback, type Loopback } from './loopback.ts'

const BYTES = Uint8Array.from({ length: 1_000_003 }, (_, index) => (index * 31 + (index >> 8)) & 0xff)
let loopback: Loopback

beforeAll(async () => {
  loopback = await startLoopback()
  await loopback.write('models/two words.gguf', BYTES)
  await loopback.write('models/lone.safetensors', BYTES)
  await loopback.write('models/folder/config.json', '{}')
  await loopback.write('models/folder/model.safetensors', BYTES)
  await loopback.write('models/folder/empty.json', '')
  await loopback.write('models/folder/secret.key', 'secret')
})
afterAll(() => loopback.close())

async function treeOf(name: string) {
  const response = await fetch(`${loopback.origin}/manifests/${name}`)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('application/cbor')
  const { manifest, leaves } = decodeCanonical(new Uint8Array(await response.arrayBuffer())) as Record<
    string,
    Uint8Array
  >
  return readChunkTree(manifest ?? new Uint8Array(), leaves ?? new Uint8Array())
}

it('is the tree over the bytes that are served', async () => {
  const tree = await treeOf('two%20words.gguf')
  expect(tree.manifest).toMatchObject({
    kind: 'model',
    files: [{ path: 'model.gguf', bytes: BYTES.length }],
    chunks: 4,
  })
  for (let chunk = 0; chunk < 4; chunk++) {
    const { offset, bytes } = placeOf(tree.manifest, chunk)
    expect(hashAt(tree.leaves, chunk)).toEqual(hashChunk(BYTES.subarray(offset, offset + bytes)))
  }
})

it('names what a folder serves, and nothing else of it', async () => {
  const { manifest } = await treeOf('folder')
  expect(manifest.files).toEqual([
    { path: 'config.json', bytes: 2 },
    { path: 'model.safetensors', bytes: BYTES.length },
  ])
})

it('follows a file that changed', async () => {
  const before = await treeOf('folder')
  await loopback.write('models/folder/config.json', '{"changed":1}')
  expect((await treeOf('folder')).id).not.toBe(before.id)
})

it.each(['lone.safetensors', 'absent.gguf', 'folder%2fconfig.json', '..%2fweb', ''])('has none of %s', async (name) => {
  expect((await fetch(`${loopback.origin}/manifests/${name}`)).status).toBe(404)
})
