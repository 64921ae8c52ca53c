// The built-in model's shape, its weights before training, and its file: a GPT-2 over raw bytes as transformers writes it.

import { toHex, utf8 } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { createMemorySource } from '#core/formats/byte-source.ts'
import { openModel } from '#core/formats/open-model.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { layOutSafetensors } from '#core/formats/safetensors-writer.ts'
import { floatToHalf } from '#core/numeric/half.ts'
import { drawUniform } from '#core/training/random-streams.ts'

export const CONTEXT = 128
const VOCABULARY = 256
const WIDTH = 128
const LAYERS = 4
const HEADS = 4

const CONFIG = {
  architectures: ['GPT2LMHeadModel'],
  model_type: 'gpt2',
  activation_function: 'gelu_new',
  n_embd: WIDTH,
  n_layer: LAYERS,
  n_head: HEADS,
  n_positions: CONTEXT,
  n_inner: null,
  vocab_size: VOCABULARY,
  layer_norm_epsilon: 1e-5,
  scale_attn_weights: true,
  tie_word_embeddings: true,
  attn_pdrop: 0,
  embd_pdrop: 0,
  resid_pdrop: 0,
  bos_token_id: null,
  eos_token_id: null,
  torch_dtype: 'float16',
  centram_tokenizer: 'bytes',
}

/** `config.json` as it lies beside the weights. */
export const toyConfig = (): Uint8Array<ArrayBuffer> => new Uint8Array(utf8(`${JSON.stringify(CONFIG, null, 2)}\n`))

interface ToyTensor {
  /** As the trainer calls it, values row-major `[out, in]`. */
  readonly name: string
  /** As transformers calls it. */
  readonly stored: string
  readonly shape: readonly number[]
  /** Conv1D: stored `[in, out]`. */
  readonly transposed: boolean
  readonly initial: 'normal' | 'residual' | 'ones' | 'zeros'
}

const vector = (name: string, stored: string, length: number, initial: 'ones' | 'zeros'): ToyTensor => ({
  name,
  stored: `transformer.${stored}`,
  shape: [length],
  transposed: false,
  initial,
})

function norm(name: string, stored: string): ToyTensor[] {
  return [
    vector(`${name}.weight`, `${stored}.weight`, WIDTH, 'ones'),
    vector(`${name}.bias`, `${stored}.bias`, WIDTH, 'zeros'),
  ]
}

function linear(name: string, stored: string, out: number, inner: number, initial: 'normal' | 'residual'): ToyTensor[] {
  const weight = { name: `${name}.weight`, stored: `transformer.${stored}.weight`, shape: [out, inner], initial }
  return [{ ...weight, transposed: true }, vector(`${name}.bias`, `${stored}.bias`, out, 'zeros')]
}

const table = (name: string, stored: string, rows: number): ToyTensor => ({
  name,
  stored: `transformer.${stored}`,
  shape: [rows, WIDTH],
  transposed: false,
  initial: 'normal',
})

const TENSORS: readonly ToyTensor[] = [
  table('token_embd.weight', 'wte.weight', VOCABULARY),
  table('position_embd.weight', 'wpe.weight', CONTEXT),
  ...Array.from({ length: LAYERS }, (_, layer) => [
    ...norm(`blk.${layer}.attn_norm`, `h.${layer}.ln_1`),
    ...linear(`blk.${layer}.attn_qkv`, `h.${layer}.attn.c_attn`, 3 * WIDTH, WIDTH, 'normal'),
    ...linear(`blk.${layer}.attn_output`, `h.${layer}.attn.c_proj`, WIDTH, WIDTH, 'residual'),
    ...norm(`blk.${layer}.ffn_norm`, `h.${layer}.ln_2`),
    ...linear(`blk.${layer}.ffn_up`, `h.${layer}.mlp.c_fc`, 4 * WIDTH, WIDTH, 'normal'),
    ...linear(`blk.${layer}.ffn_down`, `h.${layer}.mlp.c_proj`, WIDTH, 4 * WIDTH, 'residual'),
  ]).flat(),
  ...norm('output_norm', 'ln_f'),
]

const elementsOf = ({ shape }: ToyTensor): number => shape.reduce((product, length) => product * length, 1)

/**
 * GPT-2's initialisation (Radford et al. 2019): normal with deviation 0.02, the projections into the residual stream
 * divided by the square root of their number; norms 1, biases 0.
 */
export function initialToyWeights(seed: number): Map<string, Float32Array<ArrayBuffer>> {
  return new Map(TENSORS.map((tensor, part) => [tensor.name, initialValues(tensor, seed, part)]))
}

function initialValues(tensor: ToyTensor, seed: number, part: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(elementsOf(tensor))
  if (tensor.initial === 'zeros') return values
  if (tensor.initial === 'ones') return values.fill(1)
  const deviation = tensor.initial === 'residual' ? 0.02 / Math.sqrt(2 * LAYERS) : 0.02
  return values.map((_, i) => deviation * drawNormal(seed, i, part))
}

/** Box and Muller's transform of two uniform draws. */
function drawNormal(seed: number, index: number, part: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - drawUniform(seed, 'initial', 2 * index, part)))
  return radius * Math.cos(2 * Math.PI * drawUniform(seed, 'initial', 2 * index + 1, part))
}

/** The file of these weights, row-major `[out, in]` by the trainer's names. */
export function encodeToyWeights(
  weights: ReadonlyMap<string, Float32Array>,
  dtype: 'F32' | 'F16',
): Uint8Array<ArrayBuffer> {
  const stored = new Map(
    TENSORS.map((tensor): [string, Uint8Array] => {
      const values = weights.get(tensor.name)
      if (values?.length !== elementsOf(tensor)) throw new RangeError(`${tensor.name} is missing or of another size.`)
      const turned = tensor.transposed ? transpose(values, tensor.shape) : values
      const bits = dtype === 'F16' ? Uint16Array.from(turned, floatToHalf) : turned
      return [tensor.stored, new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength)]
    }),
  )
  const plans = TENSORS.map(({ stored: name, shape, transposed }) => ({
    name,
    dtype,
    shape: transposed ? shape.toReversed() : shape,
  }))
  const ordered = [...stored.keys()].sort().map((name) => stored.get(name) ?? new Uint8Array())
  // A model's fingerprint covers headers and sizes alone: with this a retrained file has another one.
  const layout = layOutSafetensors(plans, { format: 'pt', sha256_of_weights: toHex(sha256(...ordered)) })
  const bytes = new Uint8Array(layout.size)
  bytes.set(layout.header)
  for (const { name, offset } of layout.entries) bytes.set(stored.get(name) ?? [], offset)
  return bytes
}

function transpose(values: Float32Array, [rows = 0, columns = 0]: readonly number[]): Float32Array<ArrayBuffer> {
  const turned = new Float32Array(values.length)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      turned[column * rows + row] = values[row * columns + column] as number
    }
  }
  return turned
}

/** Opens a file of `encodeToyWeights`. */
export function openToy(weights: Uint8Array): Promise<OpenedModel> {
  return openModel([createMemorySource('config.json', toyConfig()), createMemorySource('model.safetensors', weights)])
}
