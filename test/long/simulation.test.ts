// Whole swarms under seeds, hurt tens of thousands of times: no invariant breaks, and a seed decides everything that happens,
// in whichever thread and after whichever world. 10⁵ faults take some four minutes; `FAULTS` asks for fewer.

import { expect, it } from 'vitest'
import { buildThread } from '../simulation/build.ts'
import { FAULT_KINDS } from '../simulation/faults.ts'
import { runPool } from '../simulation/pool.ts'
import type { RunOptions } from '../simulation/run-world.ts'
import { createTally, describeTally } from '../simulation/tally.ts'
import type { ThreadAnswer } from '../simulation/thread.ts'

const FAULTS = Number(process.env['FAULTS'] ?? 100_000)
/** Virtual minutes of trouble: longer ones have more faults for each minute of peace. */
const MINUTES = 10
/** Twice what it takes on two cores. */
const PATIENCE_MS = 10 * 60_000

it(
  `survives ${FAULTS} faults of every kind: every answer right or ended with a reason, every stream whole, every swarm healed`,
  { timeout: PATIENCE_MS },
  async () => {
    const bundle = await buildThread()
    const tally = createTally()
    const violations: string[] = []
    const began = performance.now()
    let seed = 0
    await runPool(
      { bundle },
      () => (tally.faults < FAULTS ? { seed: `${++seed}`, minutes: MINUTES } : undefined),
      (answer) => {
        tally.add(answer)
        if (answer.violation !== null) violations.push(`world ${answer.seed}: ${answer.violation}`)
        return true
      },
    )
    console.log(`seeds 1 to ${seed}\n${describeTally(tally, (performance.now() - began) / 1000)}`)
    expect(violations).toEqual([])
    expect(FAULT_KINDS.filter((kind) => !tally.byKind.has(kind))).toEqual([])
    expect(tally.faults).toBeGreaterThanOrEqual(FAULTS)
    // It is no dead swarm that breaks no rule.
    expect(tally.right).toBeGreaterThan(tally.asked / 3)
    expect(tally.streamsWhole).toBeGreaterThan(tally.streams / 2)
  },
)

it('does the same under the same seed in another thread and after other worlds, and something else under another', async () => {
  const bundle = await buildThread()
  const worlds = (['hostile', 'stormy', 'deadly', 'mixed'] as const).map((temper) => ({
    seed: `same ${temper}`,
    temper,
    minutes: 1,
  }))
  const [one, other] = await Promise.all([tracesOf(bundle, worlds), tracesOf(bundle, worlds.toReversed())])
  expect(one).toHaveLength(worlds.length)
  expect(other.toReversed()).toEqual(one)
  expect(new Set(one.map(({ traceHash }) => traceHash)).size).toBe(worlds.length)
})

async function tracesOf(bundle: string, worlds: readonly RunOptions[]) {
  const answers: ThreadAnswer[] = []
  const left = [...worlds]
  await runPool(
    { bundle, threads: 1 },
    () => left.shift(),
    (answer) => answers.push(answer) > 0,
  )
  expect(answers.flatMap(({ violation }) => violation ?? [])).toEqual([])
  return answers.map(({ seed, traceHash, steps, faults }) => ({ seed, traceHash, steps, faults }))
}
