// Greedy pair merging over a sequence of symbols: the best-scored adjacent pair first, ties to the left, until no pair
// is a piece. O(n log n) by a binary heap whose stale entries are skipped.

interface Candidate {
  readonly score: number
  /** Index of the left symbol. */
  readonly left: number
  readonly right: number
  /** Length of the merged text; tells a candidate whose symbols have changed since. */
  readonly length: number
}

/** @param scoreOf the score of a piece, or `undefined` when the text is none. */
export function createMergeQueue(symbols: string[], scoreOf: (merged: string) => number | undefined) {
  const next = symbols.map((_, i) => (i + 1 < symbols.length ? i + 1 : -1))
  const previous = symbols.map((_, i) => i - 1)
  const heap: Candidate[] = []

  const before = (a: Candidate, b: Candidate): boolean => a.score > b.score || (a.score === b.score && a.left < b.left)

  const push = (candidate: Candidate): void => {
    let at = heap.push(candidate) - 1
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = heap[up]
      if (parent === undefined || !before(candidate, parent)) break
      heap[at] = parent
      at = up
    }
    heap[at] = candidate
  }

  const pop = (): Candidate | undefined => {
    const top = heap[0]
    const moved = heap.pop()
    if (top === undefined || moved === undefined || heap.length === 0) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      let best = heap[child]
      const sibling = heap[child + 1]
      if (best !== undefined && sibling !== undefined && before(sibling, best)) {
        best = sibling
        child++
      }
      if (best === undefined || !before(best, moved)) break
      heap[at] = best
      at = child
    }
    heap[at] = moved
    return top
  }

  const offer = (left: number, right: number): void => {
    if (left < 0 || right < 0) return
    const merged = `${symbols[left] ?? ''}${symbols[right] ?? ''}`
    const score = scoreOf(merged)
    if (score !== undefined) push({ score, left, right, length: merged.length })
  }

  return {
    mergeAll(): string[] {
      for (let i = 0; i + 1 < symbols.length; i++) offer(i, i + 1)
      for (let candidate = pop(); candidate !== undefined; candidate = pop()) {
        const { left, right } = candidate
        const a = symbols[left] ?? ''
        const b = symbols[right] ?? ''
        // Merged symbols are left empty.
        if (a === '' || b === '' || a.length + b.length !== candidate.length) continue
        symbols[left] = a + b
        symbols[right] = ''
        const after = next[right] ?? -1
        next[left] = after
        if (after >= 0) previous[after] = left
        offer(previous[left] ?? -1, left)
        offer(left, after)
      }
      return symbols.filter((symbol) => symbol !== '')
    },
  }
}
