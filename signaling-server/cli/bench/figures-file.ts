// Where the figures of a benchmark go: into a JSON file, beside the machine and the load that they were measured under, and to
// standard output where that is asked for.

import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { PROJECT_FOLDER, readVersion } from '../project.ts'

export interface FiguresOptions {
  /** Of the whole file; by default one in bench-results/ with the time in its name. */
  readonly out?: string
  /** Print the JSON too. */
  readonly json: boolean
}

export interface FiguresFile {
  /** Writes what was measured, with whatever else tells how. */
  write(measured: object): Promise<void>
}

/** To be opened before the first measurement, for the load before it. `name` begins the file's name; may be empty. */
export function createFiguresFile(
  name: string,
  { out, json }: FiguresOptions,
  say: (line: string) => void,
): FiguresFile {
  const [before] = loadavg()
  return {
    async write(measured) {
      const at = new Date().toISOString()
      const machine = { processors: cpus()[0]?.model ?? 'unknown', count: cpus().length, node: process.versions.node }
      const report = { version: readVersion(), machine, load: [before, loadavg()[0]], at, ...measured }
      const file = `${[name, at.slice(0, 19).replaceAll(':', '-')].filter(Boolean).join('-')}.json`
      const path = resolve(out ?? join(PROJECT_FOLDER, 'bench-results', file))
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, `${JSON.stringify(report, null, 2)}\n`)
      say(`\nWritten to ${path}`)
      if (json) console.log(JSON.stringify(report))
    },
  }
}
