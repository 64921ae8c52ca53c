// An honest node that is merely slow is never put out: a hundred seeds.

import { expect, it } from 'vitest'
import { isKindToSlowNodes } from '../worker/net/gossip/gossip-network.ts'

it('keeps the links of slow nodes, and brings all news to all, in 100 of 100 seeds', async () => {
  let kept = 0
  for (let seed = 1; seed <= 100; seed++) if (await isKindToSlowNodes(seed)) kept++
  expect(kept).toBe(100)
}, 300_000)
