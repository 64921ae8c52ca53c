// Softmax cross-entropy of rows of logits, and its gradient, in double. A row whose target is `noTarget` carries no loss.

import { zerosLike, type Floats, type Like } from './floats.ts'

export interface CrossEntropyResult<T extends Floats> {
  /** Of every row, unscaled. */
  readonly losses: Like<T>
  /** `[rows, vocabulary]`: (softmax - one-hot) · scale */
  readonly gradient: Like<T>
}

export function crossEntropy<T extends Floats>(
  logits: T,
  vocabulary: number,
  targets: Uint32Array,
  scale: number,
  noTarget = 0xffffffff,
): CrossEntropyResult<T> {
  const losses = zerosLike(logits, targets.length)
  const gradient = zerosLike(logits, logits.length)
  targets.forEach((target, row) => {
    if (target === noTarget) return
    const first = row * vocabulary
    const own = Array.from(logits.subarray(first, first + vocabulary))
    const maximum = own.reduce((most, logit) => Math.max(most, logit), -Infinity)
    let mass = 0
    for (const logit of own) mass += Math.exp(logit - maximum)
    losses[row] = Math.log(mass) + maximum - (own[target] as number)
    own.forEach((logit, i) => {
      gradient[first + i] = (Math.exp(logit - maximum) / mass - (i === target ? 1 : 0)) * scale
    })
  })
  return { losses, gradient }
}
