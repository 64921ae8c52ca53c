// What a model file says of one tensor, and the block layout of every stored element type.

export type DType = 'F32' | 'F16' | 'BF16' | 'Q8_0' | 'Q4_0' | 'Q4_1' | 'Q5_0' | 'Q5_1' | 'Q4_K' | 'Q5_K' | 'Q6_K'

/** Elements and bytes of one block, as laid out in the GGUF specification (ggml block structs). */
export const BLOCKS: Readonly<Record<DType, { readonly elements: number; readonly bytes: number }>> = {
  F32: { elements: 1, bytes: 4 },
  F16: { elements: 1, bytes: 2 },
  BF16: { elements: 1, bytes: 2 },
  Q8_0: { elements: 32, bytes: 34 },
  Q4_0: { elements: 32, bytes: 18 },
  Q4_1: { elements: 32, bytes: 20 },
  Q5_0: { elements: 32, bytes: 22 },
  Q5_1: { elements: 32, bytes: 24 },
  Q4_K: { elements: 256, bytes: 144 },
  Q5_K: { elements: 256, bytes: 176 },
  Q6_K: { elements: 256, bytes: 210 },
}

export interface TensorEntry {
  /** Canonical (GGUF) name, such as `blk.3.attn_q.weight`, whatever the file called it. */
  readonly name: string
  readonly dtype: DType
  /** Row-major, innermost last: a linear weight is `[out, in]`. */
  readonly shape: readonly number[]
  /** Index into the model's `sources`. */
  readonly source: number
  /** Absolute position in that source, in bytes. */
  readonly offset: number
  readonly byteLength: number
  /** Set where the file stores the matrix as `[in, out]` (GPT-2's Conv1D); `shape` is already `[out, in]`. */
  readonly transposed?: true
}

/** Bytes of `elements` elements of `dtype`; the count must be whole blocks. */
export function byteLengthOf(dtype: DType, elements: number): number {
  const block = BLOCKS[dtype]
  return (elements / block.elements) * block.bytes
}
