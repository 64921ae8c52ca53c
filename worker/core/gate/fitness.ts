// Layer 10: what the adapter does to text that only this node has. It must help the domain it claims, by more than chance
// would (paired bootstrap), and, merged in under its weight, harm none: not its own domain, not others, not general text.

import {
  notRun,
  passed,
  refused,
  type Candidate,
  type GateContext,
  type GateLayer,
  type ProbeLosses,
} from '#core/gate/layer.ts'
import { bootstrapChange, type Interval } from '#core/genome/bootstrap.ts'

export const fitness: GateLayer = {
  name: 'fitness',
  async judge(candidate, context) {
    const { evaluate, rules } = context
    if (!evaluate)
      return notRun('NO_GPU', 'This node cannot run the model, so nobody knows whether the genome helps it.')
    const probes = await evaluate(candidate)
    const limits = rules.fitness
    const own = probes.filter(({ kind }) => kind === 'own')
    if (own.length < limits.leastProbes) {
      return notRun('NO_PROBES', 'This node has too little text of the domain that the genome is for.')
    }
    const seed = await seedFor(candidate, context)
    const change = (
      some: readonly ProbeLosses[],
      before: 'base' | 'current',
      after: 'candidate' | 'merged',
    ): Interval =>
      bootstrapChange(
        some.map((probe) => ({ before: probe[before], after: probe[after], tokens: probe.tokens })),
        limits.confidence,
        seed,
      )

    const figures: Record<string, number> = {}
    /** What it seems to make worse, without that being sure. */
    const suspects: string[] = []
    for (const kind of ['own', 'cross', 'generalist'] as const) {
      const some = probes.filter((probe) => probe.kind === kind)
      if (some.length === 0) continue
      const { mean, low, high } = change(some, 'current', 'merged')
      Object.assign(figures, { [`${kind}_change`]: mean, [`${kind}_low`]: low, [`${kind}_high`]: high })
      if (low > limits.maxHarm) {
        return refused('HARMFUL', `Merged in, it makes the model worse on ${NAMES[kind]}.`, { figures })
      }
      if (low > 0 && mean > limits.maxHarm) suspects.push(NAMES[kind])
    }
    if (suspects.length > 0) {
      const message = `Merged in, it seems to make the model worse on ${suspects.join(' and ')}, but this node has too little text to be sure.`
      return notRun('UNDECIDED', message, figures)
    }
    const alone = change(own, 'base', 'candidate')
    Object.assign(figures, { alone_change: alone.mean, alone_low: alone.low, alone_high: alone.high })
    // One that is too bold alone may be right in a merge, and the other way round.
    if (Math.min(alone.high, figures['own_high'] as number) < -limits.leastGain) {
      return passed('It helps the model with the texts that it is for, and harms no others.', figures)
    }
    if (Math.min(alone.low, figures['own_low'] as number) >= -limits.gainWorthHaving) {
      return refused('USELESS', 'It does not help the model with the texts that it is said to be for.', { figures })
    }
    // Bad luck with few probes must not be taken for bad work, nor the other way round.
    return notRun('UNDECIDED', 'It harms nothing, but this node has too little text to tell whether it helps.', figures)
  },
}

const NAMES = {
  own: 'the texts that it is said to be for',
  cross: 'texts of other kinds that this node cares for',
  generalist: 'general text',
}

/** Draws follow from the genome, so that nobody can have it judged again until it suits; a file's are drawn anew. */
async function seedFor(candidate: Candidate, { random }: GateContext): Promise<number> {
  const id = (await candidate.genome())?.id
  if (id !== undefined) return Number.parseInt(id.slice(0, 8), 16)
  return new DataView(random(4).slice().buffer).getUint32(0)
}
