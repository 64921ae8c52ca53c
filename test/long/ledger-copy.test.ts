// Nodes and the server's copy of the ledger: what one wrote reaches another that was never online at the same time.

import type { HttpBindings } from '@hono/node-server'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { plainVerifier } from '#core/crypto/identity.ts'
import { createRoutes } from '../../signaling-server/http/routes.ts'
import { createLedgerCopy } from '../../signaling-server/ledger/copy.ts'
import { openLedgerDatabase, type LedgerDatabase } from '../../signaling-server/ledger/database.ts'
import type { Surroundings } from '../../worker/node/surroundings.ts'
import { createLedgerRoom, type LedgerRoom, type Member } from '../worker/node/ledger-room.ts'

/** What the routes ask of a request's connection. */
const REQUEST = { incoming: { socket: {}, headers: {} } } as unknown as HttpBindings

let folder: string
let database: LedgerDatabase
let room: LedgerRoom
/** Of every answer of the server. */
let tamper: (text: string) => string
let around: Partial<Surroundings>

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'centram-copy-'))
  database = openLedgerDatabase(join(folder, 'copy.sqlite'))
  const models = { list: async () => [], find: async () => null }
  const addressOf = () => 'here'
  const now = () => 0
  const routes = createRoutes({
    webApp: { respond: async () => null },
    models,
    rest: {
      version: '1',
      models,
      countPeers: () => ({ nodes: 0, rooms: 0 }),
      roomSizes: () => [],
      traffic: () => [],
      uptimeSeconds: () => 0,
      addressOf,
      now,
      ledger: { copy: createLedgerCopy(database, plainVerifier), addressOf, now },
    },
  })
  tamper = (text) => text
  around = {
    settings: { serverUrl: 'ws://server.example/signal', pageUrl: 'http://server.example/', catalogue: [] },
    async fetch(url, init) {
      const response = await routes.request(url, init, REQUEST)
      return new Response(tamper(await response.text()), { status: response.status })
    },
  }
  room = await createLedgerRoom()
})
afterEach(() => {
  database.close()
  rmSync(folder, { recursive: true, force: true })
})

const entriesOf = (member: Member, author: Member) =>
  member.state().logs.find((log) => log.author === author.id)?.entries ?? 0

/** Ada and Cleo meet; Cleo leaves; Ada writes, and leaves as well. */
async function writeAlone() {
  const [ada, cleo] = [await room.enter(1, undefined, around), await room.enter(3, undefined, around)]
  await room.linked(ada, cleo)
  room.leave(cleo)
  for (let limit = 1; limit < 4; limit++) await room.finish(ada.ledger.api.grantCredit(cleo.id, limit))
  return { ada, cleo }
}

test('what was written while nobody was there is fetched by who comes later', async () => {
  const { ada, cleo } = await writeAlone()
  await room.simulation.clock.advance(5_000)
  room.leave(ada)
  const back = await room.enter(3, cleo.records, around)
  await room.until(() => entriesOf(back, ada) === 3, 'the log')
  expect(back.state().lines.find(({ peer }) => peer === ada.id)?.received).toBe(3)
})

test('what was lost comes back from the copy alone', async () => {
  const { ada } = await writeAlone()
  await room.simulation.clock.advance(5_000)
  room.leave(ada)
  for (const key of await ada.records.keys('ledger')) {
    if (key.startsWith(`entry/${ada.id}`)) await ada.records.delete('ledger', key)
  }
  const again = await room.enter(1, ada.records, around)
  expect(again.state().missing).toBe(3)
  await room.until(() => again.state().missing === 0, 'the log')
  expect(entriesOf(again, ada)).toBe(3)
})

test('a server that forges is believed nothing, and one without a copy is left in peace', async () => {
  const { ada, cleo } = await writeAlone()
  await room.simulation.clock.advance(5_000)
  room.leave(ada)
  // One character of each object: of entries, heads and signatures alike.
  tamper = (text) =>
    text.replace(/"([A-Za-z0-9+/]{40})([A-Za-z0-9+/])/g, (_all, start, next) => `"${start}${next === 'A' ? 'B' : 'A'}`)
  const back = await room.enter(3, cleo.records, around)
  await room.simulation.clock.advance(130_000)
  expect(entriesOf(back, ada)).toBe(0)
  expect(back.state().forks).toEqual([])
  room.leave(back)
  let asked = 0
  const bare: Partial<Surroundings> = {
    ...around,
    async fetch() {
      asked++
      return new Response('Not found.', { status: 404 })
    },
  }
  const alone = await room.enter(5, undefined, bare)
  await room.finish(alone.ledger.api.grantCredit(cleo.id, 1).catch(() => undefined))
  await room.simulation.clock.advance(300_000)
  expect(asked).toBe(1)
})
