// A model of the built-in one's kind (GPT-2 over bytes), as large as a test wants it, with weights that mean nothing: for
// tests of how files travel.

const BYTES_PER_WEIGHT = 4

export interface ByteModel {
  readonly 'config.json': Buffer
  readonly 'model.safetensors': Buffer
}

export function createByteModel(width: number, layers: number): ByteModel {
  const config = {
    architectures: ['GPT2LMHeadModel'],
    model_type: 'gpt2',
    activation_function: 'gelu_new',
    n_embd: width,
    n_layer: layers,
    n_head: 4,
    n_positions: 128,
    n_inner: null,
    vocab_size: 256,
    layer_norm_epsilon: 1e-5,
    tie_word_embeddings: true,
    torch_dtype: 'float32',
    centram_tokenizer: 'bytes',
  }
  return {
    'config.json': Buffer.from(JSON.stringify(config)),
    'model.safetensors': packSafetensors(shapesOf(width, layers)),
  }
}

function shapesOf(width: number, layers: number): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>()
  for (let layer = 0; layer < layers; layer++) {
    const block = `transformer.h.${layer}`
    for (const norm of ['ln_1', 'ln_2']) {
      shapes.set(`${block}.${norm}.weight`, [width]).set(`${block}.${norm}.bias`, [width])
    }
    const linear = (name: string, from: number, to: number) =>
      shapes.set(`${block}.${name}.weight`, [from, to]).set(`${block}.${name}.bias`, [to])
    linear('attn.c_attn', width, 3 * width)
    linear('attn.c_proj', width, width)
    linear('mlp.c_fc', width, 4 * width)
    linear('mlp.c_proj', 4 * width, width)
  }
  shapes.set('transformer.ln_f.weight', [width]).set('transformer.ln_f.bias', [width])
  return shapes.set('transformer.wpe.weight', [128, width]).set('transformer.wte.weight', [256, width])
}

/** The safetensors layout: the header's length in 8 bytes, the header, the tensors one after another. */
function packSafetensors(shapes: ReadonlyMap<string, readonly number[]>): Buffer {
  const header: Record<string, object> = {}
  let end = 0
  for (const [name, shape] of shapes) {
    const start = end
    end += shape.reduce((product, size) => product * size, BYTES_PER_WEIGHT)
    header[name] = { dtype: 'F32', shape, data_offsets: [start, end] }
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  const weights = new Float32Array(end / BYTES_PER_WEIGHT)
  for (let index = 0; index < weights.length; index++) weights[index] = ((index * 7919) % 257) / 2570 - 0.05
  return Buffer.concat([length, text, Buffer.from(weights.buffer)])
}
