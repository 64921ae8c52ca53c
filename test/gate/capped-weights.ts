// How the suite merges what the gate let in: alike, but none above the cap.

/**
 * Weights that add up to 1 at most, none above `cap`; what the cap takes from one is shared among the others as they were
 * weighed. Too few genomes to fill the whole leave the rest to the base model.
 */
export function capWeights(weights: readonly number[], cap: number): number[] {
  const capped = new Set<number>()
  for (;;) {
    const free = weights.map((weight, i) => (capped.has(i) ? 0 : Math.max(0, weight)))
    const sum = free.reduce((total, weight) => total + weight, 0)
    const room = Math.max(0, 1 - cap * capped.size)
    const shares = free.map((weight, i) => (capped.has(i) ? cap : sum > 0 ? (room * weight) / sum : 0))
    const above = shares.flatMap((share, i) => (share > cap && !capped.has(i) ? [i] : []))
    if (above.length === 0) return shares
    for (const i of above) capped.add(i)
  }
}
