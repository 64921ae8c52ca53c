// What the last stage hands back for one step, and its form on the wire (PIPE_LOGITS with its tail).

import { CentramError } from '#core/errors.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { ColumnOutput, StepOutput } from '../model/shard.ts'

export type StepResult = Exclude<StepOutput, { kind: 'hidden' }> | { readonly kind: 'none' }

export type WireResult = Pick<BodyOf<'PIPE_LOGITS'>, 'kind' | 'columns' | 'tokens'>

/**
 * Columns of one kind, as the body's fields and the raw tail: nothing for `none` and `token`; a column's f32 logits or states,
 * or its u32 ids and then their f32 logits for `top`, and so the next column's.
 */
export function resultToWire(result: StepResult): { fields: WireResult; tail?: Uint8Array } {
  if (result.kind === 'states')
    return { fields: { kind: 'states', columns: result.columns }, tail: bytesOf(result.states) }
  const columns = columnsOf(result)
  const [first] = columns
  if (!first) return { fields: { kind: 'none', columns: 0 } }
  const fields = { kind: first.kind, columns: columns.length }
  const tokens = columns.flatMap((column) => (column.kind === 'token' ? [column.token] : []))
  if (first.kind === 'token') return { fields: { ...fields, tokens } }
  return { fields, tail: joinBytes(columns.flatMap(partsOf)) }
}

/**
 * Reads a result back: of each of `asked` columns, or of the last (`null`). Throws `PROTOCOL_VIOLATION` when it does not fit
 * its kind, the vocabulary or what was asked.
 */
export function readResult(
  { kind, columns, tokens }: WireResult,
  tail: Uint8Array | undefined,
  vocabularySize: number,
  asked: number | null,
): StepResult {
  if (kind === 'none' && columns === 0) return { kind }
  const bytes = tail ?? new Uint8Array(0)
  // Whoever asked for states knows how many columns there were, and how wide they are.
  if (kind === 'states' && asked === null && bytes.length > 0 && bytes.length % (4 * columns) === 0) {
    return { kind, columns, states: new Float32Array(bytes.slice().buffer) }
  }
  const size = bytes.length / columns
  const outputs = Array.from({ length: columns === (asked ?? 1) ? columns : 0 }, (_, column) => {
    if (kind === 'token') return readToken(tokens?.[column], vocabularySize)
    return readScores(kind, bytes.slice(column * size, (column + 1) * size), vocabularySize)
  })
  const read = outputs.filter((output) => output !== undefined)
  const [only] = read
  if (!only || read.length !== columns) {
    throw new CentramError('PROTOCOL_VIOLATION', `A node answered a step with a malformed result of kind "${kind}".`)
  }
  return asked === null ? only : { kind: 'columns', columns: read }
}

/** The bytes under a typed array, in the machine's order (little-endian wherever WebGPU runs). */
export function bytesOf(values: Float32Array | Uint32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

function columnsOf(result: Exclude<StepResult, { kind: 'states' }>): readonly ColumnOutput[] {
  if (result.kind === 'none') return []
  return result.kind === 'columns' ? result.columns : [result]
}

function partsOf(column: ColumnOutput): Uint8Array[] {
  if (column.kind === 'token') return []
  const logits = bytesOf(column.logits)
  return column.kind === 'top' ? [bytesOf(column.ids), logits] : [logits]
}

function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

function readToken(token: number | undefined, vocabularySize: number): ColumnOutput | undefined {
  return token !== undefined && token < vocabularySize ? { kind: 'token', token } : undefined
}

/** `bytes` is a copy of one column's, so it begins where typed arrays may. */
function readScores(
  kind: WireResult['kind'],
  { buffer, length }: Uint8Array<ArrayBuffer>,
  vocabularySize: number,
): ColumnOutput | undefined {
  if (kind === 'logits' && length === vocabularySize * 4) return { kind, logits: new Float32Array(buffer) }
  if (kind !== 'top' || length % 8 !== 0 || length === 0 || length / 8 > vocabularySize) return undefined
  const ids = new Uint32Array(buffer, 0, length / 8)
  if (!ids.every((id) => id < vocabularySize)) return undefined
  return { kind, ids, logits: new Float32Array(buffer, length / 2) }
}
