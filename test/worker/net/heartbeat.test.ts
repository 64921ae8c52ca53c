// A link on which both sides sleep now and then may be silent for longer than either would wait.

import { expect, it } from 'vitest'
import { createHeartbeat } from '../../../worker/net/heartbeat.ts'
import { RATES } from '#core/protocol/rates.ts'
import { createFakeClock } from './fake-clock.ts'

it('leaves no more pings on a silent link than its peer takes at once, its answers included', async () => {
  const clock = createFakeClock()
  let sleptAt = 0
  const sent: number[] = []
  // A tab that is frozen for a second every twenty: each time it gives its peer another chance.
  const drowsy = {
    ...clock,
    now: () => clock.now() + Math.floor(clock.now() / 20_000) * 1000,
  }
  const heartbeat = createHeartbeat(drowsy, {
    sendPing: (ping) => sent.push(ping),
    onStalled: () => undefined,
    onGiveUp: () => (sleptAt = clock.now()),
  })
  await clock.advance(300_000)
  expect(sleptAt).toBe(0)
  expect(2 * sent.length).toBeLessThanOrEqual(RATES.heartbeat.burst)

  // Once it answers, all goes on.
  for (const ping of [...sent]) heartbeat.pong(ping)
  const before = sent.length
  await clock.advance(10_000)
  expect(sent.length).toBeGreaterThan(before + 10)
  heartbeat.stop()
})

it('waits less for a peer of whom the server says that it left, and as long as before once it is back', async () => {
  const stalledAfter = async (suspicions: readonly boolean[], wait: number) => {
    const clock = createFakeClock()
    const began = clock.now()
    let at = Number.POSITIVE_INFINITY
    const heartbeat = createHeartbeat(clock, {
      sendPing: () => undefined,
      onStalled: (stalled) => {
        if (stalled) at = Math.min(at, clock.now() - began)
      },
      onGiveUp: () => undefined,
    })
    for (const isSuspect of suspicions) heartbeat.suspect(isSuspect)
    await clock.advance(wait)
    heartbeat.stop()
    return at
  }
  expect(await stalledAfter([], 5000)).toBeGreaterThanOrEqual(2250)
  expect(await stalledAfter([], 2500)).toBeLessThanOrEqual(2500)
  expect(await stalledAfter([true], 1500)).toBeLessThanOrEqual(1500)
  // One that is alive is heard from every 750 ms, and so is not given up for a word of the server's.
  expect(await stalledAfter([true], 1000)).toBe(Number.POSITIVE_INFINITY)
  expect(await stalledAfter([true, false], 2000)).toBe(Number.POSITIVE_INFINITY)
})
