// The values of a small unquantised tensor (norm weights, biases) as f32.

import { CentramError } from '#core/errors.ts'
import type { TensorEntry } from '#core/formats/tensor-entry.ts'

/** Throws `MODEL_UNSUPPORTED` for a quantised tensor. */
export function vectorValues(entry: TensorEntry, bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (entry.dtype) {
    case 'F32':
      return Float32Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(index * 4, true))
    case 'F16':
      return Float32Array.from({ length: bytes.length / 2 }, (_, index) => halfToFloat(view.getUint16(index * 2, true)))
    case 'BF16': {
      const words = Uint32Array.from({ length: bytes.length / 2 }, (_, index) => view.getUint16(index * 2, true) << 16)
      return new Float32Array(words.buffer)
    }
    default:
      throw new CentramError(
        'MODEL_UNSUPPORTED',
        `The tensor "${entry.name}" is quantised (${entry.dtype}), which norms and biases are in no common file. ` +
          'Choose another conversion of this model.',
      )
  }
}

/** IEEE 754 binary16. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}
