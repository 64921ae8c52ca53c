// Builds the page of the training step in jax-js, which is no part of the web app: jax-js is a development dependency.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { PROJECT_FOLDER } from '../project.ts'

const FOLDER = join(PROJECT_FOLDER, 'dist', 'bench')
const require = createRequire(import.meta.url)

/** The folder it was built to; null where jax-js is not installed. */
export async function ensureRivalPage(say: (line: string) => void): Promise<string | null> {
  if (rivalVersion() === null) {
    say('jax-js is not installed (`npm ci` installs it): training is timed without it.')
    return null
  }
  const { build } = await import('vite')
  const root = join(PROJECT_FOLDER, 'web')
  await build({
    configFile: false,
    root,
    base: './',
    publicDir: false,
    logLevel: 'warn',
    build: {
      outDir: FOLDER,
      emptyOutDir: true,
      target: 'es2023',
      rolldownOptions: { input: join(root, 'bench', 'jax', 'index.html') },
    },
    worker: { format: 'es' },
  })
  return FOLDER
}

export function rivalVersion(): string | null {
  try {
    const entry = require.resolve('@jax-js/jax')
    const { version } = require(join(entry, '..', '..', 'package.json')) as { version: string }
    return version
  } catch {
    return null
  }
}
