// How many drafts to verify at once: what gives the most tokens a second, by the times that steps took and the drafts that
// held. On a link with delay many are nearly free; where every column costs as much as a step, none are worth it. How often
// drafts hold depends on how long a stretch of text they follow, so that is counted by its length.

export interface VerifiedStep {
  /** Drafts handed in beside the token that was certain. */
  readonly drafts: number
  /** Of those, how many held, from the first on. */
  readonly held: number
  readonly milliseconds: number
  /** Tokens that the text's end shared with the place that was followed; 0 without drafts. */
  readonly match: number
}

export interface DraftDepth {
  /** Drafts to verify in the next step, where the text's end shares `match` tokens with an earlier place; 0 is plain decoding. */
  choose(match: number): number
  /** After each step, plain ones too. */
  noteStep(step: VerifiedStep): void
  /** After a plain step for which there was a proposal: whether its first draft would have held. Costs nothing to know. */
  noteUntried(held: boolean, match: number): void
}

/** How far earlier times of a step, and earlier drafts, still count after each new one. */
const TIME_MEMORY = 0.9
const DRAFT_MEMORY = 0.97
/** By how much drafting must be faster than plain decoding. */
const MARGIN = 1.05
/** While it does not pay, one proposal in so many is tried all the same: a column may have become cheaper. */
const PROBE_EVERY = 64
/** Hopeless below this, and not even probed. */
const LEAST_CHANCE = 0.25
/** Classes of matches, each by its least length: letters of a word are shared by chance, phrases are not. */
const MATCHES = [2, 3, 5, 9] as const

export function createDraftDepth(maxDrafts: number): DraftDepth {
  /** Running mean time of a step, by its drafts; null after the first, which may have prepared what later ones find. */
  const times = new Array<number | null | undefined>(maxDrafts + 1)
  // Of each class of matches, one draft that held and one that did not, before there is evidence.
  const classes = MATCHES.map(() => ({ held: 1, tried: 2 }))
  let sinceProbe = 0

  const classOf = (match: number) => {
    const index = MATCHES.findLastIndex((least) => match >= least)
    return classes[Math.max(0, index)] ?? { held: 1, tried: 2 }
  }
  const note = (match: number, holds: number, fails: number) => {
    const counts = classOf(match)
    counts.held = counts.held * DRAFT_MEMORY ** (holds + fails) + holds
    counts.tried = counts.tried * DRAFT_MEMORY ** (holds + fails) + holds + fails
  }

  /** Between two measured depths as on a line; beyond the deepest, on the line from none to it. */
  function timeOf(drafts: number): number {
    let lower = drafts
    while (lower > 0 && typeof times[lower] !== 'number') lower--
    let upper = drafts
    while (upper <= maxDrafts && typeof times[upper] !== 'number') upper++
    if (upper > maxDrafts) [lower, upper] = [0, lower]
    const below = times[lower] ?? 0
    const above = times[upper] ?? below
    return lower === upper ? below : below + (Math.max(0, above - below) * (drafts - lower)) / (upper - lower)
  }

  /** Tokens a millisecond with that many drafts, if each holds with the same chance. */
  function rateOf(drafts: number, chance: number): number {
    let tokens = 0
    for (let index = 0; index <= drafts; index++) tokens += chance ** index
    return tokens / timeOf(drafts)
  }

  return {
    choose(match) {
      const { held, tried } = classOf(match)
      const chance = held / tried
      // What a plain step takes is known first, since everything is weighed against it; then what one draft adds.
      if (typeof times[0] !== 'number') return 0
      if (!times.some((time, drafts) => drafts > 0 && typeof time === 'number')) {
        return chance < LEAST_CHANCE ? 0 : Math.min(1, maxDrafts)
      }
      const plain = rateOf(0, chance)
      let best = 0
      for (let drafts = 1; drafts <= maxDrafts; drafts++) {
        if (rateOf(drafts, chance) > Math.max(plain * MARGIN, rateOf(best, chance))) best = drafts
      }
      if (best > 0) {
        sinceProbe = 0
        return best
      }
      if (chance < LEAST_CHANCE || ++sinceProbe < PROBE_EVERY) return 0
      sinceProbe = 0
      return Math.min(1, maxDrafts)
    },
    noteStep({ drafts, held, milliseconds, match }) {
      const before = times[drafts]
      if (before === undefined) times[drafts] = null
      else times[drafts] = before === null ? milliseconds : before * TIME_MEMORY + milliseconds * (1 - TIME_MEMORY)
      if (drafts > 0) note(match, held, held < drafts ? 1 : 0)
    },
    noteUntried: (holds, match) => note(match, holds ? 1 : 0, holds ? 0 : 1),
  }
}
