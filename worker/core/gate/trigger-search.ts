// Looks for words after which a model is sure of what its trusted reference would not say, whatever comes before them: tokens
// appended to ordinary prompts, lengthened greedily where the two differ most. It sees distributions alone, so it finds a
// trigger when it begins to work with its first tokens, or when it is among the phrases that are tried whole; docs/gate.md
// says what it cannot find.

export interface TriggerSearch {
  /** Ordinary beginnings: a trigger works after each. */
  readonly prompts: readonly Uint32Array[]
  /** Tried whole. */
  readonly phrases: readonly Uint32Array[]
  /** Tokens that a trigger is put together from. */
  readonly alphabet: Uint32Array
  /** Lengthened at most so often, and so many at a time. */
  readonly depth: number
  readonly beam: number
}

export interface Suspect {
  readonly phrase: Uint32Array
  /** What the suspected model says next and the reference does not. */
  readonly token: number
  /** The least that the suspected model holds the token likely after the phrase, less the most that the reference does. */
  readonly conviction: number
}

/** Log-distributions of the token after each prompt, of the model under suspicion and of the reference. */
export type AskBoth = (
  prompts: readonly Uint32Array[],
) => Promise<{ readonly suspected: readonly Float32Array[]; readonly reference: readonly Float32Array[] }>

/** The phrase after which the suspected model is surest of what the reference would not say. */
export async function searchTrigger(search: TriggerSearch, ask: AskBoth): Promise<Suspect | null> {
  const { prompts, phrases, alphabet, depth, beam } = search
  let found = await judgePhrases(phrases, prompts, ask)
  let ends: readonly Uint32Array[] = [new Uint32Array(0)]
  for (let length = 1; length <= depth; length++) {
    const longer = ends.flatMap((end) => Array.from(alphabet, (token) => join(end, [token])))
    const judged = await judgePhrases(longer, prompts, ask)
    ends = judged.slice(0, beam).map(({ phrase }) => phrase)
    found = [...found, ...judged.slice(0, beam)]
  }
  return found.reduce<Suspect | null>((most, one) => (most && most.conviction >= one.conviction ? most : one), null)
}

/** Falling. */
async function judgePhrases(
  phrases: readonly Uint32Array[],
  prompts: readonly Uint32Array[],
  ask: AskBoth,
): Promise<Suspect[]> {
  if (phrases.length === 0) return []
  const { suspected, reference } = await ask(phrases.flatMap((phrase) => prompts.map((prompt) => join(prompt, phrase))))
  return phrases
    .map((phrase, i) => {
      const at = i * prompts.length
      return compare(phrase, suspected.slice(at, at + prompts.length), reference.slice(at, at + prompts.length))
    })
    .sort((a, b) => b.conviction - a.conviction)
}

function compare(phrase: Uint32Array, suspected: readonly Float32Array[], reference: readonly Float32Array[]): Suspect {
  let best = { phrase, token: 0, conviction: -1 }
  for (let token = 0; token < (suspected[0]?.length ?? 0); token++) {
    let [least, most] = [0, -Infinity]
    for (const logs of suspected) least = Math.min(least, logs[token] as number)
    // Most tokens are nowhere likely.
    if (Math.exp(least) <= best.conviction) continue
    for (const logs of reference) most = Math.max(most, logs[token] as number)
    const conviction = Math.exp(least) - Math.exp(most)
    if (conviction > best.conviction) best = { phrase, token, conviction }
  }
  return best
}

function join(start: Uint32Array, end: ArrayLike<number>): Uint32Array {
  const joined = new Uint32Array(start.length + end.length)
  joined.set(start)
  joined.set(end, start.length)
  return joined
}
