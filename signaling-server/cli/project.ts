// Where the project's own files are, seen from the command line.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project's folder. */
export const PROJECT_FOLDER = fileURLToPath(new URL('../..', import.meta.url))
/** Where the web app is built to. */
export const WEB_FOLDER = join(PROJECT_FOLDER, 'dist', 'web')

/** The version in package.json. */
export function readVersion(): string {
  const manifest = JSON.parse(readFileSync(join(PROJECT_FOLDER, 'package.json'), 'utf8')) as { version: string }
  return manifest.version
}
