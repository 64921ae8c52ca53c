// Members of a room that lie about others, or use a neighbour for more than meeting: it costs them alone.

import { describe, expect, it } from 'vitest'
import { compareBytes, toHex } from '#core/crypto/bytes.ts'
import type { Identity } from '#core/crypto/identity.ts'
import { openRoom } from '#core/crypto/room.ts'
import { prepareMessage, sealFrame } from '#core/protocol/codec.ts'
import { typeByte } from '#core/protocol/message.ts'
import { messageNamed, type BodyOf } from '#core/protocol/registry.ts'
import { openRecord, signRecord, type SignedRecord } from '../../../worker/net/address-record.ts'
import { createMember, linksOf, type Member } from './members.ts'
import { createSimulation, createTrackedIdentity, createTrackedVerifier, ROOM, type Simulation } from './simulation.ts'

const KEYS = openRoom(ROOM)
const DESCRIPTION = typeByte(messageNamed('SIGNAL_DESCRIPTION'))

async function createTrio() {
  const simulation = await createSimulation()
  const members: Member[] = []
  for (const [index, name] of ['Ada', 'Ben', 'Cleo'].entries()) {
    members.push(await createMember(simulation, name, { seed: 20 + index, transport: name }))
  }
  for (const member of members) await member.enter(ROOM)
  await simulation.clock.until(() => members.every((member) => linksOf(member) === 2), 5_000)
  await simulation.clock.advance(1_000)
  const [ada, ben, cleo] = members as [Member, Member, Member]
  return { simulation, ada, ben, cleo }
}

const record = async (identity: Identity, name: string, keys = KEYS, sequence = 5): Promise<SignedRecord> => {
  const at = 1_800_000_000_000
  const incarnation = new Uint8Array(16).fill(sequence)
  const made = await signRecord(
    { name, incarnation, sequence, addresses: [], at, expiresAt: at + 600_000 },
    keys,
    identity,
  )
  return made.signed
}

const offer = async (from: Identity, to: Uint8Array, sequence = 0) => {
  const link = new Uint8Array(16).fill(77)
  const body: BodyOf<'SIGNAL_DESCRIPTION'> = {
    from: from.publicKey,
    to,
    link,
    type: 'offer',
    sdp: '{"transport":"nobody","link":"x"}',
    offer: 1,
  }
  return sealFrame(prepareMessage('SIGNAL_DESCRIPTION', body, undefined), from, link, sequence)
}

/** Puts a signal on the wire between two members, whoever's it is. From the wrong end it is nobody's business. */
const passOn = (simulation: Simulation, frame: Uint8Array, ...names: [string, string]) => {
  for (const end of simulation.network.linksBetween(...names)[0]?.ends ?? []) end.send(frame)
}

/** The descriptions that pass between two members from now on. */
const watch = (simulation: Simulation, ...names: [string, string]): Uint8Array[] => {
  const seen: Uint8Array[] = []
  for (const end of simulation.network.linksBetween(...names)[0]?.ends ?? []) {
    const { send } = end
    end.send = (message) => {
      if (message[5] === DESCRIPTION) seen.push(message.slice())
      send(message)
    }
  }
  return seen
}

async function lossOf(simulation: Simulation, member: Member, act: () => void): Promise<string[]> {
  const losses: string[] = []
  member.swarm.onPeerLost((peer, { code }) => losses.push(`${peer.slice(0, 8)} ${code}`))
  act()
  await simulation.clock.advance(2_000)
  return losses
}

describe('a record', () => {
  it('counts only as its node signed it, and only in its room', async () => {
    const verifier = await createTrackedVerifier()
    const eve = await createTrackedIdentity(70)
    const good = await record(eve, 'Eve')
    expect((await openRecord(good, KEYS, verifier))?.addresses.name).toBe('Eve')
    const other = openRoom(new Uint8Array(16).fill(7))
    expect(await openRecord(good, other, verifier)).toBeNull()
    expect(await openRecord(await record(eve, 'Eve', other), KEYS, verifier)).toBeNull()
    for (const at of [0, 40, good.record.length - 1]) {
      const bent = good.record.slice()
      bent[at] = (bent[at] as number) ^ 1
      expect(await openRecord({ ...good, record: bent }, KEYS, verifier)).toBeNull()
    }
    expect(await openRecord({ ...good, signature: new Uint8Array(64) }, KEYS, verifier)).toBeNull()
  })

  it('of somebody else as one’s own, or forged in an exchange, ends the link of who sent it', async () => {
    const { simulation, ada, ben, cleo } = await createTrio()
    const eve = await createTrackedIdentity(70)
    const strange = await record(eve, 'Eve')
    const first = await lossOf(simulation, ada, () => ben.swarm.send(ada.swarm.id, 'PEER_RECORD', strange))
    expect(first).toEqual([`${ben.swarm.id.slice(0, 8)} PROTOCOL_VIOLATION`])
    const forged = { ...strange, signature: new Uint8Array(64).fill(1) }
    const second = await lossOf(simulation, ada, () =>
      cleo.swarm.send(ada.swarm.id, 'PEER_EXCHANGE', { peers: [forged] }),
    )
    expect(second).toContain(`${cleo.swarm.id.slice(0, 8)} PROTOCOL_VIOLATION`)
  })

  it('of nodes that a member made up takes few links, and keeps nobody out', async () => {
    const { simulation, ada, ben } = await createTrio()
    const invented: SignedRecord[] = []
    const keys: Uint8Array[] = []
    const { publicKey: adaKey } = await createTrackedIdentity(20)
    for (let seed = 60; seed < 250 && keys.length < 30; seed++) {
      const identity = await createTrackedIdentity(seed)
      // Those that Ada would begin links with.
      if (compareBytes(adaKey, identity.publicKey) < 0) continue
      keys.push(identity.publicKey)
      invented.push(await record(identity, `Ghost ${seed}`))
    }
    for (let at = 0; at < invented.length; at += 10) {
      ben.swarm.send(ada.swarm.id, 'PEER_EXCHANGE', { peers: invented.slice(at, at + 10) })
    }
    ben.swarm.send(ada.swarm.id, 'PEER_REACHABILITY', {
      links: keys.map((node) => ({ node, path: 'direct' as const, roundTripMs: 1 })),
    })
    await simulation.clock.advance(3_000)
    expect(keys.length).toBeGreaterThanOrEqual(13)
    const dan = await createMember(simulation, 'Dan', { seed: 29, transport: 'Dan' })
    await dan.enter(ROOM)
    await simulation.clock.until(() => linksOf(dan) === 3, 5_000, 'links with a real newcomer')
    expect(linksOf(ada)).toBe(3)
  })
})

describe('a neighbour', () => {
  it('passes on what its peer wrote, and nothing that others wrote or that is for others than its peers', async () => {
    const { simulation, ada, ben, cleo } = await createTrio()
    const got = watch(simulation, 'Ben', 'Cleo')
    const adaIdentity = await createTrackedIdentity(20)
    const eve = await createTrackedIdentity(70)
    const cleoKey = (await createTrackedIdentity(22)).publicKey
    const mine = await offer(adaIdentity, cleoKey)
    passOn(simulation, mine, 'Ada', 'Ben')
    passOn(simulation, await offer(eve, cleoKey), 'Ada', 'Ben')
    passOn(simulation, await offer(adaIdentity, eve.publicKey), 'Ada', 'Ben')
    const forged = mine.slice()
    forged[60] = (forged[60] as number) ^ 1
    passOn(simulation, forged, 'Ada', 'Ben')
    await simulation.clock.advance(1_000)
    expect(got.map(toHex)).toEqual([toHex(mine)])
    expect([linksOf(ada), linksOf(ben), linksOf(cleo)]).toEqual([2, 2, 2])
  })

  it('is no amplifier: what one peer may have passed on is limited', async () => {
    const { simulation, ada, ben, cleo } = await createTrio()
    const got = watch(simulation, 'Ben', 'Cleo')
    const adaIdentity = await createTrackedIdentity(20)
    const cleoKey = (await createTrackedIdentity(22)).publicKey
    for (let sequence = 0; sequence < 450; sequence++) {
      passOn(simulation, await offer(adaIdentity, cleoKey, sequence), 'Ada', 'Ben')
    }
    await simulation.clock.advance(500)
    expect(got.length).toBeGreaterThan(200)
    expect(got.length).toBeLessThanOrEqual(270)
    expect([linksOf(ada), linksOf(ben), linksOf(cleo)]).toEqual([2, 2, 2])
  })
})
