// Layer 4: are these the bytes that were announced and signed? Every chunk is hashed again, up to the root of the tree, and the
// tensors against the hash under the author's signature.

import { HASH_BYTES, hashAt, hashChunk } from '#core/content/chunk-tree.ts'
import { placeOf, readChunkTree, type ChunkTree } from '#core/content/manifest.ts'
import { equalBytes } from '#core/crypto/bytes.ts'
import { errorMessage } from '#core/errors.ts'
import { notRun, passed, refused, type FetchedUnder, type Finding, type GateLayer } from '#core/gate/layer.ts'
import { checkTensors } from '#core/genome/signed-genome.ts'

export const integrity: GateLayer = {
  name: 'integrity',

  async judge(candidate) {
    const { content, tensors, manifest } = candidate
    const genome = await candidate.genome()
    if (genome === null || manifest === null) {
      return notRun('NO_MANIFEST', 'It has no manifest: nothing says which bytes it should have.')
    }
    try {
      checkTensors(genome.manifest, tensors)
    } catch {
      return refused('TENSORS_MISMATCH', 'Its tensors are not those that its author signed.')
    }
    if (content === null)
      return passed('Its tensors are those that its author signed. It came as a file, not in chunks.')
    // The order of a content's files: by path.
    return judgeContent(content, [tensors, manifest])
  },
}

function judgeContent(content: FetchedUnder, files: readonly Uint8Array[]): Finding {
  let tree: ChunkTree
  try {
    tree = readChunkTree(content.manifest, content.leaves)
  } catch (error) {
    return refused('CONTENT_MISMATCH', errorMessage(error))
  }
  if (tree.id !== content.id) {
    return refused('CONTENT_MISMATCH', 'It was fetched under another id than that of its content.')
  }
  const { manifest, leaves } = tree
  const isWhole =
    manifest.files.length === files.length && manifest.files.every(({ bytes }, i) => bytes === files[i]?.length)
  if (!isWhole) return refused('CONTENT_MISMATCH', 'Its files are not as long as its content says.')
  for (let chunk = 0; chunk < leaves.length / HASH_BYTES; chunk++) {
    const { file, offset, bytes } = placeOf(manifest, chunk)
    const piece = (files[file] as Uint8Array).subarray(offset, offset + bytes)
    if (!equalBytes(hashChunk(piece), hashAt(leaves, chunk))) {
      return refused('CONTENT_MISMATCH', `Chunk ${chunk} of ${manifest.chunks} is not the one that was announced.`)
    }
  }
  return passed('Every chunk and the tensors as a whole are those that were announced and signed.', {
    chunks: manifest.chunks,
  })
}
