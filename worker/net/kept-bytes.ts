// A stretch of a byte stream, kept in blocks from the first byte that may be needed again to the last one that came.

export interface KeptBytes {
  /** Offset behind the last byte. */
  readonly end: number
  append(bytes: Uint8Array): void
  /** From `offset` to the end of its block, or to `limit`. Valid until the block is dropped. */
  view(offset: number, limit: number): Uint8Array
  /** What is before `offset` is not needed any more. */
  dropBefore(offset: number): void
}

export function createKeptBytes(blockBytes: number): KeptBytes {
  const blocks: Uint8Array[] = []
  /** Of the first block kept. */
  let first = 0
  let end = 0
  return {
    get end() {
      return end
    },
    append(bytes) {
      for (let taken = 0; taken < bytes.length;) {
        const at = end % blockBytes
        if (at === 0) blocks.push(new Uint8Array(blockBytes))
        const piece = bytes.subarray(taken, taken + blockBytes - at)
        blocks.at(-1)?.set(piece, at)
        taken += piece.length
        end += piece.length
      }
    },
    view(offset, limit) {
      const index = Math.floor(offset / blockBytes)
      const start = index * blockBytes
      const block = blocks[index - first] ?? new Uint8Array(0)
      return block.subarray(offset - start, Math.min(limit, end) - start)
    },
    dropBefore(offset) {
      const needed = Math.floor(offset / blockBytes)
      blocks.splice(0, needed - first)
      first = Math.max(first, needed)
    },
  }
}
