// Several server processes with one set of rooms, over a real Redis that may die: members see and reach each other wherever they
// are connected, and a process that died takes its members with it.

import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { clock } from '../../signaling-server/signal-socket.ts'
import type { Cluster } from '../../signaling-server/signalling/cluster.ts'
import { openRedisCluster } from '../../signaling-server/signalling/redis-cluster.ts'
import { createServer, listen, type HandClient, type Server } from '../server/signalling-client.ts'
import { startRedis, type RedisServer } from './support/redis.ts'

const ALIVE_MS = 900
const LINK = new Uint8Array(16).fill(3)

let redis: RedisServer
let room = 0
const open: Cluster[] = []
const reports: string[] = []
beforeAll(async () => {
  redis = await startRedis()
})
afterEach(async () => {
  for (const cluster of open.splice(0)) await cluster.close()
  reports.length = 0
})
afterAll(() => redis.kill())

/** A process of the server. */
async function openProcess(): Promise<Server & { readonly cluster: Cluster }> {
  const cluster = await openRedisCluster({
    url: redis.url,
    clock,
    random: (length) => new Uint8Array(randomBytes(length)),
    report: (message) => reports.push(message),
    aliveMs: ALIVE_MS,
  })
  open.push(cluster)
  return Object.assign(await createServer({}, undefined, cluster), { cluster })
}

const newSecret = () => new Uint8Array(16).fill(++room)

async function enter(server: Server, seed: number, secret: Uint8Array, name: string): Promise<HandClient> {
  const client = await server.connect(seed)
  await client.register()
  await client.join(secret, name)
  return client
}

async function namesOf(client: HandClient): Promise<string[]> {
  await listen(client)
  return (client.last('SIGNAL_ROOM_STATE')?.members ?? []).map(({ name }) => name).sort()
}

const candidate = (from: HandClient, to: HandClient) => ({
  from: from.identity.publicKey,
  to: to.identity.publicKey,
  link: LINK,
  candidate: 'candidate',
  mid: '0',
  line: 0,
})

test('a room is one room, whichever process its members are at', async () => {
  const [one, two] = [await openProcess(), await openProcess()]
  const secret = newSecret()
  const ada = await enter(one, 1, secret, 'Ada')
  const ben = await enter(two, 2, secret, 'Ben')
  const cleo = await enter(two, 3, newSecret(), 'Cleo')
  for (const client of [ada, ben]) await expect.poll(() => namesOf(client)).toEqual(['Ada', 'Ben'])
  expect(await namesOf(cleo)).toEqual(['Cleo'])

  await ada.send('SIGNAL_CANDIDATE', candidate(ada, ben))
  await expect.poll(async () => (await listen(ben), ben.relayed.length)).toBe(1)
  // Of another room, at the same process.
  await ada.send('SIGNAL_CANDIDATE', candidate(ada, cleo))
  await ben.join(secret, 'Benno')
  await expect.poll(() => namesOf(ada)).toEqual(['Ada', 'Benno'])
  ben.drop()
  await expect.poll(() => namesOf(ada)).toEqual(['Ada'])
  await listen(cleo)
  expect(cleo.relayed).toHaveLength(0)
})

test('a full room is full at every process', async () => {
  const [one, two] = [await openProcess(), await openProcess()]
  const secret = newSecret()
  const clients = []
  for (let seed = 10; seed < 26; seed++) clients.push(await enter(seed % 2 ? one : two, seed, secret, `node ${seed}`))
  for (const client of clients.slice(0, 2)) await expect.poll(async () => (await namesOf(client)).length).toBe(16)
  const late = await enter(one, 30, secret, 'late')
  await listen(late)
  expect(late.last('SESSION_ERROR')).toMatchObject({ code: 'NO_CAPACITY' })
})

test('a node that comes back by another process leaves the first', async () => {
  const [one, two] = [await openProcess(), await openProcess()]
  const secret = newSecret()
  const watcher = await enter(two, 40, secret, 'watcher')
  const before = await enter(one, 41, secret, 'before')
  await expect.poll(() => namesOf(watcher)).toEqual(['before', 'watcher'])
  const after = await enter(two, 41, secret, 'after')
  await expect.poll(async () => (await listen(before), before.closed)).toBe('replaced')
  await expect.poll(() => namesOf(watcher)).toEqual(['after', 'watcher'])
  expect(await namesOf(after)).toEqual(['after', 'watcher'])
})

test('a process that died takes its members with it, and Redis may die and come back', async () => {
  const [one, two] = [await openProcess(), await openProcess()]
  const secret = newSecret()
  const ada = await enter(one, 50, secret, 'Ada')
  const ben = await enter(two, 51, secret, 'Ben')
  await expect.poll(() => namesOf(ada)).toEqual(['Ada', 'Ben'])

  await redis.kill()
  await expect.poll(() => reports.length, { timeout: 5000 }).toBeGreaterThan(0)
  // What is here goes on.
  const cleo = await enter(one, 52, secret, 'Cleo')
  await ada.send('SIGNAL_CANDIDATE', candidate(ada, cleo))
  await expect.poll(async () => (await listen(cleo), cleo.relayed.length)).toBe(1)
  await redis.start()
  for (const client of [ada, ben])
    await expect.poll(() => namesOf(client), { timeout: 10_000 }).toEqual(['Ada', 'Ben', 'Cleo'])

  // As if killed: its entries stay behind.
  await two.cluster.close()
  await expect.poll(() => namesOf(ada), { timeout: 10_000 }).toEqual(['Ada', 'Cleo'])
})

test('where nothing answers, the start says what to do', async () => {
  const refused = openRedisCluster({
    url: 'redis://127.0.0.1:9',
    clock,
    random: (length) => new Uint8Array(randomBytes(length)),
    report: () => undefined,
  })
  await expect(refused).rejects.toThrow(/Nothing answers at redis:\/\/127\.0\.0\.1:9 as Redis does/)
})
