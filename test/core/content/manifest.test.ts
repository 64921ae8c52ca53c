// Manifests: one content has one id, its chunks cover its files exactly, and what does not agree with itself is refused.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HASH_BYTES, hashChunk, levelsOf } from '#core/content/chunk-tree.ts'
import { createChunkSet } from '#core/content/chunk-set.ts'
import {
  chunkBytesFor,
  chunksOver,
  chunksWithin,
  inOrder,
  makeChunkTree,
  MAX_CHUNKS,
  placeOf,
  readChunkTree,
  type ContentManifest,
} from '#core/content/manifest.ts'
import { concatBytes } from '#core/crypto/bytes.ts'
import { encodeCanonical } from '#core/crypto/canonical.ts'

const CHUNK = 1024
const sizes = fc.array(fc.integer({ min: 1, max: 5 * CHUNK }), { minLength: 1, maxLength: 6 })

function treeOf(lengths: readonly number[]) {
  const files = lengths.map((bytes, i) => ({ path: `file-${i}`, bytes }))
  const count = lengths.reduce((sum, bytes) => sum + Math.ceil(bytes / CHUNK), 0)
  const leaves = concatBytes(...Array.from({ length: count }, (_, i) => hashChunk(Uint8Array.of(i))))
  return makeChunkTree('model', files, CHUNK, leaves)
}

describe('chunks', () => {
  test('cover every byte of every file once, and none lies in two files', () => {
    fc.assert(
      fc.property(sizes, (lengths) => {
        const { manifest } = treeOf(lengths)
        const ends = lengths.map(() => 0)
        for (let chunk = 0; chunk < manifest.chunks; chunk++) {
          const { file, offset, bytes } = placeOf(manifest, chunk)
          expect(offset).toBe(ends[file])
          expect(bytes).toBeGreaterThan(0)
          expect(bytes).toBeLessThanOrEqual(CHUNK)
          ends[file] = offset + bytes
        }
        expect(ends).toEqual(lengths)
        for (const chunk of [-1, manifest.chunks, 0.5]) expect(() => placeOf(manifest, chunk)).toThrow(/no chunk/)
      }),
    )
  })

  test('over and within a range are those that touch it and those that lie in it', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(), fc.nat(), (lengths, which, a, b) => {
        const { manifest } = treeOf(lengths)
        const file = which % lengths.length
        const size = lengths[file] ?? 0
        const [start = 0, end = 0] = [a % (size + 1), b % (size + 1)].sort((x, y) => x - y)
        if (start === end) return
        const over = chunksOver(manifest, file, start, end)
        const within = chunksWithin(manifest, file, start, end)
        for (let chunk = 0; chunk < manifest.chunks; chunk++) {
          const place = placeOf(manifest, chunk)
          const here = place.file === file
          const touches = here && place.offset < end && place.offset + place.bytes > start
          const inside = here && place.offset >= start && place.offset + place.bytes <= end
          expect(chunk >= over.first && chunk < over.last, `chunk ${chunk}`).toBe(touches)
          expect(chunk >= within.first && chunk < within.last, `chunk ${chunk}`).toBe(inside)
        }
      }),
    )
  })

  test('are larger only where the tree would outgrow its bounds', () => {
    const largest = MAX_CHUNKS * 256 * 1024
    expect(chunkBytesFor([{ path: 'a', bytes: largest }])).toBe(256 * 1024)
    expect(chunkBytesFor([{ path: 'a', bytes: largest + 1 }])).toBe(512 * 1024)
    expect(() => chunkBytesFor([{ path: 'a', bytes: 4 * largest + 1 }])).toThrow(/too large/)
  })
})

describe('manifests', () => {
  test('have one id for one content, whichever order the files were named in', () => {
    const files = [
      { path: 'model.safetensors', bytes: 3000 },
      { path: 'config.json', bytes: 10 },
    ]
    const leaves = new Uint8Array(4 * HASH_BYTES).fill(7)
    const id = makeChunkTree('model', inOrder(files), CHUNK, leaves).id
    expect(makeChunkTree('model', inOrder(files.toReversed()), CHUNK, leaves).id).toBe(id)
    expect(makeChunkTree('genome', inOrder(files), CHUNK, leaves).id).not.toBe(id)
    expect(makeChunkTree('model', inOrder(files), CHUNK, leaves.with(0, 8)).id).not.toBe(id)
  })

  test('come back as they were made, with the same id', () => {
    fc.assert(
      fc.property(sizes, (lengths) => {
        const tree = treeOf(lengths)
        expect(readChunkTree(tree.encoded, tree.leaves)).toEqual(tree)
      }),
    )
  })

  const tree = treeOf([1500, 10, 2048])
  interface Wrong {
    readonly what: string
    readonly change?: Partial<ContentManifest>
    readonly leaves?: Uint8Array
  }
  const wrong: readonly Wrong[] = [
    { what: 'another size in all', change: { bytes: 3559 } },
    { what: 'another number of chunks', change: { chunks: 4 } },
    { what: 'a chunk size that gives another number', change: { chunkBytes: 2048 } },
    { what: 'a root of other leaves', change: { root: new Uint8Array(32) } },
    { what: 'no file', change: { files: [], bytes: 0 } },
    { what: 'an empty file', change: { files: [{ path: 'a', bytes: 0 }, ...tree.manifest.files] } },
    { what: 'files in another order', change: { files: tree.manifest.files.toReversed() } },
    { what: 'a path twice', change: { files: tree.manifest.files.map(({ bytes }) => ({ path: 'same', bytes })) } },
    {
      what: 'a path out of its folder',
      change: { files: tree.manifest.files.with(0, { path: '../file-0', bytes: 1500 }) },
    },
    { what: 'a leaf hash changed', leaves: tree.leaves.with(40, 1) },
    { what: 'a leaf hash too few', leaves: tree.leaves.subarray(HASH_BYTES) },
    { what: 'a leaf hash too many', leaves: concatBytes(tree.leaves, tree.leaves.subarray(0, HASH_BYTES)) },
    {
      what: 'a file larger than any tree',
      change: { files: [{ path: 'a', bytes: Number.MAX_SAFE_INTEGER }], bytes: Number.MAX_SAFE_INTEGER },
    },
  ]
  test.each(wrong)('with $what are refused', ({ change = {}, leaves = tree.leaves }) => {
    expect(() => readChunkTree(encodeCanonical({ ...tree.manifest, ...change }), leaves)).toThrow(
      expect.objectContaining({ code: 'FRAME_INVALID' }),
    )
  })

  test('a tree whose leaves were hashed together with nodes is another one', () => {
    expect(levelsOf(tree.leaves).at(-1)).toEqual(tree.manifest.root)
    expect(levelsOf(concatBytes(tree.manifest.root, tree.manifest.root)).at(-1)).not.toEqual(tree.manifest.root)
  })
})

describe('sets of chunks', () => {
  test('are the bits they were made of, and count them', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.uint8Array({ maxLength: 20 }),
        fc.nat(120),
        (count, bits, at) => {
          const set = createChunkSet(count, bits)
          const members = Array.from({ length: count }, (_, i) => i).filter((i) => ((bits[i >> 3] ?? 0) >> (i & 7)) & 1)
          expect(Array.from({ length: 130 }, (_, i) => i).filter(set.has)).toEqual(members)
          expect(set.size).toBe(members.length)
          expect(createChunkSet(count, set.bytes()).bytes()).toEqual(set.bytes())
          set.add(at)
          expect(set.has(at)).toBe(at < count)
          set.delete(at)
          expect(set.has(at)).toBe(false)
          expect(set.size).toBe(members.filter((i) => i !== at).length)
        },
      ),
    )
  })
})
