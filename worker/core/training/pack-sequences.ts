// Documents packed into sequences of bounded length. Every token carries the index at which its document begins in the
// sequence, so that attention never looks across a boundary and a packed sequence computes what its documents would alone.

import { CentramError } from '#core/errors.ts'
import type { TokenisedDocument } from '#core/training/tokenise-documents.ts'

/** No loss at this token. */
export const NO_TARGET = 0xffffffff

export interface PackedSequence {
  readonly tokens: Uint32Array
  /** The token to predict at each place, or `NO_TARGET`. */
  readonly targets: Uint32Array
  /** Where the token's document begins in this sequence. */
  readonly starts: Uint32Array
  /** Places with a target. */
  readonly counted: number
}

interface Piece {
  readonly document: TokenisedDocument
  readonly first: number
  readonly length: number
}

/**
 * Cuts what is longer than `length` and fills sequences with pieces, best fit decreasing; ties keep the documents' order.
 * A cut loses no target: the last place of a piece still predicts the token after it.
 */
export function packSequences(documents: readonly TokenisedDocument[], length: number): PackedSequence[] {
  if (!Number.isInteger(length) || length < 2) {
    throw new CentramError('BAD_ARGUMENT', `Sequences of ${length} tokens cannot be packed; at least 2 are needed.`)
  }
  const pieces = documents.flatMap((document) => cutDocument(document, length))
  // Sorting is stable by definition of the language.
  const ordered = [...pieces].sort((a, b) => b.length - a.length)
  const bins: Piece[][] = []
  /** Bins by the room left in them. */
  const byRoom: number[][] = Array.from({ length: length + 1 }, () => [])
  for (const piece of ordered) {
    let room = piece.length
    while (room <= length && byRoom[room]?.length === 0) room++
    const found = byRoom[room]?.pop()
    const bin = found ?? bins.push([]) - 1
    bins[bin]?.push(piece)
    byRoom[(found === undefined ? length : room) - piece.length]?.push(bin)
  }
  return bins.map(joinPieces)
}

/**
 * One sequence for each document, cut off at `length`: what private training needs, where the document is the example that
 * is protected, and one must not take part twice.
 */
export function oneDocumentEach(documents: readonly TokenisedDocument[], length: number): PackedSequence[] {
  const seen = new Set<string>()
  return documents.flatMap((document) => {
    // A conversation that a template turned into several examples has one origin.
    const origin = `${document.file}\n${document.line}`
    const [piece] = cutDocument(document, length)
    if (seen.has(origin) || piece?.first !== 0) return []
    seen.add(origin)
    return [joinPieces([piece])]
  })
}

function cutDocument(document: TokenisedDocument, length: number): Piece[] {
  const pieces: Piece[] = []
  // The last token predicts nothing, so it is no place of its own.
  const places = document.tokens.length - 1
  for (let first = 0; first < places; first += length) {
    const piece = { document, first, length: Math.min(length, places - first) }
    if (document.counted.subarray(first + 1, first + 1 + piece.length).includes(1)) pieces.push(piece)
  }
  return pieces
}

function joinPieces(pieces: readonly Piece[]): PackedSequence {
  const total = pieces.reduce((sum, { length }) => sum + length, 0)
  const tokens = new Uint32Array(total)
  const targets = new Uint32Array(total).fill(NO_TARGET)
  const starts = new Uint32Array(total)
  let counted = 0
  let at = 0
  for (const { document, first, length } of pieces) {
    tokens.set(document.tokens.subarray(first, first + length), at)
    starts.fill(at, at, at + length)
    for (let i = 0; i < length; i++) {
      if (document.counted[first + i + 1] !== 1) continue
      targets[at + i] = document.tokens[first + i + 1] as number
      counted++
    }
    at += length
  }
  return { tokens, targets, starts, counted }
}
