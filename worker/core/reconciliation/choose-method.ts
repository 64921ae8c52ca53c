// Which way of comparing two sets takes fewer bytes, by what is known before.

export type Method = 'negentropy' | 'riblt'

/** 1.4 symbols of 13 bytes and the half of them that is lacking here as a name and an id; and the first symbols. */
const RIBLT_BYTES_AN_ITEM = 40
const RIBLT_BYTES = 1024
/** Up to this difference ranges take less time, and hardly more bytes. */
const SMALL = 32
/** Beyond this the symbols take too much time. */
const LARGE = 32_768

export interface ComparedSets {
  readonly size: number
  /** The other set's, where it is known. */
  readonly otherSize?: number | null
  /** How large the difference is expected to be; null where nothing is known. */
  readonly expected: number | null
  /** What ranges would take at least, where that is known. */
  readonly rangeBytes?: number
}

/**
 * Ranges where the difference is small, where nothing is known of it, or where most of the sets differ, so that ids are best told
 * outright; the rateless IBLT for what lies between. Ranges find out themselves when a difference is large and scattered.
 */
export function chooseMethod({ size, otherSize = null, expected, rangeBytes = Infinity }: ComparedSets): Method {
  const gap = otherSize === null ? 0 : Math.abs(size - otherSize)
  const difference = Math.max(expected ?? 0, gap)
  const all = size + (otherSize ?? size)
  if (difference <= SMALL || difference > LARGE || difference > all / 2) return 'negentropy'
  return RIBLT_BYTES + RIBLT_BYTES_AN_ITEM * difference < rangeBytes ? 'riblt' : 'negentropy'
}
