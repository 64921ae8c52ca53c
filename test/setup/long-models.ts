// Before the long suites: SmolLM2 in the cache of `centram model get`, and under .cache/models where the browser suites'
// file server finds it.

import { copyFile, link, mkdir, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fetchWithProgress } from '../../signaling-server/cli/model-command.ts'

const SERVED = fileURLToPath(new URL('../../.cache/models', import.meta.url))

export async function setup(): Promise<void> {
  const path = await fetchWithProgress('smollm2-135m', console.log)
  const served = join(SERVED, basename(path))
  if (path === served) return
  const [source, present] = await Promise.all([stat(path), stat(served).catch(() => null)])
  if (present?.size === source.size) return
  await mkdir(SERVED, { recursive: true })
  await rm(served, { force: true })
  // A link costs nothing; another disk needs the copy.
  await link(path, served).catch(() => copyFile(path, served))
}
