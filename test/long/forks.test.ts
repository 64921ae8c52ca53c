// Who shows two logs is found out: in ten thousand rooms, five rounds after both were shown, every honest node has frozen it, and
// nobody else.

import { expect, it } from 'vitest'
import { identityFromSeed } from '#core/crypto/identity.ts'
import { createDice } from '../simulation/random.ts'
import { createRules, drawAccusations, drawAuthor, drawEquivocator, type Evidence } from './support/fork-evidence.ts'
import { runFork } from './support/fork-rounds.ts'

const RUNS = 10_000

it('brings the proof of a fork to every honest node within five rounds, in 10,000 of 10,000 rooms', async () => {
  const dice = createDice('forks')
  const many = <T>(count: number, draw: () => Promise<T>) => Promise.all(Array.from({ length: count }, draw))
  const authors = await many(40, () => drawAuthor(dice))
  const liar = identityFromSeed(dice.bytes(32))
  const world: Evidence = {
    authors,
    equivocators: await many(8, () => drawEquivocator(dice)),
    strangers: await many(3, () => drawAuthor(dice)),
    accusations: await Promise.all(authors.map((author) => drawAccusations(dice, author, liar))),
  }
  const rules = await createRules(world)
  // The lies are tried one by one too, not only when a run happens to tell them.
  for (const proof of world.accusations.flat()) expect(rules.accused(proof)).toBeNull()

  const byRounds = new Map<number, number>()
  const wrong = { frozen: 0, spread: 0, lost: 0 }
  for (let seed = 1; seed <= RUNS; seed++) {
    const run = runFork(world, rules, createDice(`fork ${seed}`))
    byRounds.set(run.rounds, (byRounds.get(run.rounds) ?? 0) + 1)
    wrong.frozen += run.wronglyFrozen
    wrong.spread += run.spreadWrongly
    wrong.lost += run.lost
  }
  console.log('rounds until all had frozen it, and runs:', [...byRounds].sort(([a], [b]) => a - b).join('; '))
  expect(wrong).toEqual({ frozen: 0, spread: 0, lost: 0 })
  expect(Math.max(...byRounds.keys())).toBeLessThanOrEqual(5)
  // It takes rounds: nobody is told by more than its links.
  expect(byRounds.size).toBeGreaterThan(2)
})
