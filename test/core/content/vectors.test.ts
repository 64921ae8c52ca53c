// Contents as another implementation makes them (test/vectors/content/make.py): the same ids, trees and proofs.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { hashChunk, proofOf, provesLeaf } from '#core/content/chunk-tree.ts'
import { makeChunkTree, placeOf, readChunkTree, type ContentManifest } from '#core/content/manifest.ts'
import { concatBytes, fromHex, toHex } from '#core/crypto/bytes.ts'

interface Vector {
  readonly kind: ContentManifest['kind']
  readonly files: readonly { readonly path: string; readonly bytes: number }[]
  readonly chunkBytes: number
  readonly id: string
  readonly manifest: string
  readonly leaves: readonly string[]
  readonly proofs: readonly (readonly string[])[]
}

const VECTORS = JSON.parse(readFileSync('test/vectors/content/vectors.json', 'utf8')) as readonly Vector[]
const bytesOf = (text: string) => fromHex(text) ?? new Uint8Array()

test.each(VECTORS.map((vector) => [vector.id.slice(0, 8), vector] as const))('content %s', (_name, vector) => {
  const { kind, files, chunkBytes, leaves, proofs } = vector
  const data = files.map(({ bytes }, file) =>
    Uint8Array.from({ length: bytes }, (_, i) => i * 31 + file * 7 + (i >> 8)),
  )
  const { manifest } = readChunkTree(bytesOf(vector.manifest), bytesOf(leaves.join('')))
  const made = Array.from({ length: manifest.chunks }, (_, chunk) => {
    const { file, offset, bytes } = placeOf(manifest, chunk)
    return hashChunk(data[file]?.subarray(offset, offset + bytes) ?? new Uint8Array())
  })
  expect(made.map(toHex)).toEqual(leaves)
  const tree = makeChunkTree(kind, files, chunkBytes, concatBytes(...made))
  expect(tree.id).toBe(vector.id)
  expect(toHex(tree.encoded)).toBe(vector.manifest)
  for (const [chunk, proof] of proofs.entries()) {
    expect(proofOf(tree.levels, chunk).map(toHex)).toEqual(proof)
    const leaf = made[chunk] ?? new Uint8Array()
    expect(provesLeaf(manifest.root, manifest.chunks, chunk, leaf, proof.map(bytesOf))).toBe(true)
  }
})
