// `npm run simulate`: worlds from the command line. Prints what they covered, and of a violation the seed, the end of the
// trace and the command that repeats it.

import { parseArgs } from 'node:util'
import { buildThread } from './build.ts'
import { PLANTED_BUGS, type BugName } from './planted-bugs.ts'
import { runPool } from './pool.ts'
import { isTemper, TEMPER_NAMES } from './temper.ts'
import { createTally, describeTally } from './tally.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    /** How many worlds. */
    worlds: { type: 'string' },
    /** The first of their seeds. */
    from: { type: 'string', default: '1' },
    /** Real minutes, or hours, to go on for. */
    minutes: { type: 'string' },
    hours: { type: 'string' },
    faults: { type: 'string' },
    nodes: { type: 'string', default: '8' },
    /** Virtual minutes of trouble in each world. */
    trouble: { type: 'string', default: '5' },
    /** What every world suffers from, in place of what its seed says. */
    temper: { type: 'string' },
    threads: { type: 'string' },
    bug: { type: 'string' },
    signatures: { type: 'string', default: 'stand-in' },
    /** Goes on after a violation. */
    all: { type: 'boolean', default: false },
  },
})

const bug = values.bug as BugName | undefined
if (bug !== undefined && !(bug in PLANTED_BUGS)) {
  console.error(`There is no planted bug "${bug}". There are: ${Object.keys(PLANTED_BUGS).join(', ')}.`)
  process.exit(2)
}
if (values.temper !== undefined && !isTemper(values.temper)) {
  console.error(`There is no temper "${values.temper}". There are: ${TEMPER_NAMES.join(', ')}.`)
  process.exit(2)
}
const temper = values.temper
const signatures = values.signatures === 'ed25519' ? 'ed25519' : 'stand-in'
const bundle = await buildThread({ ...(bug && { bug }), signatures })
const nodes = Number(values.nodes)
const minutes = Number(values.trouble)
const seconds = Number(values.minutes ?? 0) * 60 + Number(values.hours ?? 0) * 3600
const wanted = values.faults === undefined ? Number.POSITIVE_INFINITY : Number(values.faults)
const limit = Number(values.worlds ?? (seconds > 0 || values.faults !== undefined ? Number.POSITIVE_INFINITY : 1))
const began = performance.now()
const tally = createTally()
let violations = 0
let count = 0

await runPool(
  { bundle, threads: values.seed === undefined && limit > 1 ? Number(values.threads ?? 2) : 1 },
  () => {
    if (count >= limit || tally.faults >= wanted) return undefined
    if (seconds > 0 && (performance.now() - began) / 1000 > seconds) return undefined
    const seed = values.seed ?? String(Number(values.from) + count)
    count++
    return { seed, nodes, minutes, ...(temper && { temper }) }
  },
  (answer) => {
    tally.add(answer)
    if (answer.violation === null) return true
    violations++
    console.log(
      `\nVIOLATION in world ${answer.seed}, step ${answer.steps}, after ${Math.round(answer.virtualMs)} virtual ms:`,
    )
    console.log(answer.violation)
    if (!values.all) console.log(answer.trace.slice(-80).join('\n'))
    console.log(
      `Repeat it: npm run simulate -- --seed ${answer.seed} --nodes ${nodes} --trouble ${minutes}` +
        `${temper ? ` --temper ${temper}` : ''}${bug ? ` --bug ${bug}` : ''}`,
    )
    return values.all
  },
)
console.log(describeTally(tally, (performance.now() - began) / 1000))
process.exitCode = violations === 0 ? 0 : 1
