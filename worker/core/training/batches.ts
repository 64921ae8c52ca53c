// Which sequences a step trains on: epochs in seeded order, one after another without a gap. A step's batch follows from
// (seed, step) alone, so resuming at a step needs nothing but its number.

import { CentramError } from '#core/errors.ts'
import { drawOrder } from '#core/training/random-streams.ts'

export interface BatchPlan {
  readonly sequences: number
  readonly batchSize: number
  /** Steps that show every sequence once, the last one beginning the next epoch where the numbers do not divide. */
  readonly stepsPerEpoch: number
  /** Indices of the sequences of step number `step`, counted from 0. */
  batchAt(step: number): number[]
}

export function createBatchPlan(seed: number, sequences: number, batchSize: number): BatchPlan {
  if (!(Number.isInteger(batchSize) && batchSize >= 1 && Number.isInteger(sequences) && sequences >= 1)) {
    throw new CentramError('BAD_ARGUMENT', `Batches of ${batchSize} cannot be drawn from ${sequences} sequences.`)
  }
  const orders = new Map<number, Uint32Array>()
  const orderOf = (epoch: number): Uint32Array => {
    let order = orders.get(epoch)
    if (order === undefined) {
      order = drawOrder(seed, sequences, epoch)
      // A batch may reach over an epoch's end; nothing older is asked for again in a run.
      if (orders.size >= 2) orders.delete(Math.min(...orders.keys()))
      orders.set(epoch, order)
    }
    return order
  }
  return {
    sequences,
    batchSize,
    stepsPerEpoch: Math.ceil(sequences / batchSize),
    batchAt: (step) =>
      Array.from({ length: batchSize }, (_, i) => {
        const index = step * batchSize + i
        return orderOf(Math.floor(index / sequences))[index % sequences] as number
      }),
  }
}
