// Bulk over several connections to one peer: opened where delay makes one slow, closed when it is quiet, and whole whatever
// happens to them.

import { beforeEach, describe, expect, it } from 'vitest'
import { createStreams, type Streams } from '../../../worker/net/streams.ts'
import type { StreamAbout } from '../../../worker/net/outgoing-stream.ts'
import type { Swarm } from '../../../worker/net/swarm.ts'
import { createPacedPath } from './paced-line.ts'
import { createRandom, createSimulation, ROOM, type Simulation } from './simulation.ts'

const MIB = 1024 * 1024
/** One connection carries 64 KiB in 160 ms, 0.4 MB/s; the path six times that. */
const PATH = { bytesPerSecond: 2.4e6, delayMs: 80, windowBytes: 64 * 1024 }
const ABOUT: StreamAbout = { purpose: 'test', subject: null, priority: 'bulk', length: null }
const NOISE = createRandom(5)(MIB)

interface Pair {
  readonly simulation: Simulation
  readonly ada: Swarm
  readonly ben: Swarm
  readonly streams: readonly [Streams, Streams]
  readonly lost: string[]
  connections(): number
}

async function start(path = PATH): Promise<Pair> {
  const simulation = await createSimulation({}, (clock) => ({ makeLine: createPacedPath({ clock, ...path }) }))
  const { clock } = simulation
  const ada = await simulation.createNode('Ada', { transport: 'ada' })
  const ben = await simulation.createNode('Ben', { transport: 'ben' })
  ada.join(ROOM)
  ben.join(ROOM)
  const open = (node: Swarm) => node.peers().filter(({ link }) => link === 'open').length === 1
  await clock.until(() => open(ada) && open(ben), 10_000, 'the link')
  const lost: string[] = []
  ada.onPeerLost((_peer, { code }) => lost.push(`ada: ${code}`))
  ben.onPeerLost((_peer, { code }) => lost.push(`ben: ${code}`))
  // A ping or two over the quiet path.
  await clock.advance(2000)
  const make = (swarm: Swarm, seed: number) => createStreams({ swarm, clock, random: createRandom(seed) })
  return {
    simulation,
    ada,
    ben,
    lost,
    streams: [make(ada, 71), make(ben, 72)],
    connections: () => simulation.network.linksBetween('ada', 'ben').length,
  }
}

/** Sends so many mebibytes from one node to the other; how many milliseconds that took. */
async function transfer({ simulation, streams, ada, ben }: Pair, mebibytes: number, meanwhile?: () => void) {
  const { clock } = simulation
  let right = 0
  const stop = streams[1].accept('test', async (_offer, bytes) => {
    let at = 0
    for await (const piece of bytes) {
      for (let taken = 0; taken < piece.length;) {
        const start = (at + taken) % MIB
        const part = piece.subarray(taken, taken + MIB - start)
        if (Buffer.compare(part, NOISE.subarray(start, start + part.length)) === 0) right += part.length
        taken += part.length
      }
      at += piece.length
    }
  })
  let done = false
  const stream = streams[0].open(ben.id, ABOUT, repeated(mebibytes))
  void stream.done.then(() => (done = true))
  const from = clock.now()
  let most = 0
  while (!done) {
    await clock.advance(100)
    most = Math.max(most, ada.peers()[0]?.connections ?? 0)
    meanwhile?.()
    if (clock.now() - from > 60_000) throw new Error('the transfer did not end')
  }
  stop()
  expect(right).toBe(mebibytes * MIB)
  return { took: clock.now() - from, most }
}

async function* repeated(mebibytes: number) {
  for (let i = 0; i < mebibytes; i++) yield await Promise.resolve(NOISE)
}

describe('bulk to a peer behind delay', () => {
  let pair: Pair
  beforeEach(async () => {
    pair = await start()
  })

  it('goes over several connections, sooner than over one, and they are closed when it is quiet', async () => {
    const { simulation, ada, ben, lost, connections } = pair
    expect(connections()).toBe(1)
    const { took, most } = await transfer(pair, 12)
    expect(most).toBeGreaterThanOrEqual(4)
    // What one connection would have needed, by its window.
    expect(took).toBeLessThan(((12 * MIB) / (PATH.windowBytes / (2 * PATH.delayMs))) * 0.5)
    // The other way nothing went: Ben opened none.
    expect(ben.peers()[0]?.connections).toBe(1)
    await simulation.clock.advance(12_000)
    expect(connections()).toBe(1)
    expect(ada.peers()[0]?.connections).toBe(1)
    expect(lost).toEqual([])
  })

  it('arrives whole when its connections break, one after another and all at once', async () => {
    const { simulation, lost } = pair
    let rounds = 0
    let broken = 0
    const { most } = await transfer(pair, 14, () => {
      const lanes = simulation.network.linksBetween('ada', 'ben').slice(1)
      if (++rounds % 40 !== 0) return
      for (const lane of rounds % 80 === 0 ? lanes : lanes.slice(0, 1)) {
        lane.cut('the test cut it')
        broken++
      }
    })
    expect(most).toBeGreaterThan(1)
    expect(broken).toBeGreaterThan(1)
    expect(lost).toEqual([])
  })

  it('leaves a silent connection behind and goes on over the others', async () => {
    const { simulation, lost } = pair
    let silenced = false
    await transfer(pair, 8, () => {
      const lane = simulation.network.linksBetween('ada', 'ben')[1]
      if (silenced || lane === undefined) return
      silenced = true
      lane.interrupt()
    })
    expect(silenced).toBe(true)
    expect(lost).toEqual([])
  })

  it('does not keep what is urgent waiting, whose order is the first connection’s', async () => {
    const { simulation, ada, ben } = pair
    const { clock } = simulation
    const waits: number[] = []
    const sent: number[] = []
    ben.handle('PROOF_RECON_FRAME', (_peer, { round }) => {
      expect(waits.length).toBe(round)
      waits.push(clock.now() - (sent[round] as number))
    })
    await transfer(pair, 5, () => {
      ada.send(ben.id, 'PROOF_RECON_FRAME', { recon: new Uint8Array(16), round: sent.length }, NOISE.subarray(0, 500))
      sent.push(clock.now())
    })
    await clock.advance(1000)
    expect(waits).toHaveLength(sent.length)
    expect(Math.max(...waits)).toBeLessThan(500)
  })

  it('ends with its peer', async () => {
    const { simulation, streams, ada, ben, connections } = pair
    const { clock } = simulation
    streams[1].accept('test', async (_offer, bytes) => {
      for await (const piece of bytes) expect(piece.length).toBeGreaterThan(0)
    })
    streams[0].open(ben.id, ABOUT, repeated(30))
    await clock.until(() => connections() > 2, 20_000)
    ada.leave()
    await clock.advance(3000)
    expect(connections()).toBe(0)
  })
})

it('bulk to a near peer stays on one connection', async () => {
  const { most } = await transfer(await start({ ...PATH, delayMs: 1 }), 8)
  expect(most).toBe(1)
})
