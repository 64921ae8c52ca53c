// Writes GGUF files for tests, proper or not, without any check.

export type Field =
  | { readonly type: 'u32'; readonly value: number }
  | { readonly type: 'u64'; readonly value: bigint }
  | { readonly type: 'f32'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'i32s'; readonly value: readonly number[] }
  | { readonly type: 'f32s'; readonly value: readonly number[] }
  | { readonly type: 'raw'; readonly value: readonly number[] }

export interface TensorSpec {
  readonly name: string
  /** As the file has it: innermost first. */
  readonly dimensions: readonly number[]
  readonly type: number
  readonly offset: number
}

export interface GgufSpec {
  readonly magic?: string
  readonly version?: number
  readonly tensorCount?: bigint
  readonly keyCount?: bigint
  readonly fields: readonly (readonly [string, Field])[]
  readonly tensors: readonly TensorSpec[]
  /** Of the data section, in bytes. */
  readonly dataBytes: number
  readonly alignment?: number
}

export function buildGguf(spec: GgufSpec): Uint8Array<ArrayBuffer> {
  const out: number[] = []
  const scratch = new DataView(new ArrayBuffer(8))
  const push = (count: number): void => {
    for (let i = 0; i < count; i++) out.push(scratch.getUint8(i))
  }
  const u32 = (value: number): void => {
    scratch.setUint32(0, value, true)
    push(4)
  }
  const u64 = (value: bigint): void => {
    scratch.setBigUint64(0, value, true)
    push(8)
  }
  const f32 = (value: number): void => {
    scratch.setFloat32(0, value, true)
    push(4)
  }
  const text = (value: string): void => {
    const bytes = new TextEncoder().encode(value)
    u64(BigInt(bytes.length))
    out.push(...bytes)
  }
  const list = <T>(type: number, values: readonly T[], write: (value: T) => void): void => {
    u32(9)
    u32(type)
    u64(BigInt(values.length))
    for (const value of values) write(value)
  }

  out.push(...new TextEncoder().encode(spec.magic ?? 'GGUF'))
  u32(spec.version ?? 3)
  u64(spec.tensorCount ?? BigInt(spec.tensors.length))
  u64(spec.keyCount ?? BigInt(spec.fields.length))
  for (const [key, field] of spec.fields) {
    text(key)
    switch (field.type) {
      case 'u32':
        u32(4)
        u32(field.value)
        break
      case 'u64':
        u32(10)
        u64(field.value)
        break
      case 'f32':
        u32(6)
        f32(field.value)
        break
      case 'bool':
        u32(7)
        out.push(field.value ? 1 : 0)
        break
      case 'string':
        u32(8)
        text(field.value)
        break
      case 'strings':
        list(8, field.value, text)
        break
      case 'i32s':
        list(5, field.value, u32)
        break
      case 'f32s':
        list(6, field.value, f32)
        break
      case 'raw':
        out.push(...field.value)
        break
    }
  }
  for (const tensor of spec.tensors) {
    text(tensor.name)
    u32(tensor.dimensions.length)
    for (const length of tensor.dimensions) u64(BigInt(length))
    u32(tensor.type)
    u64(BigInt(tensor.offset))
  }
  const alignment = spec.alignment ?? 32
  while (out.length % alignment !== 0) out.push(0)
  const bytes = new Uint8Array(out.length + spec.dataBytes)
  bytes.set(out)
  return bytes
}

/** A whole Llama model of one layer, small enough to mutate; its fields and tensors can be changed. */
export function tinyLlama(
  change: (spec: { fields: Map<string, Field>; tensors: TensorSpec[] }) => void = () => undefined,
) {
  const tokens = ['<unk>', '<s>', '</s>', 'a', 'b', 'ab', '<|im_end|>', 'c']
  const fields = new Map<string, Field>([
    ['general.architecture', { type: 'string', value: 'llama' }],
    ['llama.context_length', { type: 'u32', value: 64 }],
    ['llama.embedding_length', { type: 'u32', value: 8 }],
    ['llama.block_count', { type: 'u32', value: 1 }],
    ['llama.feed_forward_length', { type: 'u32', value: 16 }],
    ['llama.attention.head_count', { type: 'u32', value: 2 }],
    ['llama.attention.head_count_kv', { type: 'u32', value: 1 }],
    ['llama.attention.layer_norm_rms_epsilon', { type: 'f32', value: 1e-5 }],
    ['llama.rope.freq_base', { type: 'f32', value: 10_000 }],
    ['tokenizer.ggml.model', { type: 'string', value: 'llama' }],
    ['tokenizer.ggml.tokens', { type: 'strings', value: tokens }],
    ['tokenizer.ggml.scores', { type: 'f32s', value: tokens.map((_, i) => -i) }],
    ['tokenizer.ggml.token_type', { type: 'i32s', value: [2, 3, 3, 1, 1, 1, 3, 1] }],
    ['tokenizer.ggml.bos_token_id', { type: 'u32', value: 1 }],
    ['tokenizer.ggml.eos_token_id', { type: 'u32', value: 2 }],
  ])
  const shapes: [string, number[]][] = [
    ['token_embd.weight', [8, 8]],
    ['output_norm.weight', [8]],
    ['blk.0.attn_norm.weight', [8]],
    ['blk.0.attn_q.weight', [8, 8]],
    ['blk.0.attn_k.weight', [8, 4]],
    ['blk.0.attn_v.weight', [8, 4]],
    ['blk.0.attn_output.weight', [8, 8]],
    ['blk.0.ffn_norm.weight', [8]],
    ['blk.0.ffn_gate.weight', [8, 16]],
    ['blk.0.ffn_up.weight', [8, 16]],
    ['blk.0.ffn_down.weight', [16, 8]],
  ]
  let offset = 0
  const tensors = shapes.map(([name, dimensions]): TensorSpec => {
    const placed = { name, dimensions, type: 0, offset }
    offset += Math.ceil(dimensions.reduce((a, b) => a * b, 4) / 32) * 32
    return placed
  })
  change({ fields, tensors })
  return { fields: [...fields], tensors, dataBytes: offset }
}
