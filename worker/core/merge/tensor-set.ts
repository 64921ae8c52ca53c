// The tensors of one input of a merge, over one safetensors file or many: found by name, read one at a time, and hashed.

import { CentramError } from '#core/errors.ts'
import { encodeCanonical } from '#core/crypto/canonical.ts'
import type { ByteSource } from '#core/formats/byte-source.ts'
import { readSafetensors } from '#core/formats/safetensors.ts'
import { floatToBfloat, floatToHalf, halfToFloat } from '#core/numeric/half.ts'

export interface StoredTensor {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  readonly source: ByteSource
  readonly offset: number
  readonly byteLength: number
}

export interface TensorSet {
  /** What a person would call the input. */
  readonly name: string
  readonly tensors: ReadonlyMap<string, StoredTensor>
}

/** A running SHA-256. */
export interface Hasher {
  update(bytes: Uint8Array): void
  digest(): Uint8Array
}

const CHUNK_BYTES = 8 * 1024 * 1024
const FLOATS = ['F32', 'F16', 'BF16']

export const isFloat = (tensor: { readonly dtype: string }): boolean => FLOATS.includes(tensor.dtype)

export async function openTensorSet(
  name: string,
  sources: readonly ByteSource[],
  signal?: AbortSignal,
): Promise<TensorSet> {
  const tensors = new Map<string, StoredTensor>()
  for (const source of sources) {
    for (const entry of (await readSafetensors(source, signal)).entries) {
      if (tensors.has(entry.name)) {
        throw new CentramError('FORMAT_INVALID', `${source.name}: the tensor "${entry.name}" is in ${name} twice.`)
      }
      tensors.set(entry.name, { ...entry, source })
    }
  }
  if (tensors.size === 0) throw new CentramError('FORMAT_INVALID', `${name}: it holds no tensors.`)
  return { name, tensors }
}

export const readBytes = ({ source, offset, byteLength }: StoredTensor, signal?: AbortSignal): Promise<Uint8Array> =>
  source.read(offset, byteLength, signal)

/** The values of an F32, F16 or BF16 tensor, exactly. */
export async function readFloats(tensor: StoredTensor, signal?: AbortSignal): Promise<Float32Array> {
  const bytes = await readBytes(tensor, signal)
  if (tensor.dtype === 'F32') return new Float32Array(aligned(bytes, 4).buffer)
  const words = new Uint16Array(aligned(bytes, 2).buffer)
  const values = new Float32Array(words.length)
  if (tensor.dtype === 'BF16') {
    const bits = new Int32Array(values.buffer)
    for (let i = 0; i < words.length; i++) bits[i] = words[i]! << 16
  } else {
    for (let i = 0; i < words.length; i++) values[i] = halfToFloat(words[i]!)
  }
  return values
}

/** `values` as stored in `dtype`: rounded to nearest, ties to even. */
export function encodeFloats(values: Float32Array, dtype: string): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const words = new Uint16Array(values.length)
  if (dtype === 'F16') for (let i = 0; i < words.length; i++) words[i] = floatToHalf(values[i]!)
  else for (let i = 0; i < words.length; i++) words[i] = floatToBfloat(values[i]!)
  return new Uint8Array(words.buffer)
}

/** A copy only where the bytes do not fill their buffer from an aligned start. */
function aligned(bytes: Uint8Array, width: number): Uint8Array {
  const whole = bytes.byteOffset % width === 0 && bytes.byteOffset === 0 && bytes.length === bytes.buffer.byteLength
  return whole ? bytes : new Uint8Array(bytes)
}

/**
 * Adds all tensors to a hash, in the order of their names, each as canonical CBOR of [name, type, shape] and its bytes:
 * the same for the same tensors, however they are spread over files.
 */
export async function hashTensors(set: TensorSet, hasher: Hasher, signal?: AbortSignal): Promise<void> {
  for (const name of [...set.tensors.keys()].sort()) {
    const { dtype, shape, source, offset, byteLength } = set.tensors.get(name)!
    hasher.update(encodeCanonical([name, dtype, shape]))
    for (let at = 0; at < byteLength; at += CHUNK_BYTES) {
      hasher.update(await source.read(offset + at, Math.min(CHUNK_BYTES, byteLength - at), signal))
    }
  }
}
