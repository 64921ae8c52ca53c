// Takes the names that two sets do not share out of the differences of their coded symbols: a symbol that sums up a single name
// gives it away; taken out of the other symbols it is part of, it leaves more of that kind.

import { beginWalk, checkOf, createSymbolStream, step, SUM_WORDS, type Symbols, type Walk } from './coded-symbols.ts'
import type { NameIndex } from './name-index.ts'

export interface SymbolDecoder {
  /** Symbols so far. */
  readonly size: number
  /**
   * Takes the other side's next symbols. `done` once all of the difference is known; `broken` where the symbols contradict each
   * other or our own set, as only made-up ones do, or two names that are the same.
   */
  add(theirs: Symbols): 'more' | 'done' | 'broken'
  /** Places among ours of what the other side lacks. */
  readonly have: readonly number[]
  /** Names of what we lack, in two halves each. */
  readonly need: readonly Name[]
  /** How large the difference is, by what the symbols counted. */
  estimate(): number
}

export interface Name {
  readonly low: number
  readonly high: number
}

interface Found extends Name {
  /** 1 where it is theirs, −1 where it is ours. */
  readonly sign: number
  readonly walk: Walk
}

/** Symbols that an estimate is made from. */
const COUNTED = 256

export function createSymbolDecoder(names: Uint32Array, index: NameIndex): SymbolDecoder {
  const stream = createSymbolStream(names)
  let size = 0
  let sums = new Uint32Array()
  let counts = new Int32Array()
  /** What the first symbols counted before anything was taken out. */
  let counted: readonly number[] = []
  const have: number[] = []
  const need: Name[] = []
  const known = new Set<string>()
  const found: Found[] = []

  /** Takes a name out of all symbols that its walk has yet to pass, and notes which of them are to be looked at again. */
  const takeOut = ({ low, high, sign, walk }: Found, pending: number[]): void => {
    for (let symbol = walk.places[0] as number; symbol < size; symbol = step(walk, 0)) {
      const at = symbol * SUM_WORDS
      sums[at] = (sums[at] as number) ^ low
      sums[at + 1] = (sums[at + 1] as number) ^ high
      sums[at + 2] = (sums[at + 2] as number) ^ checkOf(low, high)
      const left = (counts[symbol] as number) - sign
      counts[symbol] = left
      if (left === 1 || left === -1) pending.push(symbol)
    }
  }

  /** The name in a symbol that sums up a single one; null where it sums up others. */
  const lookAt = (symbol: number): Found | null => {
    const sign = counts[symbol] as number
    if (sign !== 1 && sign !== -1) return null
    const at = symbol * SUM_WORDS
    const low = sums[at] as number
    const high = sums[at + 1] as number
    if (checkOf(low, high) !== sums[at + 2]) return null
    return { low, high, sign, walk: beginWalk(Uint32Array.of(low, high)) }
  }

  /** False where it cannot be. */
  const note = ({ low, high, sign }: Found): boolean => {
    const own = index(low, high)
    const text = `${low} ${high}`
    // True symbols give away no more names than there are symbols, none twice, and never what both sets have.
    if (known.has(text) || found.length >= size || (own === null) !== sign > 0) return false
    known.add(text)
    if (own === null) need.push({ low, high })
    else have.push(own)
    return true
  }

  return {
    get size() {
      return size
    },
    have,
    need,
    add(theirs) {
      const ours = stream.next(theirs.counts.length)
      const difference = theirs.counts.map((count, symbol) => count - (ours.counts[symbol] as number))
      const pending = Array.from(difference, (_, symbol) => size + symbol)
      size += difference.length
      sums = join(
        new Uint32Array(size * SUM_WORDS),
        sums,
        theirs.sums.map((word, i) => word ^ (ours.sums[i] as number)),
      )
      counts = join(new Int32Array(size), counts, difference)
      counted = [...counted, ...difference.subarray(0, COUNTED)].slice(0, COUNTED)
      for (const name of found) takeOut(name, pending)
      for (let symbol = pending.pop(); symbol !== undefined; symbol = pending.pop()) {
        const name = lookAt(symbol)
        if (!name) continue
        if (!note(name)) return 'broken'
        found.push(name)
        takeOut(name, pending)
      }
      // Every name is part of symbol 0: nothing is left once nothing is left there.
      return counts[0] === 0 && sums.subarray(0, SUM_WORDS).every((word) => word === 0) ? 'done' : 'more'
    },
    estimate() {
      const [gap = 0, ...rest] = counted
      let spread = 0
      for (const [i, count] of rest.entries()) {
        // Each name of the difference is in symbol i with probability p, so the variance of its count is d · p · (1 − p).
        const p = 2 / (i + 3)
        spread += (count - gap * p) ** 2 / (p * (1 - p))
      }
      return Math.max(Math.abs(gap), found.length + 1, Math.round(spread / Math.max(1, rest.length)))
    },
  }
}

function join<Numbers extends Uint32Array | Int32Array>(joined: Numbers, before: Numbers, after: Numbers): Numbers {
  joined.set(before)
  joined.set(after, before.length)
  return joined
}
