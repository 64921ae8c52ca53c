// Drafts without a draft model: what followed the last few tokens the last time they stood in the text is proposed to follow
// them again (prompt lookup decoding, Saxena 2023). Right where an answer repeats its prompt, as summaries and edits of code do.

export interface PromptLookup {
  /** Appends a token to the text. */
  push(token: number): void
  /**
   * What may come next, or null where the text's end is new in it. Of the places where its last two tokens stood before, the
   * one that shares the longest stretch with the end is followed, the latest of equals.
   */
  propose(): Proposal | null
}

export interface Proposal {
  /** Tokens that the end of the text shares with the place that is followed: 2 to 16, or more. */
  readonly match: number
  /** The next `depth` tokens by it; valid until the text grows. */
  take(depth: number): number[]
}

/** Places looked at for one proposal, at most, the latest first. */
const MAX_PLACES = 32
/** Shared tokens beyond this make no place better. */
const MAX_MATCH = 16
const NOWHERE = -1

export function createPromptLookup(text: readonly number[]): PromptLookup {
  const tokens: number[] = []
  /** Where each pair of tokens ended last, by `pairKey`. */
  const latest = new Map<number, number>()
  /** For each place, where the pair that ends there ended before. */
  const before: number[] = []

  function push(token: number): void {
    const place = tokens.push(token) - 1
    const key = pairKey(tokens[place - 1], token)
    before.push(latest.get(key) ?? NOWHERE)
    if (place > 0) latest.set(key, place)
  }

  /** Tokens that the text up to `place` and the whole text end with alike. */
  function matchAt(place: number): number {
    const end = tokens.length - 1
    let length = 0
    while (length < MAX_MATCH && place >= length && tokens[place - length] === tokens[end - length]) length++
    return length
  }

  for (const token of text) push(token)
  return {
    push,
    propose() {
      const end = tokens.length - 1
      let best = NOWHERE
      let bestMatch = 0
      let place = before[end] ?? NOWHERE
      for (let looked = 0; place !== NOWHERE && looked < MAX_PLACES; looked++) {
        const match = matchAt(place)
        if (match > bestMatch) [best, bestMatch] = [place, match]
        place = before[place] ?? NOWHERE
      }
      if (best === NOWHERE) return null
      // A stretch that reaches the end of the text goes on with itself: the text repeats a period.
      const period = end - best
      return {
        match: bestMatch,
        take: (depth) => Array.from({ length: depth }, (_, index) => tokens[best + 1 + (index % period)] ?? 0),
      }
    },
  }
}

/** Exact for ids below 2^26, far above any vocabulary. */
function pairKey(first: number | undefined, second: number): number {
  return (first ?? 0) * 2 ** 26 + second
}
