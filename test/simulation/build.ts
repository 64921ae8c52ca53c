// Bundles what a thread runs: with the stand-in for Ed25519 unless the real one is asked for, and with a planted bug
// where one is named. A bundle starts in a tenth of the time that its hundreds of modules take.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type Plugin } from 'vite'
import { PLANTED_BUGS, type BugName } from './planted-bugs.ts'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface BuildOptions {
  readonly bug?: BugName
  readonly signatures?: 'stand-in' | 'ed25519'
  /** What the thread runs: worlds, or the fuzzer. */
  readonly entry?: 'test/simulation/thread.ts' | 'test/fuzz/thread.ts'
}

/** The path of the bundle. Throws when a planted bug no longer finds the text that it changes. */
export async function buildThread({
  bug,
  signatures = 'stand-in',
  entry = 'test/simulation/thread.ts',
}: BuildOptions = {}): Promise<string> {
  const folder = join(
    ROOT,
    'node_modules/.cache/simulation',
    `${entry.split('/')[1] ?? ''}-${bug ?? 'as-it-is'}-${signatures}-${process.pid}`,
  )
  mkdirSync(folder, { recursive: true })
  const planted = new Set<string>()
  const plugins: Plugin[] = [
    {
      // Fixtures lie beside the files that read them, not beside the bundle.
      name: 'keep-places',
      transform: (code, id) =>
        code.includes('import.meta.url')
          ? { code: code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href)), map: null }
          : null,
    },
    {
      name: 'plant-bug',
      enforce: 'pre',
      transform(code, id) {
        const patch = bug === undefined ? undefined : PLANTED_BUGS[bug]
        if (patch === undefined || !id.endsWith(patch.file)) return null
        if (code.split(patch.from).length !== 2) {
          throw new Error(
            `The planted bug "${bug}" does not find its text (once) in ${patch.file}: bring it up to date.`,
          )
        }
        planted.add(patch.file)
        return { code: code.replace(patch.from, () => patch.to), map: null }
      },
    },
  ]
  if (signatures === 'stand-in') {
    plugins.push({
      name: 'stand-in-signatures',
      enforce: 'pre',
      async resolveId(source, importer, options) {
        if (!source.endsWith('/ed25519.ts') || source.includes('stand-in')) return null
        const found = await this.resolve(source, importer, { ...options, skipSelf: true })
        return found?.id.endsWith('worker/core/crypto/ed25519.ts')
          ? join(ROOT, 'test/simulation/stand-in-ed25519.ts')
          : null
      },
    })
  }
  await build({
    configFile: false,
    root: ROOT,
    logLevel: 'error',
    plugins,
    build: {
      ssr: join(ROOT, entry),
      outDir: folder,
      emptyOutDir: true,
      sourcemap: true,
      minify: false,
      target: 'node20',
      // In one file: a world's promises settle before its next event, and a file that is read takes longer.
      rolldownOptions: { output: { entryFileNames: 'thread.mjs', codeSplitting: false } },
    },
  })
  if (bug !== undefined && !planted.has(PLANTED_BUGS[bug].file)) {
    throw new Error(`The planted bug "${bug}" was not planted: ${PLANTED_BUGS[bug].file} is no part of the simulation.`)
  }
  return join(folder, 'thread.mjs')
}
