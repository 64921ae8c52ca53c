// Where a model file's bytes come from, read by ranges: an HTTP address, a dropped file, a stored copy, an array.

import { CentramError } from '#core/errors.ts'

export interface ByteSource {
  /** What a person would call it: a file name or an address. */
  readonly name: string
  /** Length of the whole in bytes. */
  readonly size: number
  /**
   * Exactly `length` bytes from `offset`. Throws `FORMAT_TRUNCATED` when the range passes the end, and the
   * source's own codes (`SOURCE_UNREACHABLE`, `SOURCE_CHANGED`, `CANCELLED` …) when it cannot deliver.
   */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>
}

/** A source over bytes already in memory. */
export function createMemorySource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    async read(offset, length) {
      checkRange(name, bytes.length, offset, length)
      // A copy even of a Node.js Buffer, whose own `slice` is a view.
      return new Uint8Array(bytes.subarray(offset, offset + length))
    },
  }
}

/** Throws `FORMAT_TRUNCATED` unless `[offset, offset + length)` lies within a source of `size` bytes. */
export function checkRange(name: string, size: number, offset: number, length: number): void {
  if (offset < 0 || length < 0 || offset + length > size) {
    throw new CentramError(
      'FORMAT_TRUNCATED',
      `${name}: bytes ${offset} to ${offset + length} were asked for, but the file ends at ${size}. ` +
        'It was probably cut off while it was copied; fetch it again.',
    )
  }
}
