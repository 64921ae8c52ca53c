// The part of a split answer that signatures take follows from their rates and the time of a token.

import { expect, it } from 'vitest'
import type { ModelFigures } from '../../signaling-server/cli/bench/model-bench.ts'
import { shareOfAnswers } from '../../signaling-server/cli/bench/signature-bench.ts'
import { spreadOf } from '../../signaling-server/cli/bench/spread.ts'

it('counts a signature and a verification for each hop, and no answer of one tab', () => {
  const rate = (perSecond: number) => spreadOf([perSecond])
  const figures = {
    kind: 'webcrypto',
    bytes: 800,
    signaturesPerSecond: rate(10_000),
    verificationsPerSecond: rate(5_000),
    verificationsTogetherPerSecond: rate(20_000),
  }
  const msPerToken = spreadOf([30, 60, 20])
  const wire = { msPerToken, hopsPerToken: 2, overheadMsPerHop: msPerToken, bytesPerHop: 512 }
  const solo = { model: 'toy', tabs: 1, msPerToken } as ModelFigures
  const split = { ...solo, tabs: 2, wire }
  const [share, ...others] = shareOfAnswers(figures, [solo, split])
  // 0.1 ms + 0.2 ms, twice.
  expect(share?.share.median).toBeCloseTo(0.6 / 30, 10)
  expect(share?.share.least).toBeCloseTo(0.6 / 60, 10)
  expect(share?.share.most).toBeCloseTo(0.6 / 20, 10)
  expect(others).toEqual([])
})
