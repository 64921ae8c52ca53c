// The simulation itself: a seed decides everything that happens in a world, in whichever thread it runs.

import { beforeAll, expect, it } from 'vitest'
import { buildThread } from '../../simulation/build.ts'
import { runPool } from '../../simulation/pool.ts'
import type { ThreadAnswer } from '../../simulation/thread.ts'

let bundle: string
beforeAll(async () => {
  bundle = await buildThread()
})

/** One world in a thread of its own. */
async function run(seed: string): Promise<ThreadAnswer> {
  const answers: ThreadAnswer[] = []
  const left = [{ seed, minutes: 0.2 }]
  await runPool(
    { bundle, threads: 1 },
    () => left.shift(),
    (answer) => answers.push(answer) > 0,
  )
  return answers[0]!
}

it('lets eight nodes come together, be hurt, heal and answer; the same seed does the same in two threads', async () => {
  const [first, again] = await Promise.all([run('quick'), run('quick')])
  expect(first.violation).toBeNull()
  expect(first.nodes).toBeGreaterThanOrEqual(8)
  expect(first.right).toBeGreaterThanOrEqual(8)
  expect(first.faults).toBeGreaterThan(20)
  expect(again.traceHash).toBe(first.traceHash)
  expect(again.steps).toBe(first.steps)
})
