// What is counted as sent, verified and handled: frames by their type, and nothing else that a key signs.

import { describe, expect, it } from 'vitest'
import { identityFromSeed, plainVerifier } from '#core/crypto/identity.ts'
import { openFrame, prepareMessage, sealFrame } from '#core/protocol/codec.ts'
import type { BodyOf, MessageName } from '#core/protocol/registry.ts'
import { createTraffic, type Traffic } from '#core/protocol/traffic.ts'

const ada = identityFromSeed(new Uint8Array(32).fill(1))
const ben = identityFromSeed(new Uint8Array(32).fill(2))
const SESSION = new Uint8Array(16).fill(3)

const seal = <Name extends MessageName>({ identity }: Traffic, name: Name, body: BodyOf<Name>) =>
  sealFrame(prepareMessage(name, body, undefined), identity, SESSION, 1)

describe('traffic', () => {
  it('counts frames that are signed, whose signature holds, and that a handler took', async () => {
    const here = createTraffic(ada, plainVerifier)
    const there = createTraffic(ben, plainVerifier)
    const frame = await seal(here, 'PIPE_KV_TRIM', { plan: SESSION, session: 1, step: 0, length: 0, release: true })
    await openFrame(frame, ada.publicKey, there.verifier)
    expect(here.counts()).toEqual([{ name: 'PIPE_KV_TRIM', sent: 1, verified: 0, handled: 0 }])
    expect(there.counts()).toEqual([{ name: 'PIPE_KV_TRIM', sent: 0, verified: 1, handled: 0 }])
    there.noteHandled('PIPE_KV_TRIM')
    expect(there.counts()).toEqual([{ name: 'PIPE_KV_TRIM', sent: 0, verified: 1, handled: 1 }])
  })

  it('does not count what somebody else signed', async () => {
    const there = createTraffic(ben, plainVerifier)
    const frame = await seal(createTraffic(ada, plainVerifier), 'SESSION_PING', { ping: 1 })
    await expect(openFrame(frame, ben.publicKey, there.verifier)).rejects.toThrow()
    expect(there.counts()).toEqual([])
  })

  it('counts what a session or the server handles itself as handled once it is verified', async () => {
    const there = createTraffic(ben, plainVerifier)
    const frame = await seal(createTraffic(ada, plainVerifier), 'SESSION_PING', { ping: 1 })
    await openFrame(frame, ada.publicKey, there.verifier)
    expect(there.counts()).toEqual([{ name: 'SESSION_PING', sent: 0, verified: 1, handled: 1 }])
  })

  it('leaves out what is signed and is no frame', async () => {
    const here = createTraffic(ada, plainVerifier)
    await here.identity.sign(new Uint8Array(200))
    expect(here.counts()).toEqual([])
  })
})
