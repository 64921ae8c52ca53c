// Builds the web app when its sources are newer than what was built last.

import { spawn } from 'node:child_process'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { CentramError } from '#core/errors.ts'
import { PROJECT_FOLDER, WEB_FOLDER } from './project.ts'

const SOURCES = [
  'web',
  'worker',
  'shaders',
  'vite.config.ts',
  'signaling-server/cli/offline-build.ts',
  'package.json',
  'package-lock.json',
]

/** Returns true when it had to build; `report` is told before the build begins. */
export async function ensureWebApp(report: (line: string) => void): Promise<boolean> {
  const built = await stat(join(WEB_FOLDER, 'index.html')).catch(() => null)
  if (built) {
    const newest = await Promise.all(SOURCES.map((source) => newestChange(join(PROJECT_FOLDER, source))))
    if (Math.max(...newest) <= built.mtimeMs) return false
  }
  report('Building the web app…')
  await buildWebApp()
  return true
}

/**
 * Builds beside the old output and swaps the folders, so that a server never hands out half a build; in a process of its own, for a
 * bundler leaves several hundred MiB behind.
 */
async function buildWebApp(): Promise<void> {
  const fresh = `${WEB_FOLDER}.${process.pid}.new`
  const old = `${WEB_FOLDER}.${process.pid}.old`
  await mkdir(dirname(WEB_FOLDER), { recursive: true })
  try {
    await runVite(['build', '--logLevel', 'warn', '--outDir', fresh, '--emptyOutDir'])
    await rename(WEB_FOLDER, old).catch(() => undefined)
    await rename(fresh, WEB_FOLDER)
  } finally {
    await Promise.all([fresh, old].map((folder) => rm(folder, { recursive: true, force: true })))
  }
}

/** What it prints goes to standard error, for standard output may be somebody's JSON. */
async function runVite(args: readonly string[]): Promise<void> {
  const program = join(dirname(createRequire(import.meta.url).resolve('vite/package.json')), 'bin', 'vite.js')
  const child = spawn(process.execPath, [program, ...args], { cwd: PROJECT_FOLDER, stdio: ['ignore', 2, 2] })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  if (code !== 0) {
    throw new CentramError(
      'INTERNAL',
      'The web app could not be built; what is wrong stands above. `npm ci` mends packages.',
    )
  }
}

/** Latest change under `path` in ms; folders count too, since a deleted file changes only its folder. */
async function newestChange(path: string): Promise<number> {
  const info = await stat(path).catch(() => null)
  if (!info) return 0
  if (!info.isDirectory()) return info.mtimeMs
  const children = await readdir(path)
  const times = await Promise.all(children.map((child) => newestChange(join(path, child))))
  return Math.max(info.mtimeMs, ...times)
}
