// The sequences of one optimiser step joined into as few passes as fit: sequences lie one after another, and attention keeps
// to their documents, so that a batch is only a longer packing.

import { CentramError } from '#core/errors.ts'
import type { PackedSequence } from '#core/training/pack-sequences.ts'

export interface MicroBatch {
  readonly tokens: Uint32Array
  readonly targets: Uint32Array
  /** Within the document. */
  readonly positions: Uint32Array
  /** Where each token's document begins in the batch. */
  readonly starts: Uint32Array
  /** Tokens with a target. */
  readonly counted: number
}

/** Sequences in order, each whole in one micro-batch of at most `columns` tokens. */
export function joinSequences(sequences: readonly PackedSequence[], columns: number): MicroBatch[] {
  const groups: PackedSequence[][] = []
  let room = 0
  for (const sequence of sequences) {
    const { length } = sequence.tokens
    if (length > columns) {
      throw new CentramError('BAD_ARGUMENT', `A sequence of ${length} tokens does not fit into ${columns} columns.`)
    }
    if (length > room) {
      groups.push([])
      room = columns
    }
    groups.at(-1)?.push(sequence)
    room -= length
  }
  return groups.map(joinGroup)
}

function joinGroup(sequences: readonly PackedSequence[]): MicroBatch {
  const length = sequences.reduce((sum, { tokens }) => sum + tokens.length, 0)
  const tokens = new Uint32Array(length)
  const targets = new Uint32Array(length)
  const positions = new Uint32Array(length)
  const starts = new Uint32Array(length)
  let at = 0
  for (const sequence of sequences) {
    tokens.set(sequence.tokens, at)
    targets.set(sequence.targets, at)
    for (const [i, start] of sequence.starts.entries()) {
      starts[at + i] = at + start
      positions[at + i] = i - start
    }
    at += sequence.tokens.length
  }
  return { tokens, targets, positions, starts, counted: sequences.reduce((sum, { counted }) => sum + counted, 0) }
}
