// This machine: Node.js, the optional packages, the built page, room on the disk.

import { statfs } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Finding } from './finding.ts'

const TIGHT_BYTES = 2e9

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return { about: 'Node.js', state: 'ok', message: version }
  return {
    about: 'Node.js',
    state: 'problem',
    message: `${version} is older than 20.19.`,
    remedy: 'Install a newer one from https://nodejs.org/.',
  }
}

export function checkWebApp(webFolder: string): Finding {
  const about = 'web app'
  if (existsSync(join(webFolder, 'index.html'))) return { about, state: 'ok', message: 'built' }
  return { about, state: 'note', message: 'not built yet; `npm start` does that at its first start' }
}

/** @param folder that need not exist yet. */
export async function checkDisk(folder: string): Promise<Finding> {
  const about = 'disk'
  let there = folder
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there)
  const { bavail, bsize } = await statfs(there)
  const free = bavail * bsize
  const message = `${(free / 1e9).toFixed(1)} GB free where ${folder} is`
  if (free > TIGHT_BYTES) return { about, state: 'ok', message }
  return {
    about,
    state: 'note',
    message,
    remedy: 'Models take from 0.1 to 20 GB: free some space, or keep them elsewhere.',
  }
}
