// The replay window against a model that remembers every number it took.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createReceiver } from '#core/protocol/receiver.ts'
import { messageNamed } from '#core/protocol/registry.ts'
import { createReplayWindow, REPLAY_WINDOW } from '#core/protocol/replay-window.ts'

/** What the window must be, without its economy: all numbers taken, for ever. */
function createModel(size: number) {
  const taken = new Set<number>()
  let highest = -1
  return {
    check: (sequence: number) =>
      sequence <= highest - size ? ('old' as const) : taken.has(sequence) ? ('seen' as const) : ('new' as const),
    accept(sequence: number) {
      taken.add(sequence)
      highest = Math.max(highest, sequence)
    },
  }
}

describe('the replay window', () => {
  it('is at least 1,024 frames wide', () => {
    const window = createReplayWindow()
    expect(REPLAY_WINDOW).toBeGreaterThanOrEqual(1024)
    window.accept(1023)
    expect(window.check(0)).toBe('new')
    window.accept(0)
    expect(window.check(0)).toBe('seen')
    window.accept(1024)
    expect(window.check(0)).toBe('old')
  })

  it.each([1, 8, 1024])('answers as the model does, %i wide', (size) => {
    // Steps forward and back of every size around the window's, and now and then a leap.
    const step = fc.oneof(
      fc.integer({ min: -2, max: 3 }),
      fc.integer({ min: -2 * size, max: 2 * size }),
      fc.constantFrom(size - 1, size, size + 1, -size, 2 ** 40),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.boolean()), { maxLength: 200 }), (steps) => {
        const window = createReplayWindow(size)
        const model = createModel(size)
        let sequence = 0
        for (const [by, genuine] of steps) {
          sequence = Math.min(Number.MAX_SAFE_INTEGER - 1, Math.max(0, sequence + by))
          const verdict = model.check(sequence)
          expect(window.check(sequence)).toBe(verdict)
          if (verdict !== 'new' || !genuine) continue
          window.accept(sequence)
          model.accept(sequence)
        }
      }),
      { numRuns: 150 },
    )
  })
})

describe('a receiver of several connections', () => {
  const session = new Uint8Array(16).fill(1)
  const ping = messageNamed('SESSION_PING')
  const make = () => {
    const receiver = createReceiver('open', { directions: ['any'], allow: () => true, order: 'window' })
    receiver.begin(session)
    return receiver
  }
  const header = (sequence: number) => ({ type: 4, bodyBytes: 7, tailBytes: 0, session, sequence })

  it('takes frames that overtook one another, each once', () => {
    const receiver = make()
    for (const sequence of [3, 0, 2, 1, 1000]) {
      receiver.check(header(sequence), ping)
      receiver.accept(header(sequence))
      expect(() => receiver.check(header(sequence), ping)).toThrow(expect.objectContaining({ code: 'REPLAYED' }))
    }
    expect(() => receiver.check(header(4), ping)).not.toThrow()
  })

  it('refuses what is older than its window, and begins anew with each session', () => {
    const receiver = make()
    receiver.accept(header(5000))
    expect(() => receiver.check(header(5000 - REPLAY_WINDOW), ping)).toThrow(
      expect.objectContaining({ code: 'REPLAYED' }),
    )
    expect(() => receiver.check(header(5001 - REPLAY_WINDOW), ping)).not.toThrow()
    receiver.begin(session)
    expect(() => receiver.check(header(0), ping)).not.toThrow()
  })

  it('does not move for a frame that was only checked', () => {
    const receiver = make()
    receiver.check(header(2 ** 50), ping)
    expect(() => receiver.check(header(0), ping)).not.toThrow()
  })
})
