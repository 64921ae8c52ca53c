// What a node has no handler for is refused with `NOT_OFFERED`, to the sender, and costs nobody the link.

import { expect, it } from 'vitest'
import { MESSAGES, type PeerMessageName } from '#core/protocol/registry.ts'
import type { PeerRefusal } from '../../../worker/net/session.ts'
import type { Swarm } from '../../../worker/net/swarm.ts'
import { SAMPLES, type Sample } from '../../vectors/protocol/samples.ts'
import { createSimulation, ROOM, type Simulation } from './simulation.ts'

/** All that nodes may send each other once their session is open, save what the session itself answers. */
const BY_SESSION = /^SESSION_(PING|PONG|GOODBYE|ERROR)$/
const NAMES = MESSAGES.filter(({ name, states }) => states.includes('open') && !BY_SESSION.test(name)).map(
  ({ name }) => name as PeerMessageName,
)

async function createPair(): Promise<Simulation & { ada: Swarm; ben: Swarm; refusals: PeerRefusal[] }> {
  const simulation = await createSimulation()
  const ada = await simulation.createNode('Ada')
  const ben = await simulation.createNode('Ben')
  for (const node of [ada, ben]) node.join(ROOM)
  const linked = (node: Swarm) => node.peers().some((peer) => peer.link === 'open')
  await simulation.clock.until(() => linked(ada) && linked(ben), 5_000)
  const refusals: PeerRefusal[] = []
  ada.onPeerRefused((peer, refusal) => {
    expect(peer).toBe(ben.id)
    refusals.push(refusal)
  })
  return { ...simulation, ada, ben, refusals }
}

function sendSample(node: Swarm, peer: string, name: PeerMessageName): void {
  const sample = SAMPLES[name][0] as Sample<PeerMessageName>
  node.send(peer, name, sample.body, sample.tail)
}

it('answers every message between nodes that nobody handles, naming it', async () => {
  const { clock, ada, ben, refusals } = await createPair()
  // All 96 but seven of the session’s own and the eight of the server.
  expect(NAMES).toHaveLength(96 - 7 - 8)
  for (const name of NAMES) {
    sendSample(ada, ben.id, name)
    await clock.until(() => refusals.at(-1)?.about === name, 5_000, `the answer to ${name}`)
  }
  expect(refusals.map(({ about }) => about)).toEqual(NAMES)
  expect(new Set(refusals.map(({ code }) => code))).toEqual(new Set(['NOT_OFFERED']))
  expect(ada.peers()[0]?.link).toBe('open')
})

it('takes what has a handler, and refuses it again once that is gone', async () => {
  const { clock, ada, ben, refusals } = await createPair()
  const heard: string[] = []
  const remove = ben.handle('LEDGER_COSIGN', (peer) => void heard.push(peer))
  expect(() => ben.handle('LEDGER_COSIGN', () => undefined)).toThrow(/already has a handler/)
  sendSample(ada, ben.id, 'LEDGER_COSIGN')
  await clock.until(() => heard.length > 0)
  expect(heard).toEqual([ada.id])
  expect(refusals).toEqual([])
  remove()
  sendSample(ada, ben.id, 'LEDGER_COSIGN')
  await clock.until(() => refusals.length > 0)
  expect(heard).toHaveLength(1)
})

it('does not answer a flood with a flood', async () => {
  const { clock, ada, ben, refusals } = await createPair()
  for (let i = 0; i < 600; i++) sendSample(ada, ben.id, 'STREAM_CREDIT')
  await clock.until(() => refusals.length > 0)
  await clock.advance(1_000)
  expect(refusals.length).toBeGreaterThanOrEqual(100)
  expect(refusals.length).toBeLessThan(150)
  expect(ada.peers()[0]?.link).toBe('open')
  expect(ben.peers()[0]?.link).toBe('open')
})
