import { describe, expect, it } from 'vitest'
import { createSources } from '../../../worker/node/content-sources.ts'
import { createFakeClock } from '../net/fake-clock.ts'

const CHUNKS = 8
const ALL = new Uint8Array([0xff])

describe('a node that falls silent', () => {
  it('is asked for nothing and owes nobody time, until it is heard again; what comes late is taken', () => {
    const sources = createSources(CHUNKS, createFakeClock())
    for (const peer of ['ada', 'ben']) sources.holds(peer, ALL)
    const [ada] = sources.free()
    if (!ada) throw new Error('nobody is free')
    sources.ask(ada, 3)
    sources.silent('ada', true)
    expect(sources.free().map(({ id }) => id)).toEqual(['ben'])
    expect(sources.askedFor(3)).toEqual([])
    expect(sources.holdersOf(3)).toBe(1)
    expect(ada.owed.has(3)).toBe(true)
    sources.silent('ada', false)
    expect(sources.free().map(({ id }) => id)).toEqual(['ada', 'ben'])
  })
})
