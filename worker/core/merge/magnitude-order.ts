// The order of elements by magnitude. Equal magnitudes keep the order of their positions (a stable sort), so which of
// them fall on either side of a cut is the same everywhere. Linear time: the bits of |x| order as whole numbers.

const SIGN_MASK = 0x7fffffff
const HALF = 65_536

/** Zeroes all but the elements at places `[first, last)` of the order by rising magnitude. */
export function keepByMagnitude(
  values: Float32Array,
  first: number,
  last: number,
  equalsFirst: 'earlier' | 'later',
): void {
  if (last <= first) {
    values.fill(0)
    return
  }
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length)
  const [low, high] = magnitudesAt(bits, first, last - 1)
  // Places of the elements equal to either bound, counted in the order of their positions or against it.
  let lowPlace = low.below
  let highPlace = high.below
  const from = equalsFirst === 'earlier' ? 0 : bits.length - 1
  const step = equalsFirst === 'earlier' ? 1 : -1
  for (let n = 0, i = from; n < bits.length; n++, i += step) {
    const word = bits[i]!
    const magnitude = word & SIGN_MASK
    if (magnitude === low.magnitude) {
      const place = lowPlace++
      if (place < first || place >= last) bits[i] = 0
    } else if (magnitude === high.magnitude) {
      if (highPlace++ >= last) bits[i] = 0
    } else {
      // All ones where it lies between the bounds: which side an element is on cannot be foreseen, so no branch.
      bits[i] = word & ((low.magnitude - magnitude) >> 31) & ((magnitude - high.magnitude) >> 31)
    }
  }
}

interface Bound {
  readonly magnitude: number
  /** How many are smaller. */
  readonly below: number
}

/** The magnitudes (as bits) at two places of the rising order: two passes of counting. */
function magnitudesAt(bits: Int32Array, first: number, last: number): readonly [Bound, Bound] {
  const counts = new Uint32Array(HALF / 2)
  for (let i = 0; i < bits.length; i++) counts[(bits[i]! & SIGN_MASK) >>> 16]!++
  const low = countUp(counts, first, 0)
  const high = countUp(counts, last, 0)
  const lowCounts = new Uint32Array(HALF)
  const highCounts = new Uint32Array(HALF)
  for (let i = 0; i < bits.length; i++) {
    const magnitude = bits[i]! & SIGN_MASK
    const upper = magnitude >>> 16
    if (upper === low.index) lowCounts[magnitude & 0xffff]!++
    if (upper === high.index) highCounts[magnitude & 0xffff]!++
  }
  const bound = (upper: Counted, lower: Counted) => ({
    magnitude: upper.index * HALF + lower.index,
    below: lower.below,
  })
  return [bound(low, countUp(lowCounts, first, low.below)), bound(high, countUp(highCounts, last, high.below))]
}

interface Counted {
  readonly index: number
  readonly below: number
}

/** The count that `place` falls into, with `below` elements before the first. */
function countUp(counts: Uint32Array, place: number, below: number): Counted {
  let index = 0
  let before = below
  while (before + counts[index]! <= place) before += counts[index++]!
  return { index, below: before }
}

/** A stable radix sort of rows of one length: fills `places` with each element's place in the rising order of magnitudes. */
export function createMagnitudeRanker(length: number): (values: Float32Array, places: Uint32Array) => void {
  // Few digits for short rows, where going through the counts would cost more than through the elements.
  const digitBits = length < 4096 ? 8 : 11
  const mask = (1 << digitBits) - 1
  const starts = new Uint32Array(mask + 2)
  const orders = [new Uint32Array(length), new Uint32Array(length)] as const
  return (values, places) => {
    const bits = new Int32Array(values.buffer, values.byteOffset, length)
    let [order, next] = orders
    for (let i = 0; i < length; i++) order[i] = i
    for (let shift = 0; shift < 31; shift += digitBits) {
      starts.fill(0)
      for (let i = 0; i < length; i++) starts[(((bits[i]! & SIGN_MASK) >>> shift) & mask) + 1]!++
      for (let digit = 0; digit < mask; digit++) starts[digit + 1]! += starts[digit]!
      for (let i = 0; i < length; i++) {
        const index = order[i]!
        next[starts[((bits[index]! & SIGN_MASK) >>> shift) & mask]!++] = index
      }
      ;[order, next] = [next, order]
    }
    for (let place = 0; place < length; place++) places[order[place]!] = place
  }
}
