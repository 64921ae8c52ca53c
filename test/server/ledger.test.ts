// The server's copy of the ledger over HTTP, on a real file: what it takes, what it refuses, what it shows.

import { webcrypto } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { encodeCanonical } from '#core/crypto/canonical.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { createVerifier, identityFromSeed, type Ed25519Subtle, type Identity } from '#core/crypto/identity.ts'
import { LOG_ENTRY, LOG_HEAD, WITNESSED_HEAD } from '#core/protocol/messages/proof.ts'
import { encodeObject, signObject } from '#core/protocol/signed-object.ts'
import {
  ledgerAuthorSchema,
  ledgerEntriesSchema,
  ledgerForksSchema,
  ledgerHeadsSchema,
} from '../../signaling-server/api.ts'
import { createLedgerCopy, type LedgerCopyLimits } from '../../signaling-server/ledger/copy.ts'
import { openLedgerDatabase, type LedgerDatabase } from '../../signaling-server/ledger/database.ts'
import { startLoopback, type Loopback } from './loopback.ts'

const ADA = identityFromSeed(new Uint8Array(32).fill(1))
const BEN = identityFromSeed(new Uint8Array(32).fill(2))
const LIMITS: LedgerCopyLimits = { authors: 2, entries: 12, bytes: 10_000, witnesses: 4 }

let folder: string
let database: LedgerDatabase
let server: Loopback

async function start(rate = { perSecond: 100, burst: 100 }): Promise<void> {
  database = openLedgerDatabase(join(folder, 'ledger', 'copy.sqlite'))
  const verifier = await createVerifier(webcrypto.subtle as unknown as Ed25519Subtle)
  const copy = createLedgerCopy(database, verifier, LIMITS)
  server = await startLoopback({
    ledger: { copy, addressOf: () => 'here', now: () => performance.now(), rate, close: database.close },
  })
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'centram-ledger-'))
  await start()
})
afterEach(async () => {
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

function chain(author: Identity, length: number, tag = 0, after: readonly Uint8Array[] = []): Uint8Array[] {
  const entries = [...after]
  while (entries.length < length) {
    const last = entries.at(-1)
    const previous = last ? sha256(last) : new Uint8Array(32)
    const at = { author: author.publicKey, sequence: entries.length, previous, at: 1000 }
    entries.push(encodeObject(LOG_ENTRY, { ...at, kind: 'grant', subject: new Uint8Array([tag, entries.length]) }))
  }
  return entries
}

async function headOf(entries: readonly Uint8Array[], author: Identity, by = author) {
  const entry = sha256(entries.at(-1) as Uint8Array)
  const head = encodeObject(LOG_HEAD, { author: author.publicKey, sequence: entries.length - 1, entry, at: 2000 })
  return { head, signature: await signObject(LOG_HEAD, head, by) }
}

const post = async (path: string, body: unknown) => {
  const response = await fetch(`${server.origin}/api/ledger/${path}`, {
    method: 'POST',
    body: encodeCanonical(body),
    headers: { 'Content-Type': 'application/cbor' },
  })
  return { status: response.status, ...((await response.json()) as { kept?: number; code?: string }) }
}
const send = async (entries: readonly Uint8Array[], author: Identity, from = 0) =>
  post('entries', { request: 0, entries: entries.slice(from), head: await headOf(entries, author), more: false })
const get = async (path: string): Promise<unknown> => (await fetch(`${server.origin}/api/ledger/${path}`)).json()
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))

test('keeps a log as it grows, and gives back the very bytes that were signed, after a restart too', async () => {
  const entries = chain(ADA, 5)
  expect(await send(entries.slice(0, 2), ADA)).toEqual({ status: 200, kept: 2 })
  expect(await send(entries, ADA, 2)).toEqual({ status: 200, kept: 5 })
  expect(await send(entries, ADA, 1)).toEqual({ status: 200, kept: 5 })
  await server.close()
  await start()
  const { heads, next } = ledgerHeadsSchema.parse(await get('heads'))
  expect(next).toBeNull()
  const { head, signature } = await headOf(entries, ADA)
  expect(heads).toMatchObject([{ author: toHex(ADA.publicKey), sequence: 4, at: 2000, frozen: false }])
  expect([bytes(heads[0]?.head ?? ''), bytes(heads[0]?.signature ?? '')]).toEqual([head, signature])
  const page = ledgerEntriesSchema.parse(await get(`${toHex(ADA.publicKey)}/entries?from=3`))
  expect(page).toMatchObject({ from: 3, more: false })
  expect(page.entries.map(bytes)).toEqual(entries.slice(3))
})

test('takes nothing that its author did not sign, that has a gap, or that says something else', async () => {
  const entries = chain(ADA, 4)
  const forged = { request: 0, entries, head: await headOf(entries, ADA, BEN), more: false }
  expect(await post('entries', forged)).toMatchObject({ status: 403, code: 'SIGNATURE_INVALID' })
  expect(await send(entries, ADA, 2)).toMatchObject({ status: 400 })
  const others = { request: 0, entries: chain(BEN, 4), head: await headOf(entries, ADA), more: false }
  expect(await post('entries', others)).toMatchObject({ status: 400 })
  const cut = { request: 0, entries: entries.slice(0, 3), head: await headOf(entries, ADA), more: false }
  expect(await post('entries', cut)).toMatchObject({ status: 400 })
  expect(await post('entries', { entries })).toMatchObject({ status: 400, code: 'FRAME_INVALID' })
  expect(ledgerHeadsSchema.parse(await get('heads')).heads).toEqual([])
  await send(entries, ADA)
  // One that parts from it too long ago for a proof, and without any.
  const gap = chain(ADA, 3, 1)
  expect(await send(gap, ADA, 3)).toMatchObject({ status: 400 })
  expect(ledgerEntriesSchema.parse(await get(`${toHex(ADA.publicKey)}/entries`)).entries.map(bytes)).toEqual(entries)
})

test.each([3, 4, 6])(
  'two heads, the second at place %i, freeze their author, and the proof is shown to anyone',
  async (length) => {
    const entries = chain(ADA, 3)
    await send(entries, ADA)
    await send(chain(ADA, 5, 0, entries), ADA, 3)
    const other = chain(ADA, length, 1, entries.slice(0, 1))
    expect(await send(other, ADA, 1)).toMatchObject({ status: 409, code: 'KEY_REVOKED' })
    const { forks } = ledgerForksSchema.parse(await get('forks'))
    expect(forks).toMatchObject([{ author: toHex(ADA.publicKey), sequence: Math.min(length, 5) - 1 }])
    expect(forks[0]?.path?.length ?? 0).toBe(Math.abs(length - 5))
    expect(await send(chain(ADA, 6, 0, chain(ADA, 5)), ADA, 5)).toMatchObject({ status: 409 })
    expect(ledgerHeadsSchema.parse(await get('heads')).heads[0]?.frozen).toBe(true)
  },
)

test('a fork that was sent as proof counts once both signatures hold', async () => {
  const [one, two] = [chain(ADA, 2), chain(ADA, 2, 1)]
  await send(one, ADA)
  const first = await headOf(one, ADA)
  expect(await post('forks', { first, second: await headOf(two, ADA, BEN) })).toMatchObject({ status: 403 })
  expect(ledgerForksSchema.parse(await get('forks')).forks).toEqual([])
  expect(await post('forks', { first, second: await headOf(two, ADA) })).toEqual({ status: 200 })
  expect(ledgerForksSchema.parse(await get('forks')).forks).toHaveLength(1)
})

test('witnesses stand beside the head that they saw', async () => {
  const entries = chain(ADA, 2)
  await send(entries, ADA)
  const witnessed = async (entry: Uint8Array, by = BEN) => {
    const seen = encodeObject(WITNESSED_HEAD, {
      witness: BEN.publicKey,
      author: ADA.publicKey,
      sequence: 1,
      entry,
      at: 3000,
    })
    return { seen, signature: await signObject(WITNESSED_HEAD, seen, by) }
  }
  const tip = sha256(entries[1] as Uint8Array)
  expect(await post('witnesses', await witnessed(tip, ADA))).toMatchObject({ status: 403 })
  expect(await post('witnesses', await witnessed(new Uint8Array(32)))).toMatchObject({ status: 400 })
  expect(await post('witnesses', await witnessed(tip))).toEqual({ status: 200 })
  const { witnesses } = ledgerAuthorSchema.parse(await get(`heads/${toHex(ADA.publicKey)}`))
  expect(witnesses).toMatchObject([{ witness: toHex(BEN.publicKey) }])
})

describe('has bounds', () => {
  test('of authors, of entries, of what one request and one address bring', async () => {
    expect(await send(chain(ADA, 13), ADA)).toMatchObject({ status: 507, code: 'NO_CAPACITY' })
    await send(chain(ADA, 1), ADA)
    await send(chain(BEN, 1), BEN)
    const third = identityFromSeed(new Uint8Array(32).fill(3))
    expect(await send(chain(third, 1), third)).toMatchObject({ status: 507 })
    expect(await post('entries', new Uint8Array(400_000))).toMatchObject({ status: 413 })
    await server.close()
    await start({ perSecond: 0.001, burst: 2 })
    for (let time = 0; time < 2; time++) await send(chain(ADA, 1), ADA)
    expect(await send(chain(ADA, 1), ADA)).toMatchObject({ status: 429 })
  })

  test('and answers odd addresses without falling over', async () => {
    for (const path of ['heads/xyz', 'heads/00', `${'0'.repeat(64)}/entries?from=-1`, 'heads?after=zz']) {
      expect((await fetch(`${server.origin}/api/ledger/${path}`)).status, path).toBe(400)
    }
    for (const path of [`heads/${'0'.repeat(64)}`, `${'0'.repeat(64)}/entries`, 'nothing']) {
      expect((await fetch(`${server.origin}/api/ledger/${path}`)).status, path).toBe(404)
    }
    expect((await fetch(`${server.origin}/api/ledger/heads`, { method: 'DELETE' })).status).toBe(405)
  })
})

describe('the file', () => {
  test('has one process at a time, and is free again when that was killed', async () => {
    const path = join(folder, 'other.sqlite')
    const parent = process.ppid
    writeFileSync(`${path}.owner`, String(parent))
    expect(() => openLedgerDatabase(path)).toThrow(/Another Centram/)
    // No process has such an id; the folder is the lock that a killed one leaves behind.
    writeFileSync(`${path}.owner`, String(2 ** 30))
    mkdirSync(`${path}.lock`)
    const opened = openLedgerDatabase(path)
    expect(opened.authors()).toBe(0)
    opened.close()
  })

  test('that is none is refused with what to do', () => {
    const path = join(folder, 'text.sqlite')
    writeFileSync(path, 'no database, only words'.repeat(100))
    expect(() => openLedgerDatabase(path)).toThrow(/--ledger/)
  })
})
