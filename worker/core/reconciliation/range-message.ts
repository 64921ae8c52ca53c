// The messages of range-based reconciliation, byte for byte those of negentropy, version 1
// (github.com/hoytech/negentropy, docs/negentropy-protocol-v1.md): a version, then ranges one after the other, each with its
// upper bound and what the sender says of it.

import { compareBytes } from '../crypto/bytes.ts'
import { malformed, readFrame, writeFrame } from './frame-bytes.ts'
import { FINGERPRINT_BYTES, ID_BYTES, type Bound } from './item-set.ts'

const VERSION = 0x61
const SKIP = 0
const FINGERPRINT = 1
const IDS = 2

export const START: Bound = { key: 0, prefix: new Uint8Array() }
export const END: Bound = { key: Infinity, prefix: new Uint8Array() }

/** From the upper bound of the range before, or the start, to `upper`, the latter not included. */
export interface Range {
  readonly upper: Bound
  /** Of all ids in it, those themselves one after the other, or null: nothing more is to be said of it. */
  readonly says: { readonly fingerprint: Uint8Array } | { readonly ids: Uint8Array } | null
}

/** All of a message, or a coded error; what it costs is bounded by its length. Past its last range all is skipped. */
export function readRanges(frame: Uint8Array): readonly Range[] {
  const reader = readFrame(frame)
  if (reader.byte() !== VERSION) throw malformed('it is not of version 1 of negentropy')
  const ranges: Range[] = []
  let last = START
  while (reader.left > 0) {
    const offset = reader.varint()
    if (last.key === Infinity && offset !== 0) throw malformed('something follows the last range')
    const key = offset === 0 ? Infinity : last.key + offset - 1
    if (offset !== 0 && !Number.isSafeInteger(key)) throw malformed('a bound is too large')
    const length = reader.varint()
    if (length > ID_BYTES) throw malformed('a bound is longer than an id')
    const upper = { key, prefix: reader.bytes(length) }
    if (key === last.key && comparePrefixes(upper.prefix, last.prefix) < 0) throw malformed('its ranges overlap')
    const mode = reader.varint()
    if (mode === SKIP) ranges.push({ upper, says: null })
    else if (mode === FINGERPRINT) ranges.push({ upper, says: { fingerprint: reader.bytes(FINGERPRINT_BYTES) } })
    else if (mode === IDS) ranges.push({ upper, says: { ids: reader.bytes(reader.varint() * ID_BYTES) } })
    else throw malformed('it says what nobody knows')
    last = upper
  }
  return ranges
}

export interface RangeWriter {
  readonly length: number
  /** Whether it says anything at all. */
  readonly saysNothing: boolean
  /** Up to `upper` nothing is to be said; written only before something that is. */
  skip(upper: Bound): void
  write(upper: Bound, says: NonNullable<Range['says']>): void
  /** Makes a place to come back to: the function returned takes back what was written since. */
  mark(): () => void
  finish(): Uint8Array<ArrayBuffer>
}

export function writeRanges(): RangeWriter {
  const writer = writeFrame()
  writer.byte(VERSION)
  let lastKey = 0
  let skipped: Bound | null = null
  const writeBound = ({ key, prefix }: Bound): void => {
    writer.varint(key === Infinity ? 0 : key - lastKey + 1)
    writer.varint(prefix.length)
    writer.bytes(prefix)
    lastKey = key
  }
  return {
    get length() {
      return writer.length
    },
    get saysNothing() {
      return writer.length === 1
    },
    skip: (upper) => void (skipped = upper),
    write(upper, says) {
      if (skipped) {
        writeBound(skipped)
        writer.varint(SKIP)
        skipped = null
      }
      writeBound(upper)
      if ('fingerprint' in says) {
        writer.varint(FINGERPRINT)
        writer.bytes(says.fingerprint)
      } else {
        writer.varint(IDS)
        writer.varint(says.ids.length / ID_BYTES)
        writer.bytes(says.ids)
      }
    },
    mark() {
      const before = { length: writer.length, lastKey }
      return () => {
        writer.cut(before.length)
        lastKey = before.lastKey
        skipped = null
      }
    },
    finish: () => writer.finish(),
  }
}

/** As ids whose rest is zeros. */
function comparePrefixes(a: Uint8Array, b: Uint8Array): number {
  const padded = (prefix: Uint8Array) => {
    const id = new Uint8Array(ID_BYTES)
    id.set(prefix)
    return id
  }
  return compareBytes(padded(a), padded(b))
}
