// The LoRA step of a GPT-2 as one jitted function of jax-js: forward, loss, gradients, clipping, AdamW. The arithmetic is
// that of worker/train; who takes a reference with `.ref` keeps the array, all else hands it over.

import { jit, nn, numpy as np, valueAndGrad } from '@jax-js/jax'
import type { ModelConfig } from '#core/formats/model-config.ts'
import type { TrainingPlan } from '#core/training/training-plan.ts'

type Pair = { a: np.Array; b: np.Array }
/** By module, `blk.0.attn_qkv`; A is `[inputs, rank]`, B `[rank, outputs]`. */
export type Pairs = Record<string, Pair>
/** By canonical name; matrices are `[inputs, outputs]`, tables `[rows, width]`. */
export type Frozen = Record<string, np.Array>
export type State = { pairs: Pairs; first: Pairs; second: Pairs }
/** `[sequences, length]`; targets one-hot, `[sequences · length, vocabulary]`. */
export type Batch = { tokens: np.Array; targets: np.Array }
/** What the rates of worker/core/numeric/adamw.ts come to in this step. */
export type Rates = { keep: np.Array; stepSize: np.Array; rootCorrection: np.Array }

export interface StepShape {
  readonly config: ModelConfig
  readonly plan: TrainingPlan
  readonly scale: number
  readonly sequences: number
  readonly length: number
}

export function createStep({ config, plan, scale, sequences, length }: StepShape) {
  const { width, heads, headDim, layers, normEpsilon } = config
  const rows = sequences * length

  const norm = (x: np.Array, weight: np.Array, bias: np.Array): np.Array => {
    const centred = np.subtract(x.ref, np.mean(x, -1, { keepdims: true }))
    const variance = np.mean(np.square(centred.ref), -1, { keepdims: true })
    return centred
      .div(np.sqrt(variance.add(normEpsilon)))
      .mul(weight)
      .add(bias)
  }

  /** Mean loss in nats of the batch. Consumes nothing but its own references. */
  function lossOf(pairs: Pairs, frozen: Frozen, { tokens, targets }: Batch): np.Array {
    const weight = (name: string): np.Array => (frozen[name] as np.Array).ref
    const linear = (name: string, input: np.Array): np.Array => {
      const { a, b } = pairs[name] as Pair
      const low = np.matmul(np.matmul(input.ref, a), b)
      return np
        .matmul(input, weight(`${name}.weight`))
        .add(weight(`${name}.bias`))
        .add(low.mul(scale))
    }
    const normed = (name: string, x: np.Array) => norm(x, weight(`${name}.weight`), weight(`${name}.bias`))

    const positions = weight('position_embd.weight').slice([0, length])
    let x = np.take(weight('token_embd.weight'), tokens, 0).add(positions).reshape([rows, width])
    for (let layer = 0; layer < layers; layer++) {
      const at = `blk.${layer}`
      const [query, key, value] = np.split(linear(`${at}.attn_qkv`, normed(`${at}.attn_norm`, x.ref)), 3, -1) as [
        np.Array,
        np.Array,
        np.Array,
      ]
      const inHeads = (part: np.Array) => part.reshape([sequences, length, heads, headDim])
      const attended = nn.dotProductAttention(inHeads(query), inHeads(key), inHeads(value), { isCausal: true })
      x = x.add(linear(`${at}.attn_output`, attended.reshape([rows, heads * headDim])))
      const up = linear(`${at}.ffn_up`, normed(`${at}.ffn_norm`, x.ref))
      x = x.add(linear(`${at}.ffn_down`, nn.gelu(up, { approximate: true })))
    }
    const logits = np.matmul(normed('output_norm', x), np.transpose(weight('token_embd.weight')))
    const picked = nn.logSoftmax(logits, -1).mul(targets)
    for (const array of Object.values(frozen)) array.dispose()
    return np.sum(picked).mul(-1 / rows)
  }

  const step = jit((state: State, frozen: Frozen, batch: Batch, rates: Rates) => {
    const [loss, gradients] = valueAndGrad(lossOf)(copyOf(state.pairs), frozen, batch) as [np.Array, Pairs]
    const squares = leavesOf(gradients).map((gradient) => np.sum(np.square(gradient.ref)))
    const gradientNorm = np.sqrt(squares.reduce((sum, square) => sum.add(square)))
    const factor = np.minimum(np.array(plan.clipNorm).div(gradientNorm.ref.add(1e-6)), 1)

    const next: State = { pairs: {}, first: {}, second: {} }
    for (const [name, pair] of Object.entries(state.pairs)) {
      const updated = { pairs: {}, first: {}, second: {} } as Record<keyof State, Partial<Pair>>
      for (const part of ['a', 'b'] as const) {
        const gradient = (gradients[name] as Pair)[part].mul(factor.ref)
        const first = (state.first[name] as Pair)[part].mul(plan.beta1).add(gradient.ref.mul(1 - plan.beta1))
        const second = (state.second[name] as Pair)[part].mul(plan.beta2).add(np.square(gradient).mul(1 - plan.beta2))
        const root = np.sqrt(second.ref).div(rates.rootCorrection.ref).add(plan.epsilon)
        updated.pairs[part] = pair[part].mul(rates.keep.ref).sub(first.ref.div(root).mul(rates.stepSize.ref))
        updated.first[part] = first
        updated.second[part] = second
      }
      next.pairs[name] = updated.pairs as Pair
      next.first[name] = updated.first as Pair
      next.second[name] = updated.second as Pair
    }
    factor.dispose()
    for (const rate of Object.values(rates)) rate.dispose()
    return { loss, gradientNorm, state: next }
  })
  const forward = jit(lossOf)
  return { step, forward }
}

const leavesOf = (pairs: Pairs): np.Array[] => Object.values(pairs).flatMap(({ a, b }) => [a, b])

const copyOf = (pairs: Pairs): Pairs =>
  Object.fromEntries(Object.entries(pairs).map(([name, { a, b }]) => [name, { a: a.ref, b: b.ref }]))
