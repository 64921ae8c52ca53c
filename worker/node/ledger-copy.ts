// The copy of the ledger that the page's server may keep for nodes that are offline: this node sends it its own log, the forks it
// knows and what was countersigned, and fetches what others wrote while it was away. All of it is verified here as if a
// peer had sent it.

import type { Timer } from '#core/clock.ts'
import { fromHex, toHex } from '#core/crypto/bytes.ts'
import { encodeCanonical } from '#core/crypto/canonical.ts'
import { CentramError } from '#core/errors.ts'
import type { ForkProof } from '#core/ledger/fork.ts'
import { signHead, type LogPoint, type SignedHead } from '#core/ledger/log.ts'
import type { Witness } from '#core/ledger/witness.ts'
import { LOG_ENTRY } from '#core/protocol/messages/proof.ts'
import { readObject } from '#core/protocol/signed-object.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { z } from 'zod/mini'
import type { LedgerAuthors } from './ledger-authors.ts'
import type { LedgerBook } from './ledger-book.ts'
import type { Surroundings } from './surroundings.ts'

export interface LedgerCopyClient {
  /** Once this node's own log is read. */
  start(): void
  /** Something new is here that the copy may lack: it is sent a little later, with what comes meanwhile. */
  sendSoon(): void
  /** Sends and fetches now. Does nothing where the server keeps no copy; throws `SERVER_UNREACHABLE`. */
  exchange(): Promise<void>
  close(): void
}

export interface LedgerCopyOptions {
  readonly surroundings: Pick<Surroundings, 'identity' | 'clock' | 'wallTime' | 'fetch'>
  /** `ws://…/signal` of the server that the page came from; without one there is no copy. */
  readonly serverUrl: string | undefined
  readonly book: LedgerBook
  readonly authors: LedgerAuthors
  readonly witnesses: () => readonly Witness[]
  readonly takeLog: (entries: readonly Uint8Array[], head: SignedHead) => Promise<void>
  readonly onFork: (proof: ForkProof) => Promise<unknown>
}

const FIRST_MS = 1_000
const EVERY_MS = 60_000
const SOON_MS = 2_000
const PAGE = 128
/** Pages of one log that are fetched at a time. */
const MAX_PAGES = 256
/** Of an answer of the server, which need not be trusted to be short. */
const MAX_ANSWER = 1024 * 1024

const bytes = z.string().check(z.maxLength(512 * 1024))
const signed = z.object({ head: bytes, signature: bytes })
const HEALTH = z.object({ ledger: z.boolean() })
const HEADS = z.object({
  heads: z.array(z.object({ author: z.string(), sequence: z.number(), frozen: z.boolean() })),
  next: z.nullable(z.string()),
})
const ENTRIES = z.object({ entries: z.array(bytes), head: signed, more: z.boolean() })
const FORKS = z.object({
  forks: z.array(z.object({ author: z.string(), first: signed, second: signed, path: z.optional(z.array(bytes)) })),
})

export function createLedgerCopyClient(options: LedgerCopyOptions): LedgerCopyClient {
  const { surroundings, serverUrl, book, authors } = options
  const { clock, identity, wallTime } = surroundings
  const self = toHex(identity.publicKey)
  const origin = serverUrl?.replace(/^ws/, 'http').replace(/\/signal$/, '')
  /** Null until the server said. */
  let offered: boolean | null = origin === undefined ? false : null
  let running: Promise<void> | null = null
  let timer: Timer | undefined
  let closed = false
  /** Heads and proofs that the copy has. */
  const sent = new Set<string>()

  async function ask(path: string, init?: RequestInit): Promise<unknown> {
    let response: Response
    try {
      response = await surroundings.fetch(`${origin}/api/${path}`, init)
    } catch (cause) {
      throw new CentramError('SERVER_UNREACHABLE', 'The server’s copy of the ledger cannot be reached.', { cause })
    }
    const text = response.status === 404 && !init ? 'null' : await response.text()
    if (!response.ok && response.status !== 404) {
      throw new CentramError('SERVER_UNREACHABLE', `The copy of the ledger was refused (status ${response.status}).`)
    }
    return text.length > MAX_ANSWER ? null : (JSON.parse(text) as unknown)
  }
  const get = async <Schema extends z.core.$ZodType>(path: string, schema: Schema): Promise<z.infer<Schema> | null> => {
    const parsed = z.safeParse(schema, await ask(path))
    return parsed.success ? parsed.data : null
  }
  const post = (path: string, body: unknown): Promise<unknown> =>
    ask(`ledger/${path}`, {
      method: 'POST',
      body: encodeCanonical(body),
      headers: { 'Content-Type': 'application/cbor' },
    })

  async function sendOwn(kept: number): Promise<void> {
    const { head, point } = book.own()
    if (!head || book.own().missing > 0) return
    for (let from = kept; from < point.sequence; from += PAGE) {
      const entries = await book.range(self, from, Math.min(PAGE, point.sequence - from))
      const last = entries.at(-1)
      if (!last) return
      // A page in the middle goes with a head of its own: signing an earlier entry of one log is no second log.
      const end =
        from + entries.length === point.sequence ? head : await signHead(pointBehind(last), wallTime(), identity)
      await post('entries', { request: 0, entries, head: end, more: false })
    }
  }

  async function fetchLog(author: string): Promise<void> {
    const entries: Uint8Array[] = []
    const from = book.log(author).point.sequence
    for (let page = 0; page < MAX_PAGES; page++) {
      const answer = await get(`ledger/${author}/entries?from=${from + entries.length}`, ENTRIES)
      if (!answer || answer.entries.length === 0) return
      entries.push(...answer.entries.map(fromBase64))
      if (!answer.more) return options.takeLog(entries, readSigned(answer.head))
    }
  }

  async function fetchNews(): Promise<Map<string, number>> {
    const there = new Map<string, number>()
    for (let after = ''; ;) {
      const page = await get(`ledger/heads${after && `?after=${after}`}`, HEADS)
      for (const { author, sequence } of page?.heads ?? []) there.set(author, sequence)
      if (!page?.next || page.next <= after) return there
      after = page.next
    }
  }

  async function work(): Promise<void> {
    offered ??= (await get('health', HEALTH))?.ledger ?? false
    if (!offered) return
    const there = await fetchNews()
    for (const { first, second, path } of (await get('ledger/forks', FORKS))?.forks ?? []) {
      const proof = {
        first: readSigned(first),
        second: readSigned(second),
        ...(path && { path: path.map(fromBase64) }),
      }
      // A server that made it up accuses nobody.
      await options.onFork(proof).catch(() => undefined)
    }
    for (const [author, sequence] of there) {
      const isNews = sequence >= book.log(author).point.sequence && (fromHex(author)?.length ?? 0) === 32
      if (isNews && !authors.refusal(author)) await fetchLog(author).catch(() => undefined)
    }
    await sendOwn((there.get(self) ?? -1) + 1)
    for (const proof of authors.forks()) {
      const name = toHex(sha256(proof.first.head))
      if (!sent.has(name)) await post('forks', proof).catch(() => undefined)
      sent.add(name)
    }
    for (const witness of options.witnesses()) {
      const name = toHex(sha256(witness.seen))
      if (!sent.has(name)) await post('witnesses', witness).catch(() => undefined)
      sent.add(name)
    }
  }

  const exchange = (): Promise<void> => (running ??= work().finally(() => (running = null)))
  function later(milliseconds: number): void {
    if (closed || offered === false) return
    clock.clearTimeout(timer)
    timer = clock.setTimeout(() => {
      exchange()
        .catch(() => undefined)
        .finally(() => later(EVERY_MS))
    }, milliseconds)
  }
  return {
    start: () => later(FIRST_MS),
    sendSoon: () => later(SOON_MS),
    exchange,
    close() {
      closed = true
      clock.clearTimeout(timer)
    },
  }
}

function pointBehind(entry: Uint8Array): LogPoint {
  const { author, sequence, at } = readObject(LOG_ENTRY, entry)
  return { author, sequence: sequence + 1, previous: sha256(entry), at, closed: false }
}

const readSigned = ({ head, signature }: z.infer<typeof signed>): SignedHead => ({
  head: fromBase64(head),
  signature: fromBase64(signature),
})

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}
