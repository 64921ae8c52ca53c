// What the server tells and hands over between nodes on the same network, and that it is no more than they agreed to.

import { describe, expect, it } from 'vitest'
import type { BodyOf } from '#core/protocol/registry.ts'
import { createServer, listen, type HandClient, type Server } from './signalling-client.ts'

const NEARBY = new Uint8Array(16)

async function join(server: Server, seed: number, address: string, nearby: boolean): Promise<HandClient> {
  const client = await server.connect(seed, address)
  await client.register()
  await client.send('SIGNAL_ROOM_JOIN', { name: `node ${seed}`, room: null, nearby })
  return client
}

const seen = (client: HandClient) => client.last('SIGNAL_ROOM_STATE')?.members.map(({ name }) => name)

const candidate = (from: HandClient, to: HandClient): BodyOf<'SIGNAL_CANDIDATE'> => ({
  from: from.identity.publicKey,
  to: to.identity.publicKey,
  link: new Uint8Array(16).fill(5),
  candidate: 'candidate',
  mid: '0',
  line: 0,
})

describe('nodes on the same network', () => {
  it('are told of each other, and their signals handed over, only while both let it be told', async () => {
    const server = await createServer()
    const ada = await join(server, 1, '198.51.100.7', true)
    const ben = await join(server, 2, '198.51.100.7', true)
    const shy = await join(server, 3, '198.51.100.7', false)
    const far = await join(server, 4, '198.51.100.8', true)
    await listen(ada, ben, shy, far)
    expect([ada, ben, shy, far].map(seen)).toEqual([['node 1', 'node 2'], ['node 1', 'node 2'], undefined, ['node 4']])
    expect(ada.last('SIGNAL_ROOM_STATE')?.room).toEqual(NEARBY)
    for (const from of [ben, shy, far]) await from.send('SIGNAL_CANDIDATE', candidate(from, ada))
    for (const to of [shy, far]) await ada.send('SIGNAL_CANDIDATE', candidate(ada, to))
    await listen(ada, shy, far)
    expect([ada, shy, far].map(({ relayed }) => relayed.length)).toEqual([1, 0, 0])
    await ben.send('SIGNAL_ROOM_JOIN', { name: 'node 2', room: null })
    await listen(ada, ben)
    expect([ada, ben].map(seen)).toEqual([['node 1'], []])
    await ben.send('SIGNAL_CANDIDATE', candidate(ben, ada))
    await listen(ada)
    expect(ada.relayed).toHaveLength(1)
  })

  it('leave when their connection does, and a network has a bounded number of them', async () => {
    const server = await createServer({ maxNearby: 2 })
    const ada = await join(server, 1, '2001:db8:0:1::1', true)
    const ben = await join(server, 2, '2001:db8:0:1:ffff::2', true)
    const cleo = await join(server, 3, '2001:db8:0:1::3', true)
    await listen(ada, ben, cleo)
    expect([ada, ben, cleo].map(seen)).toEqual([['node 1', 'node 2'], ['node 1', 'node 2'], undefined])
    ben.drop()
    await listen(ada)
    expect(seen(ada)).toEqual(['node 1'])
  })
})
