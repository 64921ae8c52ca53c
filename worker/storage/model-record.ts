// What is recorded of a stored model file, checked when it is read back.

import { EMPTY_RANGES, parseRangeSet, type RangeSet } from '#core/formats/range-set.ts'
import type { OriginSource } from './origin-source.ts'

export interface ModelRecord {
  readonly name: string
  readonly size: number
  readonly version?: string
  /** Bytes that are stored and were flushed. */
  readonly ranges: RangeSet
  /** Set once the whole file was found to have it. */
  readonly sha256?: string
}

export function emptyRecord(origin: OriginSource): ModelRecord {
  const { name, size, version } = origin
  return { name, size, ...(version === undefined ? {} : { version }), ranges: EMPTY_RANGES }
}

/** `undefined` for anything that is no record: the file is then fetched anew. */
export function parseRecord(value: unknown): ModelRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { name, size, version, ranges, sha256 } = value as Record<string, unknown>
  if (typeof name !== 'string' || !Number.isSafeInteger(size) || (size as number) < 0) return undefined
  const set = parseRangeSet(ranges, size as number)
  if (set === undefined) return undefined
  return {
    name,
    size: size as number,
    ...(typeof version === 'string' ? { version } : {}),
    ranges: set,
    ...(typeof sha256 === 'string' ? { sha256 } : {}),
  }
}
