// After a partition heals, 64 nodes have the same bytes within three rounds, and nothing of strangers or of who forked.

import { expect, it } from 'vitest'
import { fromHex } from '#core/crypto/bytes.ts'
import { createDice } from '../simulation/random.ts'
import { createRules, drawEquivocator } from './support/fork-evidence.ts'
import { runHealing } from './support/healing.ts'

const SEEDS = 20

it('makes 64 nodes the same to the byte within three rounds after a partition heals', async () => {
  const liar = await drawEquivocator(createDice('healing'))
  const rules = await createRules({ authors: [], equivocators: [liar], strangers: [], accusations: [] })
  const proof = rules.prove(liar.branches[0].at(-1)!, liar.branches[1].at(-1)!)!
  expect(rules.accused(proof)).toBe(liar.name)

  const runs = Array.from({ length: SEEDS }, (_, seed) =>
    runHealing({ liar: fromHex(liar.name)!, proof }, createDice(`healing ${seed}`)),
  )
  for (const [seed, { groups, entries, rounds, comparisons, bytes }] of runs.entries()) {
    const each = (bytes / comparisons).toFixed(0)
    console.log(
      `seed ${seed}: ${groups} groups, ${entries} entries, ${rounds} rounds, ${comparisons} comparisons of ${each} B`,
    )
  }
  expect(runs.map(({ wrong }) => wrong)).toEqual(runs.map(() => 0))
  for (const { rounds } of runs) expect(rounds).not.toBeNull()
  expect(Math.max(...runs.map(({ rounds }) => rounds!))).toBeLessThanOrEqual(3)
  // One round is not enough: nobody is linked to everyone.
  expect(Math.min(...runs.map(({ rounds }) => rounds!))).toBeGreaterThan(1)
})
