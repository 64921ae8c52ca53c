// The toy's forward pass without a GPU, on its weights with any adapters merged into them: losses of texts, and the
// distributions after prompts, whose common beginnings are computed once.

import { readFile } from 'node:fs/promises'
import type { AdapterUpdates } from '#core/gate/layer.ts'
import { multiplyOut, type LowRankUpdate } from '#core/merge/low-rank.ts'
import { dequantise } from '#core/numeric/dequantise.ts'
import { geluOf } from '#core/numeric/gelu.ts'
import { openToy } from '#core/toy/toy-model.ts'
import type { PackedSequence } from '#core/training/pack-sequences.ts'
import { createMatrixProduct } from './matrix-product.ts'

export type ToyWeights = ReadonlyMap<string, Float32Array>

/** ΔW that is added to the base model, times its weight. */
export interface Share {
  readonly updates: AdapterUpdates
  readonly weight: number
}

export interface ToyModel {
  /** Sum of the losses of each sequence, in nats. */
  losses(sequences: readonly PackedSequence[]): number[]
  /** Natural logarithms of the next token's distribution after each prompt. */
  next(prompts: readonly Uint32Array[]): Float32Array[]
}

const [WIDTH, HEADS, HEAD, FFN, LAYERS, VOCABULARY] = [128, 4, 32, 512, 4, 256]
const EPSILON = 1e-5
const MODEL_FILE = new URL('../../web/public/models/toy/model.safetensors', import.meta.url)

export async function readToyWeights(): Promise<ToyWeights> {
  const model = await openToy(new Uint8Array(await readFile(MODEL_FILE)))
  const weights = new Map<string, Float32Array>()
  for (const [name, { dtype, shape, source, offset, byteLength, transposed }] of model.tensors) {
    const bytes = await model.sources[source]?.read(offset, byteLength)
    if (!bytes) throw new Error(`${name} has no source`)
    const values = dequantise(dtype, bytes)
    const [out = 0, inner = 1] = shape
    weights.set(
      name,
      transposed ? values.map((_, i) => values[(i % inner) * out + Math.floor(i / inner)] as number) : values,
    )
  }
  return weights
}

/** Nodes of a tree of tokens: each follows its parent, -1 at a beginning. */
interface Tree {
  readonly tokens: number[]
  readonly parents: number[]
  readonly positions: number[]
}

/** Columns of one pass. */
const MOST_COLUMNS = 2048
const round16 = (count: number) => Math.ceil(count / 16) * 16

export function createToyEngine(base: ToyWeights): { load(shares: readonly Share[]): ToyModel } {
  const linears = [...base].filter(([name]) => /^blk\..*\.weight$/.test(name) && !name.includes('norm'))
  const modelFloats = linears.reduce((sum, [, { length }]) => sum + length, 0)
  const scratchFloats = (4 * WIDTH + 3 * WIDTH + FFN + VOCABULARY) * MOST_COLUMNS
  const memory = new WebAssembly.Memory({ initial: 1 })
  const product = createMatrixProduct(memory)
  const head = base.get('token_embd.weight') as Float32Array
  let used = 0
  const reserve = (floats: number): number => {
    const at = used
    used += Math.ceil(floats / 16) * 64
    const missing = used - memory.buffer.byteLength
    if (missing > 0) memory.grow(Math.ceil(missing / 65_536))
    return at
  }
  const scratch = reserve(scratchFloats)
  const headAt = reserve(head.length)
  view(headAt, head.length).set(head)
  const free: number[] = []
  const released = new FinalizationRegistry<number>((at) => free.push(at))

  function view(at: number, floats: number): Float32Array {
    return new Float32Array(memory.buffer, at, floats)
  }

  function load(shares: readonly Share[]): ToyModel {
    const first = free.pop() ?? reserve(modelFloats)
    const places = new Map<string, number>()
    let at = first
    for (const [name, values] of linears) {
      const weights = view(at, values.length)
      weights.set(values)
      for (const { updates, weight } of shares) {
        const update = updates.get(name.replace('.weight', ''))
        if (!update || weight === 0) continue
        addTimes(weights, multipliedOut(update), weight)
      }
      places.set(name, at)
      at += values.length * 4
    }

    /** Logits of the wanted nodes, `[VOCABULARY, columns]`. */
    function forward(tree: Tree, wanted: readonly number[]): { logits: Float32Array; columns: number } {
      const count = tree.tokens.length
      const columns = round16(count)
      const columnBytes = columns * 4
      let next = scratch
      const take = (rows: number) => {
        const begin = next
        next += rows * columnBytes
        return { at: begin, values: view(begin, rows * columns) }
      }
      const stream = take(WIDTH)
      const normed = take(WIDTH)
      const vectors = take(3 * WIDTH)
      const attended = take(WIDTH)
      const wide = take(FFN)
      embed(tree, stream.values, columns)
      const linear = (
        name: string,
        x: { at: number },
        y: { at: number; values: Float32Array },
        rows: number,
        inner: number,
      ) => {
        product(places.get(`${name}.weight`) as number, x.at, y.at, rows, inner, columnBytes)
        addRows(y.values, base.get(`${name}.bias`) as Float32Array, columns)
      }
      for (let layer = 0; layer < LAYERS; layer++) {
        const name = `blk.${layer}`
        normalise(stream.values, normed.values, `${name}.attn_norm`, columns)
        linear(`${name}.attn_qkv`, normed, vectors, 3 * WIDTH, WIDTH)
        attend(tree, vectors.values, attended.values, columns)
        linear(`${name}.attn_output`, attended, normed, WIDTH, WIDTH)
        addTo(stream.values, normed.values)
        normalise(stream.values, normed.values, `${name}.ffn_norm`, columns)
        linear(`${name}.ffn_up`, normed, wide, FFN, WIDTH)
        activate(wide.values)
        linear(`${name}.ffn_down`, wide, normed, WIDTH, FFN)
        addTo(stream.values, normed.values)
      }
      normalise(stream.values, normed.values, 'output_norm', columns)
      const chosen = round16(wanted.length)
      const input = view(attended.at, WIDTH * chosen)
      for (let i = 0; i < WIDTH; i++) {
        for (let c = 0; c < chosen; c++) input[i * chosen + c] = normed.values[i * columns + (wanted[c] ?? 0)] as number
      }
      product(headAt, attended.at, wide.at, VOCABULARY, WIDTH, chosen * 4)
      return { logits: view(wide.at, VOCABULARY * chosen), columns: chosen }
    }

    const model: ToyModel = {
      losses(sequences) {
        const sums: number[] = []
        for (const group of groupBy(sequences, ({ tokens }) => tokens.length)) {
          const tree: Tree = { tokens: [], parents: [], positions: [] }
          const wanted: number[] = []
          const targets: { target: number; sequence: number }[] = []
          for (const [s, { tokens, targets: next }] of group.entries()) {
            tokens.forEach((token, i) => {
              const node = tree.tokens.push(token) - 1
              tree.parents.push(i === 0 ? -1 : node - 1)
              tree.positions.push(i)
              const target = next[i] as number
              if (target < VOCABULARY) {
                wanted.push(node)
                targets.push({ target, sequence: s })
              }
            })
          }
          const { logits, columns } = forward(tree, wanted)
          const losses = new Array<number>(group.length).fill(0)
          for (const [c, { target, sequence }] of targets.entries()) {
            losses[sequence] =
              (losses[sequence] as number) + logSum(logits, c, columns) - (logits[target * columns + c] as number)
          }
          sums.push(...losses)
        }
        return sums
      },
      next(prompts) {
        const all: Float32Array[] = []
        for (const group of groupBy(prompts, ({ length }) => length)) {
          const { tree, ends } = plantTree(group)
          const { logits, columns } = forward(tree, ends)
          for (let c = 0; c < ends.length; c++) {
            const total = logSum(logits, c, columns)
            all.push(Float32Array.from({ length: VOCABULARY }, (_, v) => (logits[v * columns + c] as number) - total))
          }
        }
        return all
      },
    }
    released.register(model, first)
    return model
  }

  function embed({ tokens, positions }: Tree, out: Float32Array, columns: number): void {
    const place = base.get('position_embd.weight') as Float32Array
    out.fill(0)
    for (let c = 0; c < tokens.length; c++) {
      for (let i = 0; i < WIDTH; i++) {
        out[i * columns + c] =
          (head[(tokens[c] as number) * WIDTH + i] as number) + (place[(positions[c] as number) * WIDTH + i] as number)
      }
    }
  }

  function normalise(input: Float32Array, out: Float32Array, name: string, columns: number): void {
    const weight = base.get(`${name}.weight`) as Float32Array
    const bias = base.get(`${name}.bias`) as Float32Array
    const mean = new Float64Array(columns)
    const squares = new Float64Array(columns)
    for (let i = 0; i < WIDTH; i++) {
      for (let c = 0; c < columns; c++) {
        const value = input[i * columns + c] as number
        mean[c] = (mean[c] as number) + value
        squares[c] = (squares[c] as number) + value * value
      }
    }
    for (let c = 0; c < columns; c++) {
      mean[c] = (mean[c] as number) / WIDTH
      squares[c] = 1 / Math.sqrt((squares[c] as number) / WIDTH - (mean[c] as number) ** 2 + EPSILON)
    }
    for (let i = 0; i < WIDTH; i++) {
      for (let c = 0; c < columns; c++) {
        const at = i * columns + c
        out[at] =
          ((input[at] as number) - (mean[c] as number)) * (squares[c] as number) * (weight[i] as number) +
          (bias[i] as number)
      }
    }
  }

  return { load }
}

function groupBy<T>(items: readonly T[], columnsOf: (item: T) => number): T[][] {
  const groups: T[][] = []
  let room = 0
  for (const item of items) {
    if (columnsOf(item) > room) {
      groups.push([])
      room = MOST_COLUMNS
    }
    groups.at(-1)?.push(item)
    room -= columnsOf(item)
  }
  return groups
}

function plantTree(prompts: readonly Uint32Array[]): { readonly tree: Tree; readonly ends: number[] } {
  const tree: Tree = { tokens: [], parents: [], positions: [] }
  const nodes = new Map<number, number>()
  const ends = prompts.map((prompt) => {
    let parent = -1
    prompt.forEach((token, position) => {
      const key = (parent + 1) * VOCABULARY + token
      let node = nodes.get(key)
      if (node === undefined) {
        node = tree.tokens.push(token) - 1
        tree.parents.push(parent)
        tree.positions.push(position)
        nodes.set(key, node)
      }
      parent = node
    })
    return parent
  })
  return { tree, ends }
}

function attend({ tokens, parents }: Tree, vectors: Float32Array, out: Float32Array, columns: number): void {
  const count = tokens.length
  // By node, so that a node's query, key and value lie together.
  const turned = new Float64Array(count * 3 * WIDTH)
  for (let i = 0; i < 3 * WIDTH; i++) {
    for (let c = 0; c < count; c++) turned[c * 3 * WIDTH + i] = vectors[i * columns + c] as number
  }
  out.fill(0)
  const chain = new Int32Array(128)
  const scores = new Float64Array(128)
  const scale = 1 / Math.sqrt(HEAD)
  for (let c = 0; c < count; c++) {
    let length = 0
    for (let node = c; node >= 0; node = parents[node] as number) chain[length++] = node * 3 * WIDTH
    for (let h = 0; h < HEADS; h++) {
      const q = c * 3 * WIDTH + h * HEAD
      let most = -Infinity
      for (let k = 0; k < length; k++) {
        const key = (chain[k] as number) + WIDTH + h * HEAD
        // Four sums at once: one would wait for itself.
        let [s0, s1, s2, s3] = [0, 0, 0, 0]
        for (let i = 0; i < HEAD; i += 4) {
          s0 += (turned[q + i] as number) * (turned[key + i] as number)
          s1 += (turned[q + i + 1] as number) * (turned[key + i + 1] as number)
          s2 += (turned[q + i + 2] as number) * (turned[key + i + 2] as number)
          s3 += (turned[q + i + 3] as number) * (turned[key + i + 3] as number)
        }
        const score = (s0 + s1 + s2 + s3) * scale
        scores[k] = score
        if (score > most) most = score
      }
      let mass = 0
      for (let k = 0; k < length; k++) {
        const p = Math.exp((scores[k] as number) - most)
        scores[k] = p
        mass += p
      }
      for (let i = 0; i < HEAD; i += 4) {
        let [s0, s1, s2, s3] = [0, 0, 0, 0]
        for (let k = 0; k < length; k++) {
          const p = scores[k] as number
          const value = (chain[k] as number) + 2 * WIDTH + h * HEAD + i
          s0 += p * (turned[value] as number)
          s1 += p * (turned[value + 1] as number)
          s2 += p * (turned[value + 2] as number)
          s3 += p * (turned[value + 3] as number)
        }
        const at = (h * HEAD + i) * columns + c
        out[at] = s0 / mass
        out[at + columns] = s1 / mass
        out[at + 2 * columns] = s2 / mass
        out[at + 3 * columns] = s3 / mass
      }
    }
  }
}

/** Adapters are merged again and again. */
const products = new WeakMap<LowRankUpdate, Float32Array>()

function multipliedOut(update: LowRankUpdate): Float32Array {
  const known = products.get(update) ?? multiplyOut(update)
  products.set(update, known)
  return known
}

function addTimes(values: Float32Array, other: Float32Array, weight: number): void {
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) + weight * (other[i] as number)
}

function addRows(values: Float32Array, bias: Float32Array, columns: number): void {
  for (let i = 0; i < bias.length; i++) {
    const add = bias[i] as number
    for (let at = i * columns; at < (i + 1) * columns; at++) values[at] = (values[at] as number) + add
  }
}

function addTo(values: Float32Array, other: Float32Array): void {
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) + (other[i] as number)
}

/** GELU by a table: a tanh for each of 2,048 values a token would take as long as the matrices. */
const REACH = 8
const STEPS_A_UNIT = 512
const TABLE = Float64Array.from({ length: 2 * REACH * STEPS_A_UNIT + 2 }, (_, i) => geluOf(i / STEPS_A_UNIT - REACH))

function activate(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) {
    const x = values[i] as number
    if (x >= REACH) continue
    if (x <= -REACH) {
      values[i] = 0
      continue
    }
    const at = (x + REACH) * STEPS_A_UNIT
    const low = Math.floor(at)
    const below = TABLE[low] as number
    values[i] = below + (at - low) * ((TABLE[low + 1] as number) - below)
  }
}

function logSum(logits: Float32Array, column: number, columns: number): number {
  let most = -Infinity
  for (let v = 0; v < VOCABULARY; v++) most = Math.max(most, logits[v * columns + column] as number)
  let mass = 0
  for (let v = 0; v < VOCABULARY; v++) mass += Math.exp((logits[v * columns + column] as number) - most)
  return most + Math.log(mass)
}
