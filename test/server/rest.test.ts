// REST beyond single answers: pages, refusals as problems, origins, rates, metrics, and the page that people read.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { identityFromSeed, plainVerifier } from '#core/crypto/identity.ts'
import { encodeCanonical } from '#core/crypto/canonical.ts'
import { encodeSubject } from '#core/ledger/subject.ts'
import { ROYALTY_TERMS } from '#core/protocol/messages/ledger.ts'
import { LOG_ENTRY, LOG_HEAD } from '#core/protocol/messages/proof.ts'
import { encodeObject, signObject } from '#core/protocol/signed-object.ts'
import { createLedgerCopy } from '../../signaling-server/ledger/copy.ts'
import { openLedgerDatabase } from '../../signaling-server/ledger/database.ts'
import { sendRaw, silentSignalling, startLoopback, type Loopback } from './loopback.ts'

const ADA = identityFromSeed(new Uint8Array(32).fill(1))

let folder: string
let server: Loopback

async function start(apiRate = { perSecond: 1000, burst: 1000 }): Promise<void> {
  const database = openLedgerDatabase(join(folder, 'copy.sqlite'))
  server = await startLoopback({
    signalling: {
      ...silentSignalling({ nodes: 6, rooms: 3 }),
      roomSizes: () => [3, 2, 1],
      traffic: () => [{ name: 'SIGNAL_HELLO' as never, sent: 4, verified: 3, handled: 0 }],
    },
    ledger: {
      copy: createLedgerCopy(database, plainVerifier),
      addressOf: () => 'here',
      now: () => performance.now(),
      close: database.close,
    },
    apiRate,
  })
}
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'centram-rest-'))
  await start()
})
afterEach(async () => {
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

const ask = (path: string, init?: RequestInit) => fetch(`${server.origin}/api/${path}`, init)
const read = async (path: string) => (await (await ask(path)).json()) as Record<string, unknown>

test('lists come in pages that lead from one to the next, without a room’s id anywhere', async () => {
  expect(await read('rooms?limit=2')).toEqual({ rooms: [{ members: 3 }, { members: 2 }], next: '2' })
  expect(await read('rooms?limit=2&after=2')).toEqual({ rooms: [{ members: 1 }], next: null })
  expect(await read('rooms?after=99')).toEqual({ rooms: [], next: null })
  await server.write('models/a.gguf', 'x')
  await server.write('models/b.gguf', 'x')
  const first = (await read('models?limit=1')) as { models: { id: string }[]; next: string }
  expect(first).toMatchObject({ models: [{ id: 'a.gguf' }], next: 'a.gguf' })
  expect(await read(`models?limit=1&after=${first.next}`)).toMatchObject({ models: [{ id: 'b.gguf' }], next: null })
})

test('experiments are those that this version runs, each with an address that opens it', async () => {
  const { experiments } = (await read('experiments')) as {
    experiments: { name: string; url: string; seeds: number[] }[]
  }
  expect(experiments.map(({ name }) => name)).toContain('lora-divergent')
  expect(experiments.every(({ url }) => url.startsWith('/?experiment='))).toBe(true)
})

test('genomes are those that logs set terms for, in pages', async () => {
  const entries: Uint8Array[] = []
  for (const fill of [7, 8, 9]) {
    const terms = { genome: new Uint8Array(32).fill(fill), author: ADA.publicKey, sharePpm: 100_000, decayPpm: 500_000 }
    const object = encodeObject(ROYALTY_TERMS, { ...terms, depth: 4, at: 1000 })
    const last = entries.at(-1)
    entries.push(
      encodeObject(LOG_ENTRY, {
        author: ADA.publicKey,
        sequence: entries.length,
        previous: last ? sha256(last) : new Uint8Array(32),
        kind: 'royalty-terms',
        subject: encodeSubject(object, [await signObject(ROYALTY_TERMS, object, ADA)]),
        at: 1000,
      }),
    )
  }
  const entry = sha256(entries.at(-1) as Uint8Array)
  const head = encodeObject(LOG_HEAD, { author: ADA.publicKey, sequence: 2, entry, at: 2000 })
  const signed = { head, signature: await signObject(LOG_HEAD, head, ADA) }
  const body = encodeCanonical({ request: 0, entries, head: signed, more: false })
  expect((await ask('ledger/entries', { method: 'POST', body })).status).toBe(200)
  const first = (await read('genomes?limit=2')) as { genomes: { genome: string }[]; next: string }
  expect(first.genomes.map(({ genome }) => genome.slice(0, 2))).toEqual(['07', '08'])
  expect(first.next).toBe(`${toHex(ADA.publicKey)}.1`)
  const second = await read(`genomes?limit=2&after=${first.next}`)
  expect(second).toMatchObject({ genomes: [{ genome: '09'.repeat(32), sharePpm: 100_000, depth: 4 }], next: null })
})

test('refusals are problems that say what to do', async () => {
  const cases = [
    ['rooms?limit=0', {}, 400, 'BAD_ARGUMENT'],
    ['nothing', {}, 404, 'NOT_FOUND'],
    [`ledger/heads/${'0'.repeat(64)}`, {}, 404, 'NOT_FOUND'],
    ['health', { method: 'DELETE' }, 405, 'METHOD_NOT_ALLOWED'],
    ['ledger/entries', { method: 'POST', body: 'x' }, 400, 'FRAME_INVALID'],
  ] as const
  for (const [path, init, status, code] of cases) {
    const response = await ask(path, init)
    expect(response.headers.get('content-type'), path).toBe('application/problem+json')
    const problem = (await response.json()) as Record<string, unknown>
    expect(problem, path).toMatchObject({ status, code, type: `/api/docs#${code}` })
    expect(response.status).toBe(status)
    expect(String(problem['detail']).length).toBeGreaterThan(10)
    // Wherever it is opened, nothing of it runs.
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
  }
  expect((await ask('health', { method: 'DELETE' })).headers.get('allow')).toBe('GET')
})

test('a page of another site reads the signed parts only', async () => {
  const foreign = { headers: { Origin: 'https://example.org', 'Sec-Fetch-Site': 'cross-site' } }
  for (const path of ['peers', 'rooms', 'models', 'metrics', 'health', 'experiments']) {
    const response = await ask(path, foreign)
    expect(await response.json(), path).toMatchObject({ status: 403, code: 'FOREIGN_ORIGIN' })
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  }
  expect((await ask('ledger/heads', foreign)).headers.get('access-control-allow-origin')).toBe('*')
  expect((await ask('peers', { headers: { Origin: server.origin, 'Sec-Fetch-Site': 'same-origin' } })).status).toBe(200)
  // A link from elsewhere opens it.
  const marks = 'Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nConnection: close\r\n\r\n'
  expect(await sendRaw(server.server.port, `GET /api/docs HTTP/1.1\r\nHost: x\r\n${marks}`)).toMatch(/^HTTP\/1\.1 200 /)
})

test('an address that asks too often is told to wait', async () => {
  await server.close()
  await start({ perSecond: 0.001, burst: 3 })
  for (let time = 0; time < 3; time++) expect((await ask('health')).status).toBe(200)
  const refused = await ask('health')
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(await refused.json()).toMatchObject({ status: 429, code: 'RATE_LIMITED' })
})

test('metrics are read by Prometheus', async () => {
  const response = await ask('metrics')
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  const text = await response.text()
  expect(text).toContain('# TYPE centram_nodes gauge\ncentram_nodes 6\n')
  expect(text).toContain('centram_messages_sent_total{type="SIGNAL_HELLO"} 4\n')
  for (const line of text.trimEnd().split('\n')) {
    expect(line).toMatch(/^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{(?:\w+="(?:[^"\\]|\\.)*",?)*\})? [-+.\deE]+)$/)
  }
})

test('the page for people names every address and code, and has no script', async () => {
  const response = await ask('docs')
  const page = await response.text()
  expect(response.headers.get('content-security-policy')).not.toContain('script')
  for (const part of ['GET /api/rooms', 'POST /api/ledger/entries', 'id="RATE_LIMITED"', 'id="Problem"']) {
    expect(page).toContain(part)
  }
  expect(page).not.toMatch(/<script|style=|onload/i)
  expect((await ask('docs.css')).headers.get('content-type')).toBe('text/css; charset=utf-8')
})
