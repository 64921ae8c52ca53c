// What a node remembers of itself: its log, its measurements, and what it stores.

import { describe, expect, test } from 'vitest'
import { createEventLog, MOST_LINES } from '../../../worker/node/event-log.ts'
import { createMeasurements } from '../../../worker/node/measurements.ts'
import { createStoredThings } from '../../../worker/node/stored-things.ts'
import { eventsBetween } from '../../../worker/node/state-events.ts'
import { createMemoryBlobs } from '../../../worker/storage/memory-blobs.ts'
import { SCENES } from '../../e2e/ui/fake-node.ts'
import type { NodeState } from '../../../worker/node/api.ts'

const alone = SCENES['alone'] as NodeState
const shared = SCENES['shared'] as NodeState
const leaving = SCENES['leaving'] as NodeState
const kinds = (before: NodeState, after: NodeState) => eventsBetween(before, after).map(({ kind }) => kind)

describe('the log', () => {
  test('says what became another, once, and nothing of what stayed', () => {
    expect(kinds(shared, shared)).toEqual([])
    expect(kinds(shared, structuredClone(shared))).toEqual([])
    expect(kinds(alone, shared)).toEqual([
      'room-entered',
      'peer-joined',
      'peer-path',
      'peer-joined',
      'peer-path',
      'model-ready',
      'refused-parts',
    ])
    expect(eventsBetween(shared, leaving)).toEqual([
      { kind: 'peer-silent', peer: shared.peers[0]?.id, name: 'Anna’s laptop' },
      { kind: 'peer-path', peer: shared.peers[1]?.id, name: 'Ben’s desktop', path: 'direct' },
      { kind: 'stage-lost', first: 14, last: 22, name: 'Anna’s laptop' },
      { kind: 'notice', ...(({ level, code, message }) => ({ level, code, message }))(leaving.notices[0]!) },
    ])
    expect(kinds(shared, { ...shared, room: null, peers: [] })).toEqual(['room-left', 'peer-left', 'peer-left'])
  })

  test('says whose layers are held, until they go back', () => {
    const guest = SCENES['guest'] as NodeState
    expect(eventsBetween({ ...guest, held: [] }, guest)).toEqual([
      { kind: 'lending', title: 'SmolLM2 360M Instruct', name: 'Anna’s laptop', first: 18, last: 32 },
    ])
    expect(kinds(guest, { ...guest, held: [] })).toEqual(['lent-back'])
  })

  test('says who took over a stage', () => {
    const [self, anna, ben] = shared.placement!.stages
    const taken = { ...shared.placement!, stages: [self!, { ...anna!, nodeId: ben!.nodeId }, ben!] }
    expect(eventsBetween(shared, { ...shared, placement: taken })).toEqual([
      { kind: 'stage-moved', first: 14, last: 22, from: 'Anna’s laptop', to: 'Ben’s desktop' },
    ])
  })

  test('says which limits were set and what followed', () => {
    const { limits } = alone
    const after = { ...alone, limits: { ...limits, paused: true, resting: 'paused' as const } }
    expect(kinds(alone, after)).toEqual(['limits', 'resting'])
    expect(kinds(after, alone)).toEqual(['limits', 'helping'])
    // What the device does alone is no line.
    expect(kinds(alone, { ...alone, limits: { ...limits, memory: { weights: 1, caches: 2, training: 0 } } })).toEqual(
      [],
    )
  })

  test('keeps the latest lines, numbered without gaps, and no long texts of others', () => {
    const log = createEventLog(() => 5)
    for (let count = 0; count < 2 * MOST_LINES + 10; count++) log.add({ kind: 'room-left' })
    log.add({ kind: 'peer-joined', peer: 'a', name: 'x'.repeat(5000) })
    const lines = log.read(0)
    expect(lines).toHaveLength(MOST_LINES)
    expect(lines.at(-1)).toMatchObject({ number: 2 * MOST_LINES + 11, at: 5, level: 'info' })
    expect(lines[0]?.number).toBe(MOST_LINES + 12)
    expect(log.read(2 * MOST_LINES + 9).map(({ number }) => number)).toEqual([2 * MOST_LINES + 10, 2 * MOST_LINES + 11])
    expect((lines.at(-1)?.event as { name: string }).name).toHaveLength(500)
  })
})

describe('measurements', () => {
  const timing = { totalMs: 30, computeMs: [10, 9, 8], networkMs: 3 }

  test('are kept second by second, work over all the seconds that it took', () => {
    let now = 10_000
    const kept = createMeasurements(() => now)
    kept.token(true, timing, shared.placement)
    kept.token(false, timing, null)
    kept.columns(7)
    now = 13_500
    kept.gpu(2000)
    kept.roundTrips(shared.peers)
    const { seconds, tokens, at } = kept.read(0)
    expect(at).toBe(13_500)
    expect(seconds.map(({ at: begin, gpuMs }) => [begin, gpuMs])).toEqual([
      [10_000, 0],
      [11_000, 500],
      [12_000, 1000],
      [13_000, 500],
    ])
    expect(seconds[0]).toMatchObject({ tokens: 1, tokensForOthers: 1, columnsForOthers: 7 })
    expect(seconds[3]?.roundTrips).toEqual(shared.peers.map(({ id, roundTripMs }) => ({ peer: id, ms: roundTripMs })))
    expect(tokens).toHaveLength(1)
    expect(tokens[0]?.stages.map(({ nodeId, ms }) => [nodeId, ms])).toEqual(
      shared.placement!.stages.map(({ nodeId }, index) => [nodeId, timing.computeMs[index]]),
    )
    expect(kept.read(13_000).seconds).toHaveLength(1)
  })

  test('are kept for ten minutes and some hundred tokens', () => {
    let now = 0
    const kept = createMeasurements(() => now)
    for (let second = 0; second < 3000; second++) {
      now = second * 1000
      kept.token(true, timing, shared.placement)
    }
    const { seconds, tokens } = kept.read(0)
    expect(seconds).toHaveLength(600)
    expect(seconds.at(-1)?.at).toBe(2_999_000)
    expect(tokens).toHaveLength(400)
    expect(tokens[0]?.at).toBe(2_600_000)
  })

  test('count a draft’s token without a time of its own, and one that another node’s placement made', () => {
    const kept = createMeasurements(() => 0)
    kept.token(true, { ...timing, totalMs: 0 }, shared.placement)
    kept.token(true, timing, null)
    expect(kept.read(0).seconds[0]?.tokens).toBe(2)
    expect(kept.read(0).tokens).toEqual([])
  })
})

describe('what is stored', () => {
  function createThings() {
    const bytes = new Map([
      ['https://models.example/a.gguf', 300],
      ['https://models.example/old.gguf?x=1', 50],
      ['file:mine.gguf:70', 70],
    ])
    const model = (id: string, status: 'ready' | 'listed') => ({ ...shared.models[0]!, id, title: id, status })
    return createStoredThings({
      blobs: createMemoryBlobs(1000),
      cache: {
        keys: async () => [...bytes.keys()],
        storedBytes: async (key) => bytes.get(key) ?? 0,
        remove: async (key) => void bytes.delete(key),
      },
      kept: { isKept: (id) => id === 'mine' },
      state: () => ({ ...alone, models: [model('a', 'ready'), model('mine', 'listed'), model('none', 'listed')] }),
      filesOf: async (id) =>
        ({ a: ['https://models.example/a.gguf'], mine: ['file:mine.gguf:70'] })[id] ?? ['https://models.example/none'],
      bytesOfRun: async () => 0,
    })
  }

  test('is listed by what it is for, the largest first', async () => {
    const { items } = await createThings().read()
    expect(items).toEqual([
      { kind: 'model', id: 'a', title: 'a', bytes: 300, inUse: true, forOthers: false },
      { kind: 'model', id: 'mine', title: 'mine', bytes: 70, inUse: false, forOthers: true },
      { kind: 'leftover', id: 'https://models.example/old.gguf?x=1', title: 'old.gguf', bytes: 50 },
    ])
  })

  test('goes where nothing uses it, and stays where a model does', async () => {
    const things = createThings()
    await expect(things.removeLeftover('file:mine.gguf:70')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    await things.removeLeftover('https://models.example/old.gguf?x=1')
    expect((await things.read()).items.map(({ title }) => title)).toEqual(['a', 'mine'])
  })
})
