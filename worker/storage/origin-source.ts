// Where a model's bytes come from before they are stored.

import { checkRange, type ByteSource } from '#core/formats/byte-source.ts'

export interface OriginSource extends ByteSource {
  /** The name its bytes are stored under; the same at every visit. */
  readonly key: string
  /** Changes when the content does (an ETag, a date); absent where the origin does not say. */
  readonly version?: string
  /** It delivers whole blocks of this many bytes, from zero on: asking for parts of one costs as much as asking for it. */
  readonly blockBytes?: number
}

/** A dropped file, or anything else the browser can slice. */
export function createBlobSource(name: string, blob: Blob): OriginSource {
  const version = 'lastModified' in blob ? String(blob.lastModified) : undefined
  return {
    name,
    size: blob.size,
    key: `file:${name}:${blob.size}`,
    ...(version === undefined ? {} : { version }),
    async read(offset, length, signal) {
      checkRange(name, blob.size, offset, length)
      signal?.throwIfAborted()
      return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer())
    },
  }
}
