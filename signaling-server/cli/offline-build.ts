// Tells the service worker, once everything else is built, which files the page consists of and a name for just these contents.

import { createHash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { Plugin } from 'vite'

export const SERVICE_WORKER = 'service-worker.js'
/** Larger ones belong to what a person picks first (an engine); they are kept when they are used. */
const KEEP_BYTES = 2_000_000
/** Pages, models, engines and data that are no part of the app. */
const APART = /^(bench|models)\/|^assets\/engine-|(^|\/)[^/]*bench[^/]*\.js$|\.map$/

/** A build plugin; the service worker is one of its entries, written to the root of the build. */
export function offlineBuild(): Plugin {
  return {
    name: 'centram-offline',
    apply: 'build',
    async writeBundle({ dir = '.' }) {
      const files = new Map<string, Buffer>()
      const entries = await readdir(dir, { withFileTypes: true, recursive: true })
      for (const entry of entries.filter((one) => one.isFile())) {
        const path = join(entry.parentPath, entry.name)
        files.set(relative(dir, path).split(sep).join('/'), await readFile(path))
      }
      const code = files.get(SERVICE_WORKER)
      if (code === undefined) return
      const kept = [...files].filter(([name, { length }]) => isKept(name, length)).sort(([a], [b]) => (a < b ? -1 : 1))
      const hash = createHash('sha256').update(code)
      for (const [name, bytes] of kept) hash.update(name).update(createHash('sha256').update(bytes).digest())
      const named =
        `const BUILD = ${JSON.stringify(hash.digest('hex').slice(0, 16))}\n` +
        `const FILES = ${JSON.stringify(kept.map(([name]) => name))}\n`
      await writeFile(join(dir, SERVICE_WORKER), `${named}${code.toString()}`)
    },
  }
}

function isKept(name: string, bytes: number): boolean {
  return name !== SERVICE_WORKER && name !== 'index.html' && bytes <= KEEP_BYTES && !APART.test(name)
}
