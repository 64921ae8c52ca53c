// Holds docs/honest-status.md to its commands, from the reports of the suites that `.ci/run` has just run:
//
//   npx tsx test/setup/claims.ts REPORT…
//
// A claim that ships, or is a demo with a command, names test files; each must have run in one of the reports, with every test passed.

import { existsSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const STATES: readonly string[] = ['ships', 'demo', 'open']

export interface Claim {
  readonly claim: string
  readonly state: string
  /** Tests that show it. */
  readonly files: readonly string[]
}

/** What is read of a report that vitest writes as JSON. */
export interface TestReport {
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

/** The rows of the page. Throws where a row says something else than the page explains. */
export function readClaims(page = readFileSync(join(ROOT, 'docs/honest-status.md'), 'utf8')): Claim[] {
  const rows = page.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| claim '))
  return rows.map((line) => {
    const [claim = '', state = '', shown = ''] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
    const commands = [...shown.matchAll(/`(npm test|npm run test:long) -- ([^`]+)`/g)].map(([, command, list]) => ({
      command,
      files: (list ?? '').split(' '),
    }))
    const files = commands.flatMap((command) => command.files)
    const wrong = (why: string) => new Error(`docs/honest-status.md: "${claim}" ${why}.`)
    if (!STATES.includes(state)) throw wrong(`is "${state}", which is none of ${STATES.join(', ')}`)
    if (state === 'ships' && files.length === 0) throw wrong('ships, and no command shows it')
    if (!shown) throw wrong('says neither what shows it nor why nothing does')
    for (const { command, files: named } of commands) {
      for (const file of named) {
        if (!existsSync(join(ROOT, file))) throw wrong(`names ${file}, which is not there`)
        if (file.startsWith('test/long/') !== (command === 'npm run test:long')) {
          throw wrong(`runs ${file} by the command of other suites`)
        }
      }
    }
    return { claim, state, files }
  })
}

/** What stands in the way of each claim, in words; empty where all hold. */
export function findBroken(claims: readonly Claim[], reports: readonly TestReport[]): string[] {
  const files = new Map<string, TestReport['testResults'][number]['assertionResults']>()
  for (const { testResults } of reports) {
    for (const { name, assertionResults } of testResults) {
      const path = relative(ROOT, resolve(name))
      files.set(path, [...(files.get(path) ?? []), ...assertionResults])
    }
  }
  return claims.flatMap(({ claim, files: wanted }) =>
    wanted.flatMap((file) => {
      const tests = files.get(file) ?? []
      const bad = tests.find(({ status }) => status !== 'passed')
      if (tests.length === 0) return [`"${claim}": ${file} ran no test`]
      return bad ? [`"${claim}": ${file}: ${bad.fullName} ${bad.status}`] : []
    }),
  )
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const claims = readClaims()
  const reports = process.argv.slice(2).flatMap((path) => {
    try {
      return [JSON.parse(readFileSync(path, 'utf8')) as TestReport]
    } catch {
      return []
    }
  })
  const broken = findBroken(claims, reports)
  for (const line of broken) console.log(`NOT SHOWN: ${line}`)
  const shown = claims.filter(({ files }) => files.length > 0)
  console.log(
    `${shown.length} claims with a command, ${claims.length - shown.length} without one, ${broken.length} not shown`,
  )
  process.exitCode = broken.length > 0 || shown.length === 0 ? 1 : 0
}
