// The tree against the values that Certificate Transparency's logs agree on, and everything that must not verify.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashAt, hashChunk, leafInput, levelsOf, proofOf, provesLeaf } from '#core/content/chunk-tree.ts'
import { concatBytes, fromHex, toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'

/** The entries and roots that implementations of RFC 6962 test with. */
const ENTRIES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map((text) => fromHex(text) ?? new Uint8Array())
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

const rootOf = (leaves: Uint8Array) => levelsOf(leaves).at(-1) as Uint8Array
const leavesOf = (chunks: readonly Uint8Array[]) => concatBytes(...chunks.map(hashChunk))
const chunks = (count: number) => Array.from({ length: count }, (_, i) => Uint8Array.of(i, i >> 8))

describe('roots', () => {
  test.each(ROOTS.map((root, i) => [i + 1, root] as const))('of %i entries are those of RFC 6962', (count, root) => {
    expect(toHex(rootOf(leavesOf(ENTRIES.slice(0, count))))).toBe(root)
  })

  test('a leaf is not hashed as a node is, nor as its bytes alone', () => {
    const [a, b] = [hashChunk(Uint8Array.of(1)), hashChunk(Uint8Array.of(2))]
    const node = rootOf(concatBytes(a, b))
    expect(hashChunk(concatBytes(a, b))).not.toEqual(node)
    expect(sha256(Uint8Array.of(1))).not.toEqual(a)
    expect(sha256(leafInput(Uint8Array.of(1)))).toEqual(a)
  })
})

describe('proofs', () => {
  test('lead from every leaf of a tree of any size to its root, and have at most one hash a level', () => {
    for (let count = 1; count <= 70; count++) {
      const leaves = leavesOf(chunks(count))
      const root = rootOf(leaves)
      for (let i = 0; i < count; i++) {
        const proof = proofOf(levelsOf(leaves), i)
        expect(proof.length).toBeLessThanOrEqual(Math.ceil(Math.log2(count)))
        expect(provesLeaf(root, count, i, hashAt(leaves, i), proof)).toBe(true)
      }
    }
  })

  const tree = fc.integer({ min: 1, max: 40 }).chain((count) => fc.tuple(fc.constant(count), fc.nat(count - 1)))

  test('do not verify a wrong chunk, a wrong place, a wrong number of chunks, or with a hash changed, missing or added', () => {
    fc.assert(
      fc.property(tree, fc.nat(), fc.nat(255), ([count, index], at, bit) => {
        const leaves = leavesOf(chunks(count))
        const root = rootOf(leaves)
        const leaf = hashAt(leaves, index)
        const proof = proofOf(levelsOf(leaves), index)
        const flip = (bytes: Uint8Array) => bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
        const holds = (over: Partial<{ root: Uint8Array; index: number; leaf: Uint8Array; proof: Uint8Array[] }>) => {
          const given = { root, index, leaf, proof, ...over }
          return provesLeaf(given.root, count, given.index, given.leaf, given.proof)
        }
        expect(holds({})).toBe(true)
        expect(holds({ leaf: flip(leaf) })).toBe(false)
        expect(holds({ leaf: hashChunk(Uint8Array.of(9, 9, 9)) })).toBe(false)
        expect(holds({ root: flip(root) })).toBe(false)
        for (const other of [-1, 0.5, count, count + 1, Number.NaN]) expect(holds({ index: other })).toBe(false)
        if (count > 1) expect(holds({ index: (index + 1 + (at % (count - 1))) % count })).toBe(false)
        expect(holds({ proof: [...proof, leaf] })).toBe(false)
        for (let i = 0; i < proof.length; i++) {
          expect(holds({ proof: proof.with(i, flip(proof[i] as Uint8Array)) })).toBe(false)
          expect(holds({ proof: proof.toSpliced(i, 1) })).toBe(false)
          expect(holds({ proof: proof.with(i, (proof[i] as Uint8Array).subarray(1)) })).toBe(false)
        }
      }),
      { numRuns: 150 },
    )
  })

  test('of one tree do not pass in a tree of another size whose shape differs there', () => {
    const leaves = leavesOf(chunks(7))
    expect(provesLeaf(rootOf(leaves), 8, 6, hashAt(leaves, 6), proofOf(levelsOf(leaves), 6))).toBe(false)
    expect(provesLeaf(rootOf(leaves), 6, 6, hashAt(leaves, 6), proofOf(levelsOf(leaves), 6))).toBe(false)
  })
})
