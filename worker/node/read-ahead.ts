// Reads of neighbouring parts of one file, made from a few larger ones: opening a stored file takes longer than reading from it.

import type { ByteRange } from '#core/formats/range-set.ts'

export type ReadRange = (key: string, range: ByteRange) => Promise<Uint8Array | undefined>

export interface ReadAhead {
  /** Bytes of the file under `key`, which has `size` bytes; `undefined` where some are not there. */
  read(key: string, size: number, range: ByteRange): Promise<Uint8Array | undefined>
  /** What was read of this file may be out of date. */
  forget(key: string): void
}

const BLOCK_BYTES = 2 * 1024 * 1024
/** Blocks kept, over all files. */
const KEPT = 4

export function createReadAhead(readRange: ReadRange): ReadAhead {
  const blocks = new Map<string, Promise<Uint8Array | undefined>>()
  const nameOf = (key: string, start: number) => `${start} ${key}`

  function blockAt(key: string, start: number, end: number): Promise<Uint8Array | undefined> {
    const name = nameOf(key, start)
    const block = blocks.get(name) ?? readRange(key, { start, end })
    blocks.delete(name)
    blocks.set(name, block)
    if (blocks.size > KEPT) blocks.delete(blocks.keys().next().value ?? '')
    // A block that is not there as a whole may be there soon.
    const drop = () => {
      if (blocks.get(name) === block) blocks.delete(name)
    }
    block.then((bytes) => {
      if (bytes === undefined) drop()
    }, drop)
    return block
  }

  return {
    async read(key, size, range) {
      const start = Math.floor(range.start / BLOCK_BYTES) * BLOCK_BYTES
      const end = Math.min(size, start + BLOCK_BYTES)
      if (range.end > end) return readRange(key, range)
      const block = await blockAt(key, start, end)
      return block?.subarray(range.start - start, range.end - start) ?? readRange(key, range)
    },
    forget(key) {
      for (const name of [...blocks.keys()]) if (name.endsWith(` ${key}`)) blocks.delete(name)
    },
  }
}
