// The coded symbols of a rateless IBLT (Yang, Gilad and Alizadeh, “Practical Rateless Set Reconciliation”, SIGCOMM 2024,
// arXiv 2402.02668): an endless stream in which symbol i sums up every item with probability 1 / (1 + i / 2). What two sets share
// cancels out of the difference of their symbols, and about 1.35 symbols for each item that they do not share give those away.
// What is summed up is not the id but its short name: a hash of 64 bits under the key of the comparison. Two ids of 200,000 share
// one in a billion comparisons; the next comparison has another key.

export const NAME_WORDS = 2
/** A name and its check, summed by exclusive or. */
export const SUM_WORDS = 3

export interface Symbols {
  /** `SUM_WORDS` of each symbol. */
  readonly sums: Uint32Array
  /** How many names each symbol sums up; of a difference theirs less ours. */
  readonly counts: Int32Array
}

export interface SymbolStream {
  /** The next `count` symbols. */
  next(count: number): Symbols
}

/** A place past every symbol that is ever made. */
const BEYOND = 2 ** 30

export function createSymbolStream(names: Uint32Array): SymbolStream {
  const walk = beginWalk(names)
  const { states, places } = walk
  let made = 0
  return {
    next(count) {
      const end = made + count
      const sums = new Uint32Array(count * SUM_WORDS)
      const counts = new Int32Array(count)
      for (let item = 0; item < places.length; item++) {
        let place = places[item] as number
        if (place >= end) continue
        const low = names[2 * item] as number
        const high = names[2 * item + 1] as number
        const check = checkOf(low, high)
        // As `step`, in variables of its own: this loop is what a comparison spends its time in.
        let a = states[2 * item] as number
        let b = states[2 * item + 1] as number
        do {
          const symbol = place - made
          const to = symbol * SUM_WORDS
          sums[to] = (sums[to] as number) ^ low
          sums[to + 1] = (sums[to + 1] as number) ^ high
          sums[to + 2] = (sums[to + 2] as number) ^ check
          counts[symbol] = (counts[symbol] as number) + 1
          place = placeAfter(place, a)
          b ^= a
          a = turn(a, 26) ^ b ^ (b << 9)
          b = turn(b, 13)
        } while (place < end)
        states[2 * item] = a
        states[2 * item + 1] = b
        places[item] = place
      }
      made = end
      return { sums, counts }
    },
  }
}

/** Which symbols each name is part of: the state of a random generator that begins with the name, and where it stands. */
export interface Walk {
  readonly states: Uint32Array
  readonly places: Int32Array
}

/** All at symbol 0, which every name is part of. */
export function beginWalk(names: Uint32Array): Walk {
  const states = names.slice()
  // A state of zeros would stay.
  for (let i = 0; i < states.length; i += 2) if (states[i] === 0 && states[i + 1] === 0) states[i] = 1
  return { states, places: new Int32Array(names.length / NAME_WORDS) }
}

/** To the next symbol that the item is part of, by xoroshiro64** (Blackman and Vigna). */
export function step({ states, places }: Walk, item: number): number {
  const a = states[2 * item] as number
  const b = (states[2 * item + 1] as number) ^ a
  const place = placeAfter(places[item] as number, a)
  states[2 * item] = turn(a, 26) ^ b ^ (b << 9)
  states[2 * item + 1] = turn(b, 13)
  places[item] = place
  return place
}

/** The paper's inverse of the distribution of gaps, drawn from the first half of the generator's state. */
function placeAfter(place: number, state: number): number {
  const draw = Math.imul(turn(Math.imul(state, 0x9e3779bb), 5), 5) >>> 0
  const gap = Math.ceil((place + 1.5) * (65_536 / Math.sqrt(draw + 1) - 1))
  return Math.min(place + Math.max(1, gap), BEYOND)
}

function turn(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

/** Tells a name from a sum of several. Names are keyed, so this need not be (the finisher of MurmurHash3, by Appleby). */
export function checkOf(low: number, high: number): number {
  let mixed = low ^ Math.imul(high, 0x9e3779b1)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/** How many of `size` names symbol `index` is to be expected to sum up. */
export function expectedCount(size: number, index: number): number {
  return Math.floor((2 * size) / (index + 2))
}
