// Measuring a link between two nodes: the rate of the path, further connections counted, and what is said when a side is busy.

import { describe, expect, it } from 'vitest'
import { errorCode } from '#core/errors.ts'
import { createStreams } from '../../../worker/net/streams.ts'
import type { Swarm } from '../../../worker/net/swarm.ts'
import { createLinkSpeedMeter } from '../../../worker/node/link-speed.ts'
import { createPacedPath } from '../net/paced-line.ts'
import { createRandom, createSimulation, ROOM } from '../net/simulation.ts'

async function start(path: { bytesPerSecond: number; delayMs: number; windowBytes?: number }) {
  const { clock, createNode, network } = await createSimulation({}, (own) => ({
    makeLine: createPacedPath({ clock: own, ...path }),
  }))
  const ada = await createNode('Ada', { transport: 'ada' })
  const ben = await createNode('Ben', { transport: 'ben' })
  ada.join(ROOM)
  ben.join(ROOM)
  await clock.until(() => ada.peers()[0]?.link === 'open' && ben.peers()[0]?.link === 'open', 10_000)
  await clock.advance(2000)
  let busy = false
  const make = (swarm: Swarm, seed: number) =>
    createLinkSpeedMeter({
      streams: createStreams({ swarm, clock, random: createRandom(seed) }),
      clock,
      random: createRandom(seed + 1),
      connections: (peer) => swarm.peers().find(({ id }) => id === peer)?.connections ?? 1,
      busy: () => busy && swarm === ben,
    })
  const [meter] = [make(ada, 5), make(ben, 6)]
  const measure = async () => {
    let outcome: unknown
    void meter.measure(ben.id).then(
      (speed) => (outcome = speed),
      (error: unknown) => (outcome = errorCode(error)),
    )
    await clock.until(() => outcome !== undefined, 60_000, 'the measurement')
    return outcome
  }
  return { clock, network, ben, meter, measure, setBusy: (value: boolean) => (busy = value) }
}

describe('the speed of a link', () => {
  it('is that of the path where one connection fills it', async () => {
    const { measure } = await start({ bytesPerSecond: 1e6, delayMs: 1 })
    const speed = (await measure()) as { bytesPerSecond: number; connections: number }
    expect(speed.connections).toBe(1)
    expect(speed.bytesPerSecond).toBeGreaterThan(0.7e6)
    expect(speed.bytesPerSecond).toBeLessThan(1.1e6)
  })

  it('is that of several connections where delay makes one slow', async () => {
    const { measure } = await start({ bytesPerSecond: 4e6, delayMs: 80, windowBytes: 64 * 1024 })
    const speed = (await measure()) as { bytesPerSecond: number; connections: number }
    expect(speed.connections).toBeGreaterThan(1)
    expect(speed.bytesPerSecond).toBeGreaterThan(0.6e6)
  })

  it('is not measured while either side is busy, nor twice at once', async () => {
    const { measure, meter, ben, setBusy, clock } = await start({ bytesPerSecond: 1e6, delayMs: 1 })
    setBusy(true)
    expect(await measure()).toBe('NO_CAPACITY')
    setBusy(false)
    const first = meter.measure(ben.id)
    await expect(meter.measure(ben.id)).rejects.toMatchObject({ code: 'NO_CAPACITY' })
    let done = false
    void first.then(() => (done = true))
    await clock.until(() => done, 60_000)
  })

  it('ends with an error when the link breaks off for good', async () => {
    const { measure, network, clock } = await start({ bytesPerSecond: 1e6, delayMs: 1 })
    const outcome = measure()
    await clock.advance(1000)
    network.kill('ben')
    expect(await outcome).toBe('TIMEOUT')
  })
})
