import { describe, expect, it } from 'vitest'
import type { Comparison } from '../../signaling-server/cli/demo/comparison.ts'
import { createReport, describeReport } from '../../signaling-server/cli/demo/report.ts'
import type { AnswerResult } from '../../signaling-server/cli/node-state.ts'

const stage = (nodeId: string, first: number, last: number) => ({
  nodeId,
  range: { first, last },
  bytes: 1_500_000,
  status: 'ready',
  progress: 1,
})
const answer = (overrides: Partial<AnswerResult> = {}): AnswerResult => ({
  text: 'ab',
  tokens: [97, 98],
  promptTokens: 3,
  finish: 'length',
  prefillMs: 30,
  msPerToken: 10,
  computeMs: [4, 5],
  networkMs: 1,
  bytesSent: 1_024,
  stages: [stage('aaaaaaaaaa', 0, 3), stage('bbbbbbbbbb', 3, 4)],
  logitsDigests: ['x', 'y'],
  ...overrides,
})
const report = (baseline: Partial<AnswerResult>, split: Partial<AnswerResult>) => {
  const comparison: Comparison = {
    model: { id: 'toy', title: 'Toy', sizeBytes: 1_690_461, width: 128 },
    adapter: 'test adapter',
    nodes: ['aaaaaaaaaa', 'bbbbbbbbbb'],
    baseline: answer(baseline),
    split: answer(split),
  }
  return createReport(comparison, { prompt: 'p', chat: false, tabs: 2 })
}

describe('the verdict', () => {
  it('passes only when all tokens and all digests are the same', () => {
    expect(report({}, {})).toMatchObject({ verdict: 'PASS', tokensEqual: true, logitsEqual: true, stepsCompared: 2 })
    expect(report({}, {})).not.toHaveProperty('firstDifference')
  })

  it.each([
    ['another token', {}, { tokens: [97, 99] }, { tokensEqual: false, logitsEqual: true, firstDifference: 1 }],
    ['fewer tokens', {}, { tokens: [97], logitsDigests: ['x'] }, { tokensEqual: false, firstDifference: 1 }],
    [
      'another digest',
      {},
      { logitsDigests: ['z', 'y'] },
      { tokensEqual: true, logitsEqual: false, firstDifference: 0 },
    ],
    ['a missing digest', {}, { logitsDigests: ['x'] }, { logitsEqual: false }],
    ['no digests at all', { logitsDigests: [] }, { logitsDigests: [] }, { logitsEqual: false }],
    [
      'nothing generated',
      { tokens: [], logitsDigests: [] },
      { tokens: [], logitsDigests: [] },
      { tokensEqual: false, logitsEqual: false },
    ],
  ])('fails on %s', (_, baseline, split, expected) => {
    expect(report(baseline, split)).toMatchObject({ verdict: 'FAIL', ...expected })
  })
})

it('says who held what, and what time went where', () => {
  const made = report({}, {})
  expect(made.layers).toEqual([
    { tab: 'tab 1', node: 'aaaaaaaaaa', first: 0, last: 2, bytes: 1_500_000, computeMs: 4 },
    { tab: 'tab 2', node: 'bbbbbbbbbb', first: 3, last: 3, bytes: 1_500_000, computeMs: 5 },
  ])
  expect(made).toMatchObject({ computeMs: 9, networkMs: 1, bytesPerHop: 512 })
  const text = describeReport(made).join('\n')
  expect(text).toMatch(/0 to 2 +tab 1 \(aaaaaaaa\) +1\.50 MB +4\.00 ms +40 %/)
  expect(text).toMatch(/network +512 B a hop +1\.00 ms +10 %/)
})
