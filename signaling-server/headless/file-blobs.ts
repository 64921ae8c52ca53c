// The models and genomes of a headless node as files of one folder, within a limit that a person sets.

import { mkdir, open, readdir, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { CentramError, errorMessage } from '#core/errors.ts'
import type { BlobFile, Blobs } from '../../worker/storage/blobs.ts'

export interface FileBlobsOptions {
  readonly folder: string
  /** Of all files together. */
  readonly limitBytes: number
}

export async function openFileBlobs({ folder, limitBytes }: FileBlobsOptions): Promise<Blobs> {
  await guarded(folder, () => mkdir(folder, { recursive: true, mode: 0o700 }))
  const opened = new Set<string>()
  const pathOf = (name: string) => join(folder, encodeURIComponent(name).replaceAll('.', '%2E'))
  const names = async () => (await readdir(folder)).map((file) => decodeURIComponent(file)).sort()
  /** By file; of those in it, `usage` is the sum. */
  const sizes = new Map<string, number>()
  for (const name of await guarded(folder, names)) sizes.set(name, (await stat(pathOf(name))).size)
  const usage = () => [...sizes.values()].reduce((sum, size) => sum + size, 0)

  const wrap = (name: string, handle: Awaited<ReturnType<typeof open>>): BlobFile => {
    const sizeOf = () => sizes.get(name) ?? 0
    return {
      get size() {
        return sizeOf()
      },
      read: (offset, length) =>
        guarded(name, async () => {
          const bytes = new Uint8Array(Math.max(0, Math.min(length, sizeOf() - offset)))
          let done = 0
          while (done < bytes.length) {
            const { bytesRead } = await handle.read(bytes, done, bytes.length - done, offset + done)
            if (bytesRead === 0) break
            done += bytesRead
          }
          return bytes.subarray(0, done)
        }),
      write: (offset, bytes) =>
        guarded(name, async () => {
          const grown = Math.max(sizeOf(), offset + bytes.length)
          if (usage() + grown - sizeOf() > limitBytes) throw full(name)
          let done = 0
          while (done < bytes.length) {
            const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done)
            done += bytesWritten
            sizes.set(name, Math.max(sizeOf(), offset + done))
          }
        }),
      flush: () => guarded(name, () => handle.datasync()),
      truncate: (size) =>
        guarded(name, async () => {
          await handle.truncate(size)
          sizes.set(name, size)
        }),
      async close() {
        if (!opened.delete(name)) return
        await handle.close()
      },
    }
  }

  return {
    open: (name) =>
      guarded(name, async () => {
        if (opened.has(name)) throw new CentramError('STORAGE_UNAVAILABLE', `${name} is open already.`)
        opened.add(name)
        try {
          const path = pathOf(name)
          const handle = await open(path, 'r+').catch((error: unknown) => {
            if (isCode(error, 'ENOENT')) return open(path, 'wx+', 0o600)
            throw error
          })
          sizes.set(name, (await handle.stat()).size)
          return wrap(name, handle)
        } catch (error) {
          opened.delete(name)
          throw error
        }
      }),
    remove: (name) =>
      guarded(name, async () => {
        await rm(pathOf(name), { force: true })
        sizes.delete(name)
      }),
    list: () => guarded(folder, names),
    async estimate() {
      const used = usage()
      const { bavail, bsize } = await statfs(folder)
      return { quota: Math.min(limitBytes, used + bavail * bsize), usage: used }
    },
  }
}

async function guarded<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof CentramError) throw cause
    if (isCode(cause, 'ENOSPC') || isCode(cause, 'EDQUOT')) throw full(what, cause)
    throw new CentramError(
      'STORAGE_UNAVAILABLE',
      `${what} could not be read or written (${errorMessage(cause)}). Look at the disk and at who may write there.`,
      { cause },
    )
  }
}

function full(name: string, cause?: unknown): CentramError {
  return new CentramError(
    'STORAGE_FULL',
    `${name}: there is no room left. Remove a model, free space on the disk, or allow more with --store.`,
    { cause },
  )
}

const isCode = (error: unknown, code: string) => error instanceof Error && 'code' in error && error.code === code
