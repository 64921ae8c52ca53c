// The node's end of the server connection when the server is slow, absent, mute or of another version.

import { describe, expect, it } from 'vitest'
import { prepareMessage, sealFrame } from '#core/protocol/codec.ts'
import { createSignallingClient, type SocketEvents } from '../../../worker/net/signalling-client.ts'
import { createFakeClock } from './fake-clock.ts'
import { createRandom, createTrackedIdentity, createTrackedVerifier } from './simulation.ts'

async function createHarness() {
  const clock = createFakeClock()
  const attempts: { at: number; events: SocketEvents; sent: Uint8Array[]; closed: boolean }[] = []
  const states: string[] = []
  const server = await createTrackedIdentity(200)
  const client = createSignallingClient({
    url: 'ws://simulated',
    identity: await createTrackedIdentity(1),
    verifier: await createTrackedVerifier(),
    clock,
    random: createRandom(1),
    incarnation: new Uint8Array(16),
    connect(_url, events) {
      const attempt = { at: clock.now(), events, sent: [] as Uint8Array[], closed: false }
      attempts.push(attempt)
      return {
        send: (bytes) => attempt.sent.push(bytes),
        close: () => {
          attempt.closed = true
        },
      }
    },
    onState: (state, reason) => states.push(reason === undefined ? state : `${state}: ${reason}`),
    onRoom: () => undefined,
    onRelayed: () => undefined,
    onRefused: () => undefined,
  })
  const challenge = async (versions: number[]) => {
    const body = { versions, key: server.publicKey, nonce: new Uint8Array(32) }
    const message = prepareMessage('SIGNAL_CHALLENGE', body, undefined)
    const frame = await sealFrame(message, server, new Uint8Array(16), 0)
    attempts.at(-1)?.events.onMessage(frame)
    await clock.advance(0)
  }
  return { clock, client, attempts, states, challenge }
}

describe('signalling client', () => {
  it('tries again at growing, scattered intervals, and never stops', async () => {
    const { clock, attempts } = await createHarness()
    const pauses: number[] = []
    for (let round = 0; round < 12; round++) {
      const failedAt = clock.now()
      attempts.at(-1)?.events.onClose('refused')
      await clock.until(() => attempts.length === round + 2, 20_000)
      pauses.push((attempts.at(-1)?.at as number) - failedAt)
    }
    expect(pauses[0]).toBeGreaterThanOrEqual(250)
    expect(pauses[0]).toBeLessThanOrEqual(500)
    for (const pause of pauses.slice(6)) {
      expect(pause).toBeGreaterThanOrEqual(7_500)
      expect(pause).toBeLessThanOrEqual(15_000)
    }
    expect(new Set(pauses.slice(6)).size).toBeGreaterThan(1)
  })

  it('gives a socket that says nothing ten seconds', async () => {
    const { clock, attempts, states } = await createHarness()
    await clock.advance(9_900)
    expect(attempts).toHaveLength(1)
    await clock.advance(200)
    expect(attempts[0]?.closed).toBe(true)
    expect(states.at(-1)).toMatch(/closed: no answer/)
  })

  it('registers when challenged, and gives up a server that then falls silent', async () => {
    const { clock, attempts, challenge, states } = await createHarness()
    await challenge([1])
    // REGISTER and a PING, whose answer would show that the registration was taken.
    expect(attempts[0]?.sent.map((frame) => frame[5])).toEqual([16, 22, 4])
    await clock.advance(10_100)
    expect(states.at(-1)).toMatch(/does not answer/)
  })

  it('says which versions do not fit', async () => {
    const { attempts, challenge, states } = await createHarness()
    await challenge([7, 8])
    expect(attempts[0]?.sent).toEqual([])
    expect(states.at(-1)).toMatch(/versions 7, 8.*reload/)
  })

  it('goes on at once when asked to, and stops for good when closed', async () => {
    const { clock, client, attempts } = await createHarness()
    attempts[0]?.events.onClose('refused')
    await clock.advance(0)
    client.retry()
    expect(attempts).toHaveLength(2)
    client.retry()
    expect(attempts).toHaveLength(2)
    client.close()
    await clock.advance(60_000)
    expect(attempts).toHaveLength(2)
    expect(attempts[1]?.closed).toBe(true)
  })
})
