// Contents under faults, many seeds of them: which nodes have what, who lies, stalls, leaves and is slow, and how the address does.

import { expect, test } from 'vitest'
import { readAmongFaults } from '../worker/node/content-faults.ts'

const SEEDS = 60

test(`${SEEDS} seeded swarms: what is read is right or reading ends with a code`, async () => {
  const ends = new Map<string, number>()
  for (let seed = 100; seed < 100 + SEEDS; seed++) {
    const end = await readAmongFaults(seed)
    ends.set(end, (ends.get(end) ?? 0) + 1)
  }
  console.log(`contents under faults: ${[...ends].map(([end, count]) => `${end} ${count}`).join(', ')}`)
  expect([...ends.keys()].sort()).toEqual(['SOURCE_UNREACHABLE', 'right'])
})
