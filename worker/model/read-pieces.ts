// Reads a list of byte ranges one after another, each while the one before is still being used.

import type { ByteSource } from '#core/formats/byte-source.ts'

export interface Piece {
  readonly offset: number
  readonly length: number
}

/** The bytes of each piece with its place in the list, in order; at most two pieces are in memory. */
export async function* readPieces(
  source: ByteSource,
  pieces: readonly Piece[],
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly [bytes: Uint8Array<ArrayBuffer>, index: number]> {
  const start = (index: number) => {
    const piece = pieces[index]
    if (!piece) return undefined
    const reading = source.read(piece.offset, piece.length, signal)
    // It is awaited below unless the reader stops first; then its failure is nobody's concern.
    reading.catch(() => undefined)
    return reading
  }
  let next = start(0)
  for (let index = 0; next !== undefined; index++) {
    const bytes = await next
    next = start(index + 1)
    yield [bytes, index]
  }
}

/** Cuts `count` items of `itemBytes` each, from `offset` on, into pieces of at most `most` items. */
export function cutPieces(
  offset: number,
  count: number,
  itemBytes: number,
  most: number,
): (Piece & { first: number })[] {
  const pieces = []
  for (let first = 0; first < count; first += most) {
    const items = Math.min(most, count - first)
    pieces.push({ first, offset: offset + first * itemBytes, length: items * itemBytes })
  }
  return pieces
}
