// The pure parts of the gossip: what a heartbeat decides, what a score is made of, what the cache keeps.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAuthors } from '#core/gossip/authors.ts'
import { chooseListeners, decideMesh, shuffle } from '#core/gossip/mesh.ts'
import { createMessageCache } from '#core/gossip/message-cache.ts'
import { GOSSIP_PARAMETERS } from '#core/gossip/parameters.ts'
import { createScores } from '#core/gossip/score.ts'

const { mesh: sizes, thresholds, rates, promiseMs } = GOSSIP_PARAMETERS
const names = (count: number, letter: string) => Array.from({ length: count }, (_, i) => `${letter}${i}`)

describe('the mesh', () => {
  it('ends within its bounds, of distinct peers with a score that is not negative', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -3, max: 9 }), { maxLength: 30 }),
        fc.array(fc.integer({ min: -3, max: 9 }), { maxLength: 30 }),
        fc.nat(200),
        (inside, outside, beat) => {
          const mesh = names(inside.length, 'm')
          const candidates = names(outside.length, 'c')
          const score = (peer: string) => (peer.startsWith('m') ? inside : outside)[Number(peer.slice(1))] as number
          const { graft, prune } = decideMesh({ mesh, candidates, score, beat }, GOSSIP_PARAMETERS)
          const after = [...mesh.filter((peer) => !prune.includes(peer)), ...graft]
          expect(new Set(after).size).toBe(after.length)
          expect(after.every((peer) => score(peer) >= 0)).toBe(true)
          expect(graft.every((peer) => candidates.includes(peer))).toBe(true)
          expect(after.length).toBeLessThanOrEqual(sizes.high + GOSSIP_PARAMETERS.opportunisticPeers)
          const willing = candidates.filter((peer) => score(peer) >= 0).length
          const kept = mesh.filter((peer) => score(peer) >= 0).length
          expect(after.length).toBeGreaterThanOrEqual(Math.min(sizes.low, kept + willing))
        },
      ),
    )
  })

  it('keeps the best when it has grown too large', () => {
    const mesh = names(sizes.high + 1, 'm')
    const score = (peer: string) => Number(peer.slice(1))
    const { prune } = decideMesh({ mesh, candidates: [], score, beat: 1 }, GOSSIP_PARAMETERS)
    expect(prune).toHaveLength(mesh.length - sizes.wished)
    for (const best of mesh.slice(-sizes.byScore)) expect(prune).not.toContain(best)
  })

  it('looks for better neighbours now and then, where it is poor', () => {
    const view = { mesh: names(5, 'm'), candidates: ['worse', 'better'] }
    const score = (peer: string) => (peer === 'better' ? 5 : 0)
    const at = (beat: number) => decideMesh({ ...view, score, beat }, GOSSIP_PARAMETERS).graft
    expect(at(GOSSIP_PARAMETERS.opportunisticBeats)).toEqual(['better'])
    expect(at(GOSSIP_PARAMETERS.opportunisticBeats + 1)).toEqual([])
  })

  it('tells a share of a large neighbourhood, and all of a small one', () => {
    expect(chooseListeners(names(4, 'p'), GOSSIP_PARAMETERS)).toHaveLength(4)
    expect(chooseListeners(names(100, 'p'), GOSSIP_PARAMETERS)).toHaveLength(25)
  })

  it('shuffles without loss', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer()), fc.infiniteStream(fc.nat(255)), (items, stream) => {
        const random = (length: number) => Uint8Array.from({ length }, () => stream.next().value as number)
        expect(shuffle(items, random).sort()).toEqual([...items].sort())
      }),
    )
  })
})

describe('the score', () => {
  it('forgives a few missteps, and puts out who makes many', () => {
    const scores = createScores()
    scores.misbehaved('peer', 6)
    expect(scores.of('peer')).toBe(0)
    scores.misbehaved('peer', 3)
    expect(scores.of('peer')).toBeLessThan(thresholds.refuse)
  })

  it('puts out who passes on two pieces that nobody signed, whatever good it did', () => {
    const scores = createScores()
    const peers = new Set(['peer'])
    for (let beat = 0; beat < 1000; beat++) {
      scores.deliveredFirst('peer')
      scores.tick(peers, peers)
    }
    const best = scores.of('peer')
    expect(best).toBeGreaterThan(0)
    scores.sentInvalid('peer')
    scores.sentInvalid('peer')
    expect(scores.of('peer')).toBeLessThan(thresholds.refuse)
  })

  it('does not rise by leaving, and is forgotten in time', () => {
    const scores = createScores()
    const linked = new Set(['peer'])
    for (let beat = 0; beat < 100; beat++) scores.tick(linked, linked)
    scores.sentInvalid('peer')
    const before = scores.of('peer')
    scores.tick(new Set(), new Set())
    expect(scores.of('peer')).toBeLessThanOrEqual(before)
    for (let beat = 0; beat < 700; beat++) scores.tick(new Set(), new Set())
    expect(scores.of('peer')).toBe(0)
  })
})

describe('the cache', () => {
  const news = (bytes: number) => ({
    topic: 'keys',
    body: { news: new Uint8Array(bytes), signature: new Uint8Array(64) },
  })

  it('tells of news for three heartbeats, gives it for many, and holds no more bytes than it may', () => {
    const cache = createMessageCache(GOSSIP_PARAMETERS)
    cache.put('first', news(1000))
    for (let beat = 0; beat < GOSSIP_PARAMETERS.gossipBeats; beat++) {
      expect(cache.recent('keys')).toEqual(['first'])
      expect(cache.recent('genomes')).toEqual([])
      cache.shift()
    }
    expect(cache.recent('keys')).toEqual([])
    // Longer than a promise may take.
    for (let beat = 0; beat * GOSSIP_PARAMETERS.heartbeatMs < 2 * promiseMs; beat++) cache.shift()
    expect(cache.get('first')).toBeDefined()
    for (let i = 0; i < 1000; i++) cache.put(`large ${i}`, news(16_000))
    expect(cache.get('first')).toBeUndefined()
    expect(cache.get('large 999')).toBeDefined()
    const kept = Array.from({ length: 1000 }, (_, i) => cache.get(`large ${i}`)).filter(Boolean).length
    expect(kept * 16_000).toBeLessThanOrEqual(GOSSIP_PARAMETERS.keptBytes)
    for (let beat = 0; beat < GOSSIP_PARAMETERS.keptBeats; beat++) cache.shift()
    expect(cache.get('large 999')).toBeUndefined()
  })
})

describe('rates', () => {
  it.each([
    ['an author’s', rates.author],
    ['a link’s', rates.eager],
  ])('%s news passes even where a link held it back for 40 s and delivers it at once', (_, { sent, taken }) => {
    expect(sent.burst + 40 * sent.perSecond).toBeLessThanOrEqual(taken.burst)
    expect(sent.perSecond).toBeLessThan(taken.perSecond)
  })
})

describe('authors', () => {
  it('are heard once a number, in any order, and not too often', () => {
    const authors = createAuthors({ perSecond: 1, burst: 4 })
    for (const sequence of [5, 3, 4]) {
      expect(authors.check('ada', sequence)).toBe('new')
      expect(authors.accept('ada', sequence, 0)).toBe(true)
      expect(authors.check('ada', sequence)).toBe('seen')
    }
    expect(authors.accept('ada', 6, 0)).toBe(true)
    expect(authors.accept('ada', 7, 0)).toBe(false)
    // What was too much counts for nothing, and may come again later.
    expect(authors.check('ada', 7)).toBe('new')
    expect(authors.accept('ada', 7, 1000)).toBe(true)
    expect(authors.check('ben', 5)).toBe('new')
  })
})
