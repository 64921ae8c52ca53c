// What authors have spent of their texts' privacy, by their own words: every claim is kept, and ε follows from all of them
// together, by adding up Rényi divergences (composition: Mironov, "Rényi Differential Privacy", arXiv 1702.07476, prop. 1).

import { epsilonOf, RDP_ORDERS, rdpOfStep } from '#core/privacy/rdp-accountant.ts'

/** By genome id. */
export type BudgetRecord = ReadonlyMap<string, TextUse>

/** One training run on a text, as its author describes it. */
export interface TextUse {
  /** Hex. */
  readonly author: string
  /** Hex hash of the text; null where it is not named, which may be any. */
  readonly text: string | null
  /** Null where the text was trained on without any noise. */
  readonly claim: PrivateRun | null
}

export interface PrivateRun {
  readonly sigma: number
  readonly q: number
  readonly steps: number
  readonly delta: number
}

/** Of one author: beyond them no claim is taken, since what is forgotten would be a budget begun anew. */
export const MAX_USES_OF_AUTHOR = 64
const MAX_USES = 8192

/** Other runs of whoever goes by this key, under whichever key they were signed. */
export function usesOf(
  record: BudgetRecord,
  author: string,
  exceptGenome: string,
  isSame: (a: string, b: string) => boolean,
): readonly TextUse[] {
  return [...record].flatMap(([genome, use]) => (genome !== exceptGenome && isSame(use.author, author) ? [use] : []))
}

export function withUse(record: BudgetRecord, genomeId: string, use: TextUse): BudgetRecord {
  const next = new Map(record)
  next.delete(genomeId)
  next.set(genomeId, use)
  if (next.size > MAX_USES) next.delete(next.keys().next().value as string)
  return next
}

/** ε of all the runs together, at `delta`. */
export function composedEpsilon(runs: readonly PrivateRun[], delta: number): number {
  // Authors keep to their settings, and a step's divergence is what takes time.
  const mechanisms = new Map<string, PrivateRun>()
  for (const run of runs) {
    const name = `${run.sigma} ${run.q}`
    mechanisms.set(name, { ...run, steps: run.steps + (mechanisms.get(name)?.steps ?? 0) })
  }
  const together = [...mechanisms.values()]
  const atOrders = RDP_ORDERS.map((order) => {
    const divergence = together.reduce((sum, { sigma, q, steps }) => sum + steps * rdpOfStep({ sigma, q }, order), 0)
    return epsilonOf(divergence, order, delta)
  })
  return Math.min(...atOrders)
}
