// Leave to use TURN relays: made as coturn checks it, granted to whoever registered, asked for again before it ends.

import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { grantRelay, readTurnOptions } from '../../signaling-server/turn.ts'
import { createRelayGrants, type RelayGrant } from '../../worker/net/relay-grants.ts'
import { createFakeClock } from '../worker/net/fake-clock.ts'
import { createServer, listen } from './signalling-client.ts'

const TURN = { urls: ['turn:192.0.2.7:3478'], secret: 'north' }

describe('credentials', () => {
  it('name when they end and for whom, and hash that with the shared secret', () => {
    const grant = grantRelay({ ...TURN, lifetimeS: 600 }, 'ada', 1_700_000_000_999)
    expect(grant).toEqual({
      urls: TURN.urls,
      username: '1700000600:ada',
      // echo -n 1700000600:ada | openssl dgst -sha1 -hmac north -binary | base64
      credential: 'PxnDSvp1YXUZ9V3JJfLv80je4zM=',
      lifetimeS: 600,
    })
  })

  it('are granted by the server to the node that registered', async () => {
    const server = await createServer({}, (node) => grantRelay(TURN, node, 0))
    const ada = await server.connect(1)
    await ada.register()
    await ada.send('SIGNAL_RELAY', { grant: null })
    await listen(ada)
    const username = `3600:${toHex(ada.identity.publicKey)}`
    const credential = createHmac('sha1', 'north').update(username).digest('base64')
    expect(ada.last('SIGNAL_RELAY')).toEqual({ grant: { urls: TURN.urls, username, credential, lifetimeS: 3600 } })
  })

  it('are asked for again when three quarters of their time are over, however short or long they last', async () => {
    const clock = createFakeClock()
    let asked = 0
    const granted: RelayGrant[] = []
    const grants = createRelayGrants({ clock, ask: () => asked++, onGrant: (grant) => granted.push(grant) })
    const lend = (lifetimeS: number) => grants.take({ urls: [], username: '', credential: '', lifetimeS })
    lend(3600)
    await clock.advance(2_699_000)
    expect(asked).toBe(0)
    await clock.advance(1_000)
    expect(asked).toBe(1)
    lend(0)
    await clock.advance(4_999)
    expect(asked).toBe(1)
    await clock.advance(1)
    expect(asked).toBe(2)
    lend(0xffffffff)
    await clock.advance(86_400_000)
    expect(asked).toBe(3)
    grants.take(null)
    lend(100)
    grants.stop()
    await clock.advance(86_400_000)
    expect(asked).toBe(3)
    expect(granted).toHaveLength(4)
  })
})

describe('the configuration', () => {
  it('is nothing, or addresses and a secret', () => {
    expect(readTurnOptions(undefined, undefined)).toBeUndefined()
    expect(readTurnOptions('', '')).toBeUndefined()
    expect(readTurnOptions('turn:a.example:3478, turns:a.example:443?transport=tcp', 's')).toEqual({
      urls: ['turn:a.example:3478', 'turns:a.example:443?transport=tcp'],
      secret: 's',
    })
  })

  it.each([
    ['turn:a.example', undefined, /secret/],
    [undefined, 's', /addresses/],
    ['stun:a.example', 's', /no TURN address/],
    ['turn:a.example:99999', 's', /no TURN address/],
    ['turn:a b', 's', /no TURN address/],
    [Array.from({ length: 9 }, (_, index) => `turn:a${index}.example`).join(), 's', /9 TURN addresses/],
  ])('%s with %s is refused with what to do', (urls, secret, message) => {
    expect(() => readTurnOptions(urls, secret)).toThrow(message)
  })
})
