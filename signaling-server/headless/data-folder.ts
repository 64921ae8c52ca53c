// The folder of one headless node: its key, its records and its models. One process at a time.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { CentramError, errorMessage } from '#core/errors.ts'

export interface DataFolder {
  readonly path: string
  /** Of a file in it. */
  file(name: string): string
  /** Lets the next process have it. */
  release(): void
}

/** Where a headless node keeps its things when no other place is named. */
export function defaultNodeFolder(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const data = environment['XDG_DATA_HOME']
  return join(data !== undefined && data !== '' ? data : join(homedir(), '.local', 'share'), 'centram', 'node')
}

/** Makes the folder where there is none, for this user alone. Throws `STORAGE_UNAVAILABLE` where another process is in it. */
export function openDataFolder(path: string): DataFolder {
  const own = join(path, 'owner')
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    claim(own, path)
  } catch (error) {
    if (error instanceof CentramError) throw error
    throw new CentramError(
      'STORAGE_UNAVAILABLE',
      `The node cannot keep anything in ${path} (${errorMessage(error)}). Name a folder that this user may write with --data.`,
      { cause: error },
    )
  }
  return {
    path,
    file: (name) => join(path, name),
    release: () => rmSync(own, { force: true }),
  }
}

function claim(own: string, path: string): void {
  for (;;) {
    try {
      writeFileSync(own, String(process.pid), { flag: 'wx', mode: 0o600 })
      return
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const owner = Number(readFileSync(own, 'utf8'))
    // In a container every start has the same process id: then it is this node's own, from before it was killed.
    if (owner > 0 && owner !== process.pid && isAlive(owner)) {
      throw new CentramError(
        'STORAGE_UNAVAILABLE',
        `Another node (process ${owner}) keeps its things in ${path}. Stop it, or give this one a folder of its own with --data.`,
      )
    }
    rmSync(own, { force: true })
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
