// Where the project's own files are, seen from the command line.

import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
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

type Environment = Readonly<Record<string, string | undefined>>

/** Where what is to last is kept. */
export function dataFolder(environment: Environment = process.env): string {
  const data = environment['XDG_DATA_HOME']
  return join(data !== undefined && data !== '' ? data : join(homedir(), '.local', 'share'), 'centram')
}

/** Where the server keeps its copy of the ledger when no other place is named. */
export function ledgerFile(environment: Environment = process.env): string {
  return join(dataFolder(environment), 'ledger.sqlite')
}
