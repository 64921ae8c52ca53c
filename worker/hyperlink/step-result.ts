// What the last stage hands back for one step, and its form on the wire (the tail of PIPE_LOGITS).

import { CentramError } from '#core/errors.ts'
import type { StepOutput } from '../model/shard.ts'

export type StepResult = Exclude<StepOutput, { kind: 'hidden' }> | { readonly kind: 'none' }

/** The raw tail: nothing for `none` and `token`, f32 logits, or u32 ids followed by their f32 logits for `top`. */
export function resultTail(result: StepResult): Uint8Array | undefined {
  if (result.kind === 'logits') return bytesOf(result.logits)
  if (result.kind !== 'top') return undefined
  const tail = new Uint8Array(result.ids.byteLength + result.logits.byteLength)
  tail.set(bytesOf(result.ids))
  tail.set(bytesOf(result.logits), result.ids.byteLength)
  return tail
}

/** Reads a result back; throws `PROTOCOL_VIOLATION` when the tail does not fit the kind or the vocabulary. */
export function readResult(
  kind: StepResult['kind'],
  token: number | undefined,
  tail: Uint8Array | undefined,
  vocabularySize: number,
): StepResult {
  const bytes = tail ?? new Uint8Array(0)
  if (kind === 'none') return { kind }
  if (kind === 'token' && token !== undefined && token < vocabularySize) return { kind, token }
  if (kind === 'logits' && bytes.length === vocabularySize * 4) return { kind, logits: new Float32Array(copy(bytes)) }
  if (kind === 'top' && bytes.length % 8 === 0 && bytes.length > 0 && bytes.length / 8 <= vocabularySize) {
    const buffer = copy(bytes)
    const ids = new Uint32Array(buffer, 0, bytes.length / 8)
    if (ids.every((id) => id < vocabularySize)) return { kind, ids, logits: new Float32Array(buffer, bytes.length / 2) }
  }
  throw new CentramError('PROTOCOL_VIOLATION', `A node answered a step with a malformed result of kind "${kind}".`)
}

/** The bytes under a typed array, in the machine's order (little-endian wherever WebGPU runs). */
export function bytesOf(values: Float32Array | Uint32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

const copy = (bytes: Uint8Array): ArrayBuffer => bytes.slice().buffer
