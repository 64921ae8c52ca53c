// What the simulation is worth: each planted bug breaks an invariant in a world in which none breaks without it.

import { beforeAll, expect, it } from 'vitest'
import { buildThread } from '../simulation/build.ts'
import { PLANTED_BUGS, type BugName } from '../simulation/planted-bugs.ts'
import { runPool } from '../simulation/pool.ts'
import type { RunOptions } from '../simulation/run-world.ts'
import type { ThreadAnswer } from '../simulation/thread.ts'

/** Few worlds, each the place of several bugs. In those with a seed of even length bits are compared. */
const WORLDS = {
  cheated: { seed: '1', temper: 'hostile', minutes: 1 },
  broken: { seed: '24', temper: 'stormy', minutes: 2 },
  resuming: { seed: '4', temper: 'hostile', minutes: 1 },
  mending: { seed: '25', temper: 'stormy', minutes: 2 },
  dying: { seed: '22', temper: 'deadly', minutes: 1 },
  cleared: { seed: '33', temper: 'deadly', minutes: 1 },
  chatting: { seed: '1', temper: 'mixed', minutes: 1 },
  placing: { seed: '3', temper: 'mixed', minutes: 1 },
  computing: { seed: '22', temper: 'mixed', minutes: 1 },
} as const satisfies Record<string, RunOptions>

const PLACES: Readonly<Record<BugName, keyof typeof WORLDS>> = {
  'unsigned-frames': 'cheated',
  'replayed-frames': 'cheated',
  'foreign-session': 'cheated',
  'unordered-inbox': 'computing',
  'never-tries-again': 'cheated',
  'doubled-stream-bytes': 'mending',
  'stream-resumes-one-byte-off': 'resuming',
  'credit-counted-twice': 'broken',
  'transfer-begins-again': 'dying',
  'record-before-flush': 'dying',
  'cleared-file-believed': 'cleared',
  'endless-placement': 'placing',
  'forgotten-trim': 'chatting',
  'replay-in-another-family': 'computing',
  'sessions-not-freed': 'computing',
}

/** A bug that freezes a tab is found by waiting; without it these worlds take a few seconds. */
const FROZEN_AFTER_SECONDS = 45

async function run(bundle: string, world: RunOptions, patience?: number): Promise<ThreadAnswer> {
  const answers: ThreadAnswer[] = []
  const left = [world]
  await runPool(
    { bundle, threads: 1, ...(patience && { patience }) },
    () => left.shift(),
    (answer) => answers.push(answer) > 0,
  )
  return answers[0]!
}

let asItIs: string
beforeAll(async () => {
  asItIs = await buildThread()
})

it.concurrent.each(Object.values(WORLDS))('breaks no invariant without a bug: $temper $seed', async (world) => {
  expect((await run(asItIs, world)).violation).toBeNull()
})

/** A bug needs an occasion, and each change of the product makes other ones of the same seed: the next seeds are tried too. */
const SEEDS = 4

it.concurrent.each(Object.keys(PLANTED_BUGS) as BugName[])('finds the planted bug %s', async (bug) => {
  const patience = bug === 'endless-placement' ? FROZEN_AFTER_SECONDS : undefined
  const bundle = await buildThread({ bug })
  const first = WORLDS[PLACES[bug]]
  for (let next = 0; next < SEEDS; next++) {
    const world = { ...first, seed: String(Number(first.seed) + next) }
    const { violation, faults, virtualMs } = await run(bundle, world, patience)
    if (violation === null) continue
    const seconds = Math.round(virtualMs / 1000)
    console.log(
      `${bug}: ${world.temper} ${world.seed}, after ${faults} faults and ${seconds} virtual s: ${violation.split('\n')[0]}`,
    )
    // It is the bug, and not the world.
    if (next > 0) expect((await run(asItIs, world)).violation).toBeNull()
    return
  }
  expect.fail(`No world of ${SEEDS} noticed the bug.`)
})
