// A blob written and read as one piece. What is written counts once `writeWhole` has returned.

import type { BlobFile, Blobs } from './blobs.ts'

/** Puts `parts`, one after another, in place of what the blob held. Throws `STORAGE_FULL`; the blob is then torn. */
export async function writeWhole(
  blobs: Blobs,
  name: string,
  parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  await withBlob(blobs, name, async (file) => {
    await file.truncate(0)
    let at = 0
    for await (const part of parts) {
      await file.write(at, part)
      at += part.length
    }
    await file.flush()
  })
}

/** Up to `length` bytes from `offset`. */
export async function readPart(
  blobs: Blobs,
  name: string,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  return withBlob(blobs, name, (file) => file.read(offset, length))
}

async function withBlob<T>(blobs: Blobs, name: string, work: (file: BlobFile) => Promise<T>): Promise<T> {
  const file = await blobs.open(name)
  try {
    return await work(file)
  } finally {
    await file.close()
  }
}
