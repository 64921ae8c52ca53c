// A file on disk as a byte source, read by ranges.

import { open, type FileHandle } from 'node:fs/promises'
import { CentramError, errorMessage } from '#core/errors.ts'
import { checkRange, type ByteSource } from '#core/formats/byte-source.ts'

export interface FileSource extends ByteSource {
  close(): Promise<void>
}

/** Throws `SOURCE_UNREACHABLE` when there is no such file or it cannot be read. */
export async function openFileSource(path: string): Promise<FileSource> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (cause) {
    throw new CentramError('SOURCE_UNREACHABLE', `${path} cannot be opened: ${errorMessage(cause)}.`, { cause })
  }
  const { size } = await handle.stat()
  return {
    name: path,
    size,
    close: () => handle.close(),
    async read(offset, length, signal) {
      signal?.throwIfAborted()
      checkRange(path, size, offset, length)
      const bytes = new Uint8Array(length)
      for (let done = 0; done < length;) {
        const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
        if (bytesRead === 0) {
          throw new CentramError('SOURCE_CHANGED', `${path} became shorter while it was read. Start again.`)
        }
        done += bytesRead
      }
      return bytes
    },
  }
}
