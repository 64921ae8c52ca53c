// The published system's exchange: each node is offered what each other had learned by then, one after the other, and mixes it
// into its own where its judge finds it no worse.

import type { MixExchange } from '#core/experiments/experiment.ts'
import { drawOrder } from '#core/training/random-streams.ts'
import type { Change } from '../train/learner.ts'
import { judge, partSeed, stopIfAsked, type Lab } from './lab.ts'
import { mixChanges } from './mix-changes.ts'
import { countOffers, type Offers } from './offers.ts'

/** @param offered what each node offers; of an honest one it is what it learned. */
export async function mixRound(
  lab: Lab,
  learned: readonly Change[],
  offered: readonly Change[],
  exchange: MixExchange,
  round: number,
): Promise<Offers & { readonly changes: readonly Change[] }> {
  const { gate } = exchange
  const changes: Change[] = []
  const taken: { node: number; accepted: boolean }[] = []
  for (const [index, own] of learned.entries()) {
    let change = own
    let score = await judge(lab, change, index, gate)
    for (const peer of drawOrder(partSeed(lab.seed, index, round), learned.length, 1)) {
      if (peer === index) continue
      stopIfAsked(lab)
      const offer = mixChanges(change, offered[peer] as Change, exchange, lab.weights)
      const after = await judge(lab, offer, index, gate)
      const accepted = after === null || score === null || after <= score + gate.tolerance
      taken.push({ node: peer, accepted })
      if (!accepted) continue
      change = offer
      score = after
    }
    changes.push(change)
  }
  return { changes, ...countOffers(lab.experiment, taken) }
}
