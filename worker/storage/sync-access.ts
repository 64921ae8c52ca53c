// Opens a file of the private file system for synchronous access (dedicated workers only), also where the browser leaves
// the question unanswered: Chromium 156 was seen to forget one such promise in some hundred, for good.

import { CentramError } from '#core/errors.ts'
import type { Clock } from '#core/clock.ts'

/** What is used of FileSystemSyncAccessHandle, which only the type library of workers knows. */
export interface SyncHandle {
  getSize(): number
  read(into: Uint8Array, options: { at: number }): number
  write(from: Uint8Array, options: { at: number }): number
  flush(): void
  truncate(size: number): void
  close(): void
}

export interface SyncFile {
  createSyncAccessHandle(): Promise<SyncHandle>
}

const ANSWER_MS = 3000
const ATTEMPTS = 5
const PAUSE_MS = 250

/** Throws what the browser throws, and `STORAGE_UNAVAILABLE` when it does not answer at all. */
export async function openSyncHandle(name: string, find: () => Promise<SyncFile>, clock: Clock): Promise<SyncHandle> {
  let unanswered = false
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const file = await find()
    const opening = file.createSyncAccessHandle()
    try {
      const handle = await answerOf(opening, clock)
      if (handle) return handle
      unanswered = true
      // Should it come after all, nobody waits for it, and it would lock the file.
      opening.then((late) => late.close()).catch(() => undefined)
    } catch (error) {
      // The forgotten one may hold the file until the browser clears it away.
      if (!unanswered || !isLocked(error) || attempt === ATTEMPTS) throw error
      await new Promise<void>((resolve) => clock.setTimeout(resolve, PAUSE_MS * 2 ** attempt))
    }
  }
  throw new CentramError(
    'STORAGE_UNAVAILABLE',
    `The browser does not answer when ${name} is opened. Reload the page: what was stored is kept.`,
  )
}

function answerOf<T>(promise: Promise<T>, clock: Clock): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => resolve(undefined), ANSWER_MS)
    promise.then(resolve, reject).finally(() => clock.clearTimeout(timer))
  })
}

const isLocked = (error: unknown) => error instanceof Error && error.name === 'NoModificationAllowedError'
