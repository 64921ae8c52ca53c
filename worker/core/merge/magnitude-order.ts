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
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const low = magnitudeAt(bits, first)
  const high = magnitudeAt(bits, last - 1)
  // Places of the elements equal to either bound, counted in the order of their positions or against it.
  let lowPlace = low.below
  let highPlace = high.below
  for (let n = 0; n < bits.length; n++) {
    const i = equalsFirst === 'earlier' ? n : bits.length - 1 - n
    const magnitude = bits[i]! & SIGN_MASK
    if (magnitude > low.magnitude && magnitude < high.magnitude) continue
    if (magnitude === low.magnitude) {
      const place = lowPlace++
      if (place >= first && place < last) continue
    } else if (magnitude === high.magnitude && highPlace++ < last) {
      continue
    }
    values[i] = 0
  }
}

/** The magnitude (as bits) at a place of the rising order, and how many are smaller: two passes of counting. */
function magnitudeAt(bits: Uint32Array, place: number): { readonly magnitude: number; readonly below: number } {
  const counts = new Uint32Array(HALF)
  for (const word of bits) counts[(word & SIGN_MASK) >>> 16]!++
  let below = 0
  let upper = 0
  while (below + counts[upper]! <= place) below += counts[upper++]!
  counts.fill(0)
  for (const word of bits) if ((word & SIGN_MASK) >>> 16 === upper) counts[word & 0xffff]!++
  let lower = 0
  while (below + counts[lower]! <= place) below += counts[lower++]!
  return { magnitude: upper * HALF + lower, below }
}

const RADIX_BITS = 11
const RADIX = 2048

/** The place of each element in the rising order of magnitudes, by a stable radix sort. */
export function magnitudeRanks(values: Float32Array): Uint32Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  let order = Uint32Array.from(bits, (_, index) => index)
  let next = new Uint32Array(bits.length)
  const starts = new Uint32Array(RADIX + 1)
  for (let shift = 0; shift < 31; shift += RADIX_BITS) {
    starts.fill(0)
    for (const word of bits) starts[(((word & SIGN_MASK) >>> shift) & (RADIX - 1)) + 1]!++
    for (let digit = 0; digit < RADIX; digit++) starts[digit + 1]! += starts[digit]!
    for (const index of order) next[starts[((bits[index]! & SIGN_MASK) >>> shift) & (RADIX - 1)]!++] = index
    ;[order, next] = [next, order]
  }
  for (let place = 0; place < order.length; place++) next[order[place]!] = place
  return next
}
