// One process at a time: a lock file that holds its owner's process id, taken over when that process is gone.

import { readFile, rm, writeFile } from 'node:fs/promises'

const LOOK_EVERY_MS = 500
/** An owner that has made its file but not written its id yet gets this long. */
const EMPTY_GRACE_LOOKS = 4

/** @param onWait called once when another process has the lock. */
export async function withFileLock<T>(path: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  await takeLock(path, onWait)
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function takeLock(path: string, onWait: () => void): Promise<void> {
  let emptyLooks = 0
  for (let looks = 0; ; looks++) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' })
      return
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const owner = Number(await readFile(path, 'utf8').catch(() => ''))
    emptyLooks = owner > 0 ? 0 : emptyLooks + 1
    if ((owner > 0 && !isAlive(owner)) || emptyLooks > EMPTY_GRACE_LOOKS) {
      await rm(path, { force: true })
      continue
    }
    if (looks === 0) onWait()
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
