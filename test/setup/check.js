// `npm run check`: types per environment, lint, format, layers, dead code and the pure tests, two at a time and without
// a browser. Every task runs to its end, so that one run shows all there is to mend.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const AT_ONCE = 2

/** Path of a package's command, run by this same Node.js: starting npx for each would cost half a second. */
function command(packageName, name = packageName) {
  const folder = join(ROOT, 'node_modules', packageName)
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return join(folder, typeof bin === 'string' ? bin : bin[name])
}

/** What did not change is not looked at again; a clean clone has no cache and looks at everything. */
const CACHE = join(ROOT, 'node_modules', '.cache', 'check')

const cached = (name) => ['--cache', '--cache-strategy', 'content', '--cache-location', join(CACHE, name)]

/** The native compiler: five projects in the time the lint's older one takes for one. */
const typescript = (project) => [
  `types ${project}`,
  command('typescript-7', 'tsc'),
  ...['-p', project, '--incremental', '--tsBuildInfoFile', join(CACHE, `${project.replace('/', '-')}.tsbuildinfo`)],
]

// Longest first, so that the two lanes end together.
const TASKS = [
  ['lint', command('eslint'), '.', ...cached('eslint')],
  ['pure tests', command('vitest'), 'run', '--project', 'core'],
  typescript('test'),
  typescript('worker'),
  ['format', command('prettier'), ...['--check', '--log-level', 'warn', '.', ...cached('prettier')]],
  typescript('web'),
  typescript('signaling-server'),
  typescript('worker/core'),
  ['dead code', command('knip')],
  [
    'layers',
    command('dependency-cruiser', 'depcruise'),
    '--config',
    '.dependency-cruiser.cjs',
    '--output-type',
    'err',
    'worker',
    'web',
    'signaling-server',
    'test',
  ],
]

function run([name, ...args]) {
  return new Promise((resolve) => {
    const startedAt = performance.now()
    let output = ''
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('error', (error) => resolve({ name, ok: false, seconds: 0, output: String(error) }))
    child.on('close', (code) =>
      resolve({ name, ok: code === 0, seconds: (performance.now() - startedAt) / 1000, output }),
    )
  })
}

const startedAt = performance.now()
const waiting = [...TASKS]
const failed = []
async function lane() {
  for (let task = waiting.shift(); task; task = waiting.shift()) {
    const result = await run(task)
    console.log(`${result.ok ? '✓' : '✗'} ${result.name.padEnd(24)} ${result.seconds.toFixed(1).padStart(5)} s`)
    if (!result.ok) {
      failed.push(result.name)
      console.log(result.output.trimEnd())
    }
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, lane))

const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
console.log(
  failed.length === 0 ? `All checks passed in ${seconds} s.` : `Failed in ${seconds} s: ${failed.join(', ')}.`,
)
process.exitCode = failed.length === 0 ? 0 : 1
