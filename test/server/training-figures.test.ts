import { describe, expect, it } from 'vitest'
import { compareRuns } from '../../signaling-server/cli/bench/training-figures.ts'

const ours = { losses: [5, 4, 3], gradientNorms: [1, 0.5, 0.25] }

describe('compareRuns', () => {
  it('takes rounding for the same step', () => {
    const theirs = { losses: [5, 4.002, 3], gradientNorms: [1.0005, 0.5, 0.25] }
    const agreement = compareRuns(ours, theirs)
    expect(agreement).toMatchObject({ agrees: true, steps: 3 })
    expect(agreement.loss).toBeCloseTo(5e-4, 6)
    expect(agreement.gradientNorm).toBeCloseTo(5e-4, 6)
  })

  it.each([
    ['another loss later on', { ...ours, losses: [5, 4, 3.01] }],
    ['other gradients', { ...ours, gradientNorms: [1, 0.6, 0.25] }],
    ['what is no number', { ...ours, losses: [5, NaN, 3] }],
    ['fewer steps', { losses: [5, 4], gradientNorms: [1, 0.5] }],
  ])('refuses %s', (_, theirs) => expect(compareRuns(ours, theirs).agrees).toBe(false))

  it('needs more than one step: the first loss says nothing of gradients', () => {
    const one = { losses: [5], gradientNorms: [1] }
    expect(compareRuns(one, one).agrees).toBe(false)
  })
})
