// The binary hash tree over a content's chunks: RFC 6962 §2.1 over SHA-256. Leaves and nodes are hashed under different
// first bytes, so no node passes for a chunk, and a tree of any number of leaves has one shape.

import { concatBytes, equalBytes } from '../crypto/bytes.ts'
import { sha256 } from '../crypto/hash.ts'

export const HASH_BYTES = 32

const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

/** What is hashed of a chunk; for those who hash with something else than `hashChunk`. */
export function leafInput(chunk: Uint8Array): Uint8Array<ArrayBuffer> {
  return concatBytes(LEAF, chunk)
}

export function hashChunk(chunk: Uint8Array): Uint8Array {
  return sha256(LEAF, chunk)
}

function hashNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(NODE, left, right)
}

/** Every level of the tree, from the leaf hashes (at least one, one behind another) up to the root. */
export function levelsOf(leaves: Uint8Array): readonly Uint8Array[] {
  const levels = [leaves]
  for (let level = leaves; level.length > HASH_BYTES;) levels.push((level = levelAbove(level)))
  return levels
}

/** The siblings on the way from leaf `index` to the root, the lowest first. */
export function proofOf(levels: readonly Uint8Array[], index: number): Uint8Array[] {
  return levels.slice(0, -1).flatMap((level, height) => {
    const sibling = (index >> height) ^ 1
    // The last of an odd level has none: it rises as it is.
    return (sibling + 1) * HASH_BYTES <= level.length ? [hashAt(level, sibling)] : []
  })
}

/** Whether `proof` leads from `leaf`, number `index` of `count`, to `root`. Total. */
export function provesLeaf(
  root: Uint8Array,
  count: number,
  index: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (!Number.isSafeInteger(index) || index < 0 || index >= count || leaf.length !== HASH_BYTES) return false
  let hash = leaf
  let used = 0
  for (let at = index, last = count - 1; last > 0; at >>= 1, last >>= 1) {
    if (at === last && (at & 1) === 0) continue
    const sibling = proof[used++]
    if (sibling?.length !== HASH_BYTES) return false
    hash = (at & 1) === 1 ? hashNode(sibling, hash) : hashNode(hash, sibling)
  }
  return used === proof.length && equalBytes(hash, root)
}

/** Hash number `index` of those that lie one behind another. */
export function hashAt(hashes: Uint8Array, index: number): Uint8Array {
  return hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES)
}

function levelAbove(level: Uint8Array): Uint8Array<ArrayBuffer> {
  const count = level.length / HASH_BYTES
  const above = new Uint8Array(Math.ceil(count / 2) * HASH_BYTES)
  for (let i = 0; 2 * i < count; i++) {
    const left = hashAt(level, 2 * i)
    above.set(2 * i + 1 < count ? hashNode(left, hashAt(level, 2 * i + 1)) : left, i * HASH_BYTES)
  }
  return above
}
