// A stretch of bytes kept in blocks, against one kept in one piece.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createKeptBytes } from '../../../worker/net/kept-bytes.ts'

it('gives back what was put in, until it is dropped, whatever the sizes', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('append' as const), size: fc.nat({ max: 300 }) }),
    fc.record({ kind: fc.constant('drop' as const), size: fc.nat({ max: 200 }) }),
    fc.record({ kind: fc.constant('view' as const), size: fc.nat({ max: 400 }) }),
  )
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), fc.array(step, { maxLength: 60 }), (blockBytes, steps) => {
      const kept = createKeptBytes(blockBytes)
      const all: number[] = []
      let from = 0
      for (const { kind, size } of steps) {
        if (kind === 'append') {
          const bytes = Uint8Array.from({ length: size }, (_, i) => all.length + i * 7)
          kept.append(bytes)
          all.push(...bytes)
          // The giver may use its buffer again.
          bytes.fill(0)
        } else if (kind === 'drop') {
          from = Math.min(all.length, from + size)
          kept.dropBefore(from)
        } else {
          const offset = Math.min(all.length, from + (size >> 1))
          const view = kept.view(offset, offset + size)
          expect([...view]).toEqual(all.slice(offset, offset + view.length))
          expect(view.length > 0).toBe(size > 0 && offset < all.length)
        }
        expect(kept.end).toBe(all.length)
      }
    }),
    { numRuns: 300 },
  )
})
