// Sets of chunks as they travel: a bit a chunk, the lowest bit of the first byte first.

export interface ChunkSet {
  readonly size: number
  has(chunk: number): boolean
  add(chunk: number): void
  delete(chunk: number): void
  /** The bits. */
  bytes(): Uint8Array<ArrayBuffer>
}

/** @param bits as received; `undefined` for an empty set. Throws nothing: too few bits lack, too many are left out. */
export function createChunkSet(chunks: number, bits?: Uint8Array): ChunkSet {
  const held = new Uint8Array(Math.ceil(chunks / 8))
  if (bits !== undefined) held.set(bits.subarray(0, held.length))
  // What lies beyond the last chunk means nothing.
  if (chunks % 8 !== 0) held[held.length - 1] = (held.at(-1) ?? 0) & ((1 << (chunks % 8)) - 1)
  let size = 0
  for (let byte of held) for (; byte !== 0; byte &= byte - 1) size++

  const has = (chunk: number) => chunk >= 0 && chunk < chunks && (((held[chunk >> 3] ?? 0) >> (chunk & 7)) & 1) === 1
  return {
    get size() {
      return size
    },
    has,
    add(chunk) {
      if (chunk < 0 || chunk >= chunks || has(chunk)) return
      held[chunk >> 3] = (held[chunk >> 3] ?? 0) | (1 << (chunk & 7))
      size++
    },
    delete(chunk) {
      if (!has(chunk)) return
      held[chunk >> 3] = (held[chunk >> 3] ?? 0) & ~(1 << (chunk & 7))
      size--
    },
    bytes: () => held.slice(),
  }
}
