// Sets of byte ranges: which bytes of a file are stored, which are missing. Pure arithmetic.
// A set is sorted, its ranges are non-empty, and no two touch.

/** Bytes `[start, end)`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export type RangeSet = readonly ByteRange[]

export const EMPTY_RANGES: RangeSet = []

/** The set of all bytes in any of `ranges`, which may overlap, be empty and come in any order. */
export function unionOf(ranges: readonly ByteRange[]): RangeSet {
  const sorted = ranges.filter((range) => range.end > range.start).sort((a, b) => a.start - b.start)
  const set: { start: number; end: number }[] = []
  for (const range of sorted) {
    const last = set.at(-1)
    if (last !== undefined && range.start <= last.end) last.end = Math.max(last.end, range.end)
    else set.push({ start: range.start, end: range.end })
  }
  return set
}

export function addRange(set: RangeSet, range: ByteRange): RangeSet {
  return unionOf([...set, range])
}

/** The parts of `range` that are in `set`. */
export function intersect(set: RangeSet, range: ByteRange): RangeSet {
  const parts: ByteRange[] = []
  for (const { start, end } of set) {
    const part = { start: Math.max(start, range.start), end: Math.min(end, range.end) }
    if (part.end > part.start) parts.push(part)
  }
  return parts
}

/** The bytes of `wanted` that are not in `set`. */
export function missingFrom(set: RangeSet, wanted: RangeSet): RangeSet {
  const missing: ByteRange[] = []
  for (const want of wanted) {
    let at = want.start
    for (const have of intersect(set, want)) {
      if (have.start > at) missing.push({ start: at, end: have.start })
      at = have.end
    }
    if (want.end > at) missing.push({ start: at, end: want.end })
  }
  return missing
}

export function covers(set: RangeSet, range: ByteRange): boolean {
  return missingFrom(set, [range]).length === 0
}

/** Bytes in the set. */
export function sizeOf(set: RangeSet): number {
  return set.reduce((sum, range) => sum + (range.end - range.start), 0)
}

/** Cuts every range at the multiples of `pieceBytes`, in order: whoever cuts, the pieces of a file are the same. */
export function piecesOf(set: RangeSet, pieceBytes: number): ByteRange[] {
  const pieces: ByteRange[] = []
  for (const { start, end } of set) {
    for (let at = start; at < end;) {
      const next = Math.min((Math.floor(at / pieceBytes) + 1) * pieceBytes, end)
      pieces.push({ start: at, end: next })
      at = next
    }
  }
  return pieces
}

/** The bytes of `set` that are not in `range`. */
export function removeRange(set: RangeSet, range: ByteRange): RangeSet {
  return missingFrom([range], set)
}

/** Widens every range to whole blocks of `blockBytes` from zero on, of which the last ends with the file. */
export function widenToBlocks(ranges: readonly ByteRange[], blockBytes: number, size: number): RangeSet {
  return unionOf(
    ranges
      .filter(({ start, end }) => end > start)
      .map(({ start, end }) => ({
        start: Math.floor(start / blockBytes) * blockBytes,
        end: Math.min(size, Math.ceil(end / blockBytes) * blockBytes),
      })),
  )
}

/** Joins ranges that lie at most `gap` bytes apart: fewer requests for a few bytes more. */
export function joinNear(ranges: readonly ByteRange[], gap: number): RangeSet {
  const widened = unionOf(ranges.map(({ start, end }) => (end > start ? { start, end: end + gap } : { start, end })))
  return widened.map(({ start, end }) => ({ start, end: end - gap }))
}

/** A set read back from storage: `undefined` unless it is a well-formed set within a file of `size` bytes. */
export function parseRangeSet(value: unknown, size: number): RangeSet | undefined {
  if (!Array.isArray(value)) return undefined
  const set: ByteRange[] = []
  let before = -1
  for (const item of value as unknown[]) {
    if (typeof item !== 'object' || item === null) return undefined
    const { start, end } = item as { start?: unknown; end?: unknown }
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end)) return undefined
    const range = { start: start as number, end: end as number }
    if (range.start <= before || range.end <= range.start || range.end > size) return undefined
    set.push(range)
    before = range.end
  }
  return set
}
