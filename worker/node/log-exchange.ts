// How logs come from node to node: heads tell how far one goes, pages of entries follow, and what does not lead to the head
// that its author signed is not kept. Who shows two heads that cannot be of one log has proven a fork.

import type { Timer } from '#core/clock.ts'
import { equalBytes, fromHex, toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { CentramError } from '#core/errors.ts'
import { proveFork, type ForkProof } from '#core/ledger/fork.ts'
import {
  reachesHead,
  verifyHead,
  verifyPage,
  type LogEntry,
  type LogHead,
  type LogPoint,
  type SignedHead,
} from '#core/ledger/log.ts'
import { isRefusal, type Refusal } from '#core/ledger/refusal.ts'
import { MAX_FORK_PATH, LOG_HEAD } from '#core/protocol/messages/proof.ts'
import { createTokenBucket, type Rate, type TokenBucket } from '#core/protocol/rates.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { readObject } from '#core/protocol/signed-object.ts'
import type { LedgerAuthors } from './ledger-authors.ts'
import type { LedgerBook } from './ledger-book.ts'
import type { RoomVoice } from './room-voice.ts'
import type { Surroundings } from './surroundings.ts'

export interface LogExchange {
  onHead(peer: string, body: BodyOf<'PROOF_HEAD'>): Promise<void>
  onRangeRequest(peer: string, body: BodyOf<'PROOF_RANGE_REQUEST'>): Promise<void>
  onRange(peer: string, body: BodyOf<'PROOF_RANGE'>): Promise<void>
  onPeerLost(peer: string): void
  /** Tells all who are linked of this node's newest head, once for all entries of a moment. */
  tellOwn(): void
  /** Shows one peer how far a log goes, or why it goes no further. */
  show(peer: string, author: string): void
  /** Takes pages that came another way than by the room. Throws as `onRange` does. */
  takeLog(entries: readonly Uint8Array[], head: SignedHead): Promise<void>
  close(): void
}

export interface LogExchangeOptions {
  readonly surroundings: Pick<Surroundings, 'verifier' | 'clock' | 'wallTime'>
  readonly book: LedgerBook
  readonly authors: LedgerAuthors
  readonly voice: Pick<RoomVoice, 'trySend' | 'linked'>
  /** Somebody signed two logs. */
  onFork(proof: ForkProof): Promise<void>
  /** A log is here up to a head that is newer than before. */
  onLog(author: string, head: LogHead, from: string | null): void
}

const PAGE = 128
/** Of one log, and of all others' logs together: beyond them nothing more is kept of who writes without end. */
const MAX_LOG = 65_536
const MAX_ALL = 1_000_000
/** Pages that one peer is given: a small question has a large answer. */
const PAGES: Rate = { perSecond: 32, burst: 256 }
/** Who asks for more of one log than this does so at half that rate. */
const MANY_PAGES = 64
const PAGE_EVERY_MS = 60
const PATIENCE_MS = 10_000
const TELL_MS = 100

interface Fetch {
  readonly author: string
  readonly peer: string
  request: number
  point: LogPoint
  readonly entries: LogEntry[]
  goal: { readonly signed: SignedHead; readonly head: LogHead }
  /** What others showed of it meanwhile. */
  next: { readonly peer: string; readonly signed: SignedHead; readonly head: LogHead } | null
  timer: Timer | undefined
}

export function createLogExchange(options: LogExchangeOptions): LogExchange {
  const { surroundings, book, authors, voice } = options
  const { verifier, clock, wallTime } = surroundings
  /** By author: each log from one node at a time. */
  const fetches = new Map<string, Fetch>()
  const given = new Map<string, TokenBucket>()
  let requests = 0
  let telling: Timer | undefined

  async function readHead(signed: SignedHead): Promise<LogHead> {
    const head = await verifyHead(signed, wallTime(), verifier)
    if (isRefusal(head)) throw rejected(head)
    return head
  }

  const conflict = async (one: SignedHead, other: SignedHead, behind: readonly Uint8Array[]): Promise<void> => {
    const proof = proveFork(one, other, () => behind)
    if (proof) await options.onFork(proof)
  }

  function ask(fetch: Fetch): void {
    fetch.request = ++requests
    const { author, sequence: from } = fetch.point
    clock.clearTimeout(fetch.timer)
    fetch.timer = clock.setTimeout(() => end(fetch), PATIENCE_MS)
    voice.trySend(fetch.peer, 'PROOF_RANGE_REQUEST', { request: fetch.request, author, from, entries: PAGE })
  }

  function end(fetch: Fetch): void {
    clock.clearTimeout(fetch.timer)
    if (fetches.get(fetch.author) !== fetch) return
    fetches.delete(fetch.author)
    const { next } = fetch
    if (next && next.head.sequence >= book.log(fetch.author).point.sequence) begin(next.peer, next.signed, next.head)
  }

  function begin(peer: string, signed: SignedHead, head: LogHead): void {
    const author = toHex(head.author)
    const running = fetches.get(author)
    if (running) {
      const latest = running.next?.head ?? running.goal.head
      if (head.sequence > latest.sequence || (peer !== running.peer && !running.next)) {
        running.next = { peer, signed, head }
      }
      return
    }
    const { point } = book.log(author)
    const kept = book.logs().reduce((sum, log) => sum + log.point.sequence, 0)
    if (!book.isOwn(author) && (head.sequence >= MAX_LOG || kept - point.sequence + head.sequence >= MAX_ALL)) return
    const fetch: Fetch = {
      author,
      peer,
      request: 0,
      point,
      entries: [],
      goal: { signed, head },
      next: null,
      timer: undefined,
    }
    fetches.set(author, fetch)
    ask(fetch)
  }

  /** What else they show stands beside what is here: two heads, and the entries that lead from the one's place to the other's. */
  async function compareBranches(author: string, entries: readonly Uint8Array[], signed: SignedHead): Promise<void> {
    const { head } = book.log(author)
    if (!head) return
    const own = readObject(LOG_HEAD, head.head).sequence
    const theirs = readObject(LOG_HEAD, signed.head).sequence
    if (theirs - own <= MAX_FORK_PATH) await conflict(head, signed, entries.slice(0, theirs - own))
  }

  /** Verifies a page behind what `fetch` has, and keeps all of it once its head is reached; true then. */
  async function follow(fetch: Fetch, entries: readonly Uint8Array[], signed: SignedHead): Promise<boolean> {
    const head = equalBytes(signed.head, fetch.goal.signed.head) ? fetch.goal.head : await readHead(signed)
    if (toHex(head.author) !== fetch.author) throw flaw('A page is of another log than the one asked for.')
    if (head.sequence >= fetch.goal.head.sequence) fetch.goal = { signed, head }
    const page = await verifyPage(fetch.point, entries, verifier)
    if (isRefusal(page)) {
      if (page.code === 'CHAIN_BROKEN' && fetch.entries.length === 0)
        await compareBranches(fetch.author, entries, signed)
      throw rejected(page)
    }
    fetch.entries.push(...page.entries)
    fetch.point = page.point
    if (fetch.entries.length > MAX_LOG) throw flaw('A log is too long to be taken at once.')
    if (fetch.point.sequence <= fetch.goal.head.sequence) return false
    if (!reachesHead(fetch.point, fetch.goal.head))
      throw flaw('The entries do not lead to the head that came with them.')
    await book.extend(fetch.entries, fetch.point, fetch.goal.signed)
    authors.meetParties(fetch.author, fetch.entries)
    return true
  }

  return {
    async onHead(peer, signed) {
      const head = await readHead(signed)
      const author = toHex(head.author)
      if (authors.isFrozen(author)) {
        // Who still shows it has not heard.
        const proof = authors.standings().frozen.get(author)
        if (proof) voice.trySend(peer, 'PROOF_FORK', proof)
        return
      }
      // A head of a stranger is nobody's fault: whoever shows it has to do with it.
      if (authors.refusal(author)) return
      const mine = book.log(author)
      if (head.sequence >= mine.point.sequence) return begin(peer, signed, head)
      if (!mine.head) return
      const [there] = await book.range(author, head.sequence, 1)
      if (!there || equalBytes(sha256(there), head.entry)) return
      const tip = readObject(LOG_HEAD, mine.head.head).sequence
      await conflict(signed, mine.head, await book.range(author, head.sequence + 1, tip - head.sequence))
    },

    async onRangeRequest(peer, { request, author: key, from, entries: count }) {
      const bucket = given.get(peer) ?? createTokenBucket(PAGES, clock.now())
      given.set(peer, bucket)
      if (!bucket.take(clock.now())) throw new CentramError('RATE_LIMITED', 'Too many entries are asked for at once.')
      const author = toHex(key)
      const { head, point } = book.log(author)
      const refusal = authors.refusal(author)
      if (refusal) throw rejected(refusal)
      if (!head) throw new CentramError('BAD_ARGUMENT', 'This node has no entries of that log.')
      const entries = await book.range(author, from, Math.max(0, Math.min(count, point.sequence - from)))
      const more = from + entries.length < point.sequence
      voice.trySend(peer, 'PROOF_RANGE', { request, entries: [...entries], head, more })
    },

    async onRange(peer, { request, entries, head, more }) {
      const fetch = [...fetches.values()].find((one) => one.peer === peer && one.request === request)
      if (!fetch) throw flaw('These entries answer no question of this node.')
      // Each page answers one request; what is verified meanwhile must not be taken twice.
      fetch.request = 0
      try {
        if (await follow(fetch, entries, head)) {
          end(fetch)
          options.onLog(fetch.author, fetch.goal.head, peer)
        } else if (more && entries.length > 0) {
          if (fetch.entries.length < MANY_PAGES * PAGE) ask(fetch)
          else {
            clock.clearTimeout(fetch.timer)
            fetch.timer = clock.setTimeout(() => ask(fetch), PAGE_EVERY_MS)
          }
        } else end(fetch)
      } catch (error) {
        end(fetch)
        throw error
      }
    },

    onPeerLost(peer) {
      given.delete(peer)
      for (const fetch of [...fetches.values()]) if (fetch.peer === peer) end(fetch)
    },

    tellOwn() {
      telling ??= clock.setTimeout(() => {
        telling = undefined
        const { head } = book.own()
        if (head) for (const peer of voice.linked()) voice.trySend(peer, 'PROOF_HEAD', head)
      }, TELL_MS)
    },

    show(peer, author) {
      const proof = authors.standings().frozen.get(author)
      const { head } = book.log(author)
      if (proof) voice.trySend(peer, 'PROOF_FORK', proof)
      else if (head && !authors.refusal(author)) voice.trySend(peer, 'PROOF_HEAD', head)
    },

    async takeLog(entries, signed) {
      const head = await readHead(signed)
      const author = toHex(head.author)
      const refusal = authors.refusal(author)
      if (refusal) throw rejected(refusal)
      const { point } = book.log(author)
      const fetch = {
        author,
        peer: '',
        request: 0,
        point,
        entries: [],
        goal: { signed, head },
        next: null,
        timer: undefined,
      }
      if (await follow(fetch, entries, signed)) options.onLog(author, head, null)
    },

    close() {
      clock.clearTimeout(telling)
      for (const { timer } of fetches.values()) clock.clearTimeout(timer)
      fetches.clear()
    },
  }
}

/** What a peer sent that does not hold, in the words of the ledger. */
function rejected({ code, message }: Refusal): CentramError {
  return new CentramError(code.endsWith('UNSIGNED') ? 'SIGNATURE_INVALID' : 'BAD_ARGUMENT', message)
}

const flaw = (message: string) => new CentramError('BAD_ARGUMENT', message)

export const keyBytes = (author: string): Uint8Array => fromHex(author) ?? new Uint8Array(0)
