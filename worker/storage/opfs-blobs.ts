// Blobs in the origin's private file system, by synchronous access handles (dedicated workers only).

import { CentramError, errorMessage } from '#core/errors.ts'
import type { Clock } from '#core/clock.ts'
import type { BlobFile, Blobs } from './blobs.ts'
import { isQuotaError } from './records.ts'
import { openSyncHandle, type SyncFile, type SyncHandle } from './sync-access.ts'

export async function openOpfsBlobs(storage: StorageManager, folderName: string, clock: Clock): Promise<Blobs> {
  const folder = await guarded(async () => {
    const root = await storage.getDirectory()
    return root.getDirectoryHandle(folderName, { create: true })
  })
  return {
    open: (name) =>
      guarded(async () => {
        const find = async () => (await folder.getFileHandle(name, { create: true })) as unknown as SyncFile
        return wrapHandle(name, await openSyncHandle(name, find, clock))
      }),
    remove: (name) =>
      guarded(async () => {
        try {
          await folder.removeEntry(name)
        } catch (error) {
          if (!(error instanceof Error && error.name === 'NotFoundError')) throw error
        }
      }),
    list: () =>
      guarded(async () => {
        const names: string[] = []
        for await (const name of folder.keys()) names.push(name)
        return names.sort()
      }),
    async estimate() {
      const { quota, usage } = await storage.estimate()
      return quota === undefined ? undefined : { quota, usage: usage ?? 0 }
    },
  }
}

function wrapHandle(name: string, handle: SyncHandle): BlobFile {
  return {
    get size() {
      return handle.getSize()
    },
    read: (offset, length) =>
      guarded(async () => {
        const available = Math.max(0, Math.min(length, handle.getSize() - offset))
        const bytes = new Uint8Array(available)
        const got = handle.read(bytes, { at: offset })
        return bytes.subarray(0, got)
      }),
    write: (offset, bytes) =>
      guarded(async () => {
        const written = handle.write(bytes, { at: offset })
        if (written !== bytes.length) {
          throw new CentramError(
            'STORAGE_FULL',
            `${name}: only ${written} of ${bytes.length} bytes were stored: there is no room left. Remove a model, or free ` +
              'space on the disk, and try again.',
          )
        }
      }),
    flush: () => guarded(async () => handle.flush()),
    truncate: (size) => guarded(async () => handle.truncate(size)),
    close: () => guarded(async () => handle.close()),
  }
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof CentramError) throw cause
    if (isQuotaError(cause)) {
      throw new CentramError(
        'STORAGE_FULL',
        'The browser has no room left for this site. Remove a model, or free space on the disk, and try again.',
        { cause },
      )
    }
    throw new CentramError(
      'STORAGE_UNAVAILABLE',
      `The browser does not let this site store files (${errorMessage(cause)}). Leave private browsing, close other tabs of ` +
        'this site, and reload.',
      { cause },
    )
  }
}
