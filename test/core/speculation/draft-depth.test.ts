import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDraftDepth, type DraftDepth } from '#core/speculation/draft-depth.ts'

const MOST = 7

/** Runs steps in which each draft holds with `chance`, evenly spread, and a step takes `timeOf(drafts)`. */
function run(depth: DraftDepth, steps: number, chance: number, timeOf: (drafts: number) => number, match = 4) {
  let luck = 0
  let tokens = 0
  let milliseconds = 0
  const chosen: number[] = []
  for (let step = 0; step < steps; step++) {
    const drafts = depth.choose(match)
    let held = 0
    const holds = () => (luck = (luck + 0.618033988749895) % 1) < chance
    while (held < drafts && holds()) held++
    const time = timeOf(drafts)
    depth.noteStep({ drafts, held, milliseconds: time, match })
    if (drafts === 0) depth.noteUntried(holds(), match)
    tokens += 1 + held
    milliseconds += time
    chosen.push(drafts)
  }
  return { chosen, rate: tokens / milliseconds }
}

const onDelay = (drafts: number) => 80 + 5 * (drafts + 1)
const costly = (drafts: number) => 20 * (drafts + 1)

describe('the depth of drafts', () => {
  it('is deep where a step is mostly delay and drafts hold', () => {
    const { chosen, rate } = run(createDraftDepth(MOST), 200, 0.9, onDelay)
    expect(Math.min(...chosen.slice(50))).toBeGreaterThanOrEqual(5)
    expect(rate).toBeGreaterThan(3 / onDelay(0))
  })

  it('is none where every column costs a step, but for a rare probe', () => {
    const { chosen, rate } = run(createDraftDepth(MOST), 1000, 0.8, costly)
    expect(chosen.slice(20).filter((drafts) => drafts > 0).length).toBeLessThanOrEqual(16)
    expect(rate).toBeGreaterThan(0.97 / costly(0))
  })

  it('is none where drafts do not hold, and comes back when they do', () => {
    const depth = createDraftDepth(MOST)
    const without = run(depth, 300, 0.02, onDelay).chosen
    expect(without.slice(100).every((drafts) => drafts === 0)).toBe(true)
    const later = run(depth, 300, 0.95, onDelay).chosen
    expect(later.at(-1)).toBe(MOST)
  })

  it('is deep after long matches and none after short ones, where only the long ones hold', () => {
    const depth = createDraftDepth(MOST)
    for (let round = 0; round < 20; round++) {
      run(depth, 10, 0.05, onDelay, 2)
      run(depth, 10, 0.95, onDelay, 12)
    }
    expect([depth.choose(2), depth.choose(12)]).toEqual([0, MOST])
  })

  it('forgives the first step of each kind, which prepares what the others find', () => {
    const depth = createDraftDepth(MOST)
    const seen = new Set<number>()
    const { chosen } = run(depth, 60, 0.9, (drafts) => {
      const time = seen.has(drafts) ? onDelay(drafts) : 2000
      seen.add(drafts)
      return time
    })
    expect(Math.min(...chosen.slice(40))).toBeGreaterThanOrEqual(5)
  })

  it('notices that the link became slow', () => {
    const depth = createDraftDepth(MOST)
    run(depth, 200, 0.8, costly)
    expect(run(depth, 800, 0.8, (drafts) => 400 + costly(drafts)).chosen.at(-1)).toBeGreaterThan(0)
  })

  it('never loses more than a tenth to plain decoding, whatever the costs and chances', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 100, noNaN: true }),
        fc.double({ min: 0.1, max: 50, noNaN: true }),
        (chance, delay, column) => {
          const timeOf = (drafts: number) => delay + column * (drafts + 1)
          const { chosen, rate } = run(createDraftDepth(MOST), 600, chance, timeOf)
          expect(chosen.every((drafts) => Number.isInteger(drafts) && drafts >= 0 && drafts <= MOST)).toBe(true)
          expect(rate * timeOf(0)).toBeGreaterThan(0.9)
        },
      ),
      { numRuns: 200 },
    )
  })
})
