// Waves of work leave time for everything else, keep their order, and do not grow without end.

import { describe, expect, it } from 'vitest'
import { createSlices } from '../../signaling-server/slices.ts'

const immediate = () => new Promise<void>((resolve) => setImmediate(resolve))
const spin = (milliseconds: number) => {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

describe('slices of work', () => {
  it('are done in order, with whatever else is due in between', async () => {
    const slices = createSlices(1, 100)
    const done: string[] = []
    for (let i = 0; i < 5; i++) {
      slices.push(() => {
        spin(2)
        done.push(`work ${i}`)
      })
    }
    for (let i = 0; i < 5; i++) {
      await immediate()
      done.push('else')
    }
    expect(done).toEqual([0, 1, 2, 3, 4].flatMap((i) => [`work ${i}`, 'else']))
  })

  it('take what is quick together', async () => {
    const slices = createSlices(1_000, 100)
    let done = 0
    for (let i = 0; i < 50; i++) slices.push(() => done++)
    await immediate()
    expect(done).toBe(50)
    slices.push(() => done++)
    await immediate()
    expect(done).toBe(51)
  })

  it('are refused where too many wait', async () => {
    const slices = createSlices(1_000, 3)
    const taken = [1, 2, 3, 4].map(() => slices.push(() => undefined))
    expect(taken).toEqual([true, true, true, false])
    await immediate()
    expect(slices.push(() => undefined)).toBe(true)
  })
})
