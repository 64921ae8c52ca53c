// Picks the next token from logits. A pure function of the logits, the options, the tokens so far and (seed, step), so an
// answer can be repeated or resumed anywhere. Order of the steps, as in Hugging Face transformers: repetition penalty,
// temperature, top-k, top-p, min-p, draw.

import { CentramError } from '#core/errors.ts'
import { uniformAt } from '#core/sampling/philox.ts'

export interface SamplingOptions {
  /** 0 (the default) is greedy. */
  readonly temperature?: number
  /** Keep this many of the likeliest; 0 keeps all. */
  readonly topK?: number
  /** Keep the likeliest whose probabilities just reach this sum; 1 keeps all. */
  readonly topP?: number
  /** Drop what is less than this part as likely as the likeliest; 0 keeps all. */
  readonly minP?: number
  /** Divides positive and multiplies negative logits of the last `REPETITION_WINDOW` tokens (Keskar et al., CTRL); 1 is off. */
  readonly repetitionPenalty?: number
  readonly seed?: number
}

/** How many of the latest tokens the repetition penalty looks at. */
export const REPETITION_WINDOW = 64

/** Logits of the whole vocabulary, or (with `ids`) of its candidates. */
export interface Scores {
  readonly ids?: Uint32Array
  readonly logits: Float32Array
}

/** What may be drawn: likeliest first, equal ones by lower id; probabilities sum to 1. */
export interface Distribution {
  readonly ids: Uint32Array
  readonly probabilities: Float64Array
}

/**
 * The least the head must hand back for these options to be followed exactly: its arg-max, its `candidates` largest
 * logits, or all of them.
 */
export function scoresNeeded(options: SamplingOptions, candidates: number): 'token' | 'top' | 'logits' {
  const { temperature = 0, topK = 0, repetitionPenalty = 1 } = options
  if (temperature === 0 && repetitionPenalty === 1) return 'token'
  const kept = temperature === 0 ? 1 : topK
  if (kept === 0 || repetitionPenalty < 1) return 'logits'
  // A penalty can push as many as it looks at out of the first `kept`.
  const pushed = repetitionPenalty === 1 ? 0 : REPETITION_WINDOW
  return kept + pushed <= candidates ? 'top' : 'logits'
}

/** Throws `BAD_ARGUMENT` where an option is out of range, naming it. */
export function checkSamplingOptions(options: SamplingOptions): void {
  const rules: [keyof SamplingOptions, (value: number) => boolean, string][] = [
    ['temperature', (value) => value >= 0 && Number.isFinite(value), '0 or more'],
    ['topK', (value) => Number.isInteger(value) && value >= 0, 'a whole number, 0 or more'],
    ['topP', (value) => value > 0 && value <= 1, 'above 0 and at most 1'],
    ['minP', (value) => value >= 0 && value <= 1, 'from 0 to 1'],
    ['repetitionPenalty', (value) => value > 0 && Number.isFinite(value), 'above 0'],
    ['seed', (value) => Number.isSafeInteger(value), 'a whole number below 2^53'],
  ]
  for (const [name, isValid, wanted] of rules) {
    const value = options[name]
    if (value !== undefined && !isValid(value)) {
      throw new CentramError('BAD_ARGUMENT', `The sampling option ${name} is ${value}; it must be ${wanted}.`)
    }
  }
}

/** The next token. `tokens` are prompt and answer so far; `step` counts the tokens of the answer. */
export function sampleToken(
  scores: Scores,
  options: SamplingOptions,
  tokens: readonly number[] | Uint32Array,
  step: number,
): number {
  const { ids, probabilities } = distributionOf(scores, options, tokens)
  const target = uniformAt(options.seed ?? 0, step)
  let sum = 0
  for (const [index, probability] of probabilities.entries()) {
    sum += probability
    if (target < sum) return ids[index] ?? 0
  }
  // Rounding may leave the sum a hair below 1.
  return ids.at(-1) ?? 0
}

/** What `sampleToken` draws from. */
export function distributionOf(
  scores: Scores,
  options: SamplingOptions,
  tokens: readonly number[] | Uint32Array,
): Distribution {
  const { temperature = 0, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1 } = options
  const ordered = orderScores(penalise(scores, repetitionPenalty, tokens))
  if (temperature === 0) return { ids: ordered.ids.slice(0, 1), probabilities: Float64Array.of(1) }

  let kept = topK === 0 ? ordered.ids.length : Math.min(topK, ordered.ids.length)
  const best = ordered.logits[0] ?? 0
  const weights = Float64Array.from(ordered.logits.subarray(0, kept), (logit) => Math.exp((logit - best) / temperature))
  if (topP < 1) {
    const whole = sumOf(weights)
    let sum = 0
    let count = 0
    while (count < kept && sum < topP * whole) sum += weights[count++] ?? 0
    kept = Math.max(1, count)
  }
  // The likeliest has weight 1, so its weight times minP is minP itself.
  while (kept > 1 && (weights[kept - 1] ?? 0) < minP) kept--
  const rest = weights.subarray(0, kept)
  const total = sumOf(rest)
  return { ids: ordered.ids.slice(0, kept), probabilities: rest.map((weight) => weight / total) }
}

function penalise(scores: Scores, penalty: number, tokens: readonly number[] | Uint32Array): Scores {
  if (penalty === 1) return scores
  const recent = new Set<number>(tokens.slice(-REPETITION_WINDOW))
  const logits = scores.logits.map((logit, index) => {
    if (!recent.has(scores.ids?.[index] ?? index)) return logit
    return logit > 0 ? logit / penalty : logit * penalty
  })
  return { ...scores, logits }
}

/** Largest logit first, ties by lower id. Throws `GPU_FAILED` when one is not a number. */
export function orderScores({ logits, ids }: Scores): { ids: Uint32Array; logits: Float32Array } {
  if (logits.length === 0 || (ids && ids.length !== logits.length)) {
    throw new CentramError('BAD_ARGUMENT', 'There are no logits to pick a token from.')
  }
  // One f64 holds a logit's order (32 bits) above its id (21 bits), so the native numeric sort does all the work.
  const bits = new Uint32Array(logits.buffer, logits.byteOffset, logits.length)
  const keys = new Float64Array(logits.length)
  for (let index = 0; index < logits.length; index++) {
    const id = ids ? (ids[index] ?? 0) : index
    if (id >= ID_SPAN) throw new CentramError('BAD_ARGUMENT', `Token ids end at ${ID_SPAN - 1}, but one is ${id}.`)
    keys[index] = descendingOrder(bits[index] ?? 0) * ID_SPAN + id
  }
  keys.sort()
  const sortedBits = Uint32Array.from(keys, (key) => bitsFromOrder(Math.floor(key / ID_SPAN)))
  return { ids: Uint32Array.from(keys, (key) => key % ID_SPAN), logits: new Float32Array(sortedBits.buffer) }
}

const ID_SPAN = 2 ** 21
const SIGN = 0x80000000

/** Maps the bits of an f32 so that larger floats give smaller whole numbers; both zeros give the same. */
function descendingOrder(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) throw notANumber()
  return bits > SIGN ? bits : (~bits & 0x7fffffff) >>> 0
}

function bitsFromOrder(order: number): number {
  return order >= SIGN ? order : (~order & 0x7fffffff) >>> 0
}

function notANumber(): CentramError {
  return new CentramError(
    'GPU_FAILED',
    'The model answered with values that are not numbers. Reload the model; if it happens again, its file is damaged ' +
      'or the GPU driver computes wrongly.',
  )
}

const sumOf = (values: Float64Array) => values.reduce((total, value) => total + value, 0)
