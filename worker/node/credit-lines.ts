// Credit between this node and others: what each lets the other owe, and the payments inside of that. Every step happens under
// a lock over all tabs, is written down before anything is sent, and is brought up to date with the logs at every start.

import type { Timer } from '#core/clock.ts'
import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { CentramError } from '#core/errors.ts'
import { balanceBetween } from '#core/ledger/balance.ts'
import {
  abortTransfer,
  decideTransfer,
  expireTransfers,
  limitOf,
  openCreditLine,
  proposeTransfer,
  renewKeys,
  settleTransfer,
  spendable,
  takeGrant,
  type CreditGrant,
  type CreditLine,
  type Order,
} from '#core/ledger/credit-line.ts'
import type { LogEntry } from '#core/ledger/log.ts'
import { isRefusal, type Refusal } from '#core/ledger/refusal.ts'
import { countedEntries } from '#core/ledger/standing.ts'
import { readSubjectObject } from '#core/ledger/subject.ts'
import { keysOf } from '#core/protocol/key-history.ts'
import { CREDIT_GRANT, TRANSFER, TRANSFER_ABORT } from '#core/protocol/messages/ledger.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { encodeObject, readObject, signObject, verifyObject } from '#core/protocol/signed-object.ts'
import type { CreditLineState } from './ledger-api.ts'
import type { LedgerAuthors } from './ledger-authors.ts'
import type { LedgerBook } from './ledger-book.ts'
import { keyBytes } from './log-exchange.ts'
import type { KeyBook } from './key-book.ts'
import type { RoomVoice } from './room-voice.ts'
import type { Surroundings } from './surroundings.ts'

export interface CreditLines {
  /** Reads the lines and brings them up to date with the logs. */
  start(): Promise<void>
  list(): readonly CreditLineState[]
  /** Lets a node owe this one so much. Null: until it is changed. */
  grant(peer: string, limit: number, expiresAt: number | null): Promise<void>
  /**
   * Pays; resolves with the hash of the transfer once the payee signed it. Throws `PAYMENT_REFUSED`; `TIMEOUT` where the payee
   * says nothing: the transfer may count then any time before it expires.
   */
  pay(peer: string, order: Omit<Order, 'id'>): Promise<Uint8Array>
  /** What the other node may still come to owe. */
  leftFor(peer: string): number
  onCreditLine(peer: string, body: BodyOf<'LEDGER_CREDIT_LINE'>): Promise<void>
  onPropose(peer: string, body: BodyOf<'LEDGER_PROPOSE'>): Promise<void>
  onCosign(peer: string, body: BodyOf<'LEDGER_COSIGN'>): Promise<void>
  onAbort(peer: string, body: BodyOf<'LEDGER_ABORT'>): Promise<void>
  onPeerOpen(peer: string): Promise<void>
  /** Somebody's log grew: what stands there of transfers between them and this node counts. */
  onEntries(author: string): Promise<void>
}

export interface CreditLinesOptions {
  readonly surroundings: Pick<
    Surroundings,
    'identity' | 'verifier' | 'records' | 'withLock' | 'wallTime' | 'random' | 'clock'
  >
  readonly owner: string
  readonly keys: Pick<KeyBook, 'current' | 'history' | 'isSameNode'>
  readonly book: LedgerBook
  readonly authors: LedgerAuthors
  /** Of all logs as far as they are here, by author. */
  readonly entriesOf: (author: string) => readonly LogEntry[]
  readonly trySend: RoomVoice['trySend']
  readonly onChange: () => void
}

const STORE = 'credit-lines'
/** In which the payee must have signed. */
const LIFETIME_MS = 10 * 60_000
const PATIENCE_MS = 15_000
const MAX_LINES = 1024

export function createCreditLines(options: CreditLinesOptions): CreditLines {
  const { surroundings, owner, keys, book, authors, entriesOf, trySend, onChange } = options
  const { identity, verifier, records, clock, wallTime } = surroundings
  const self = identity.publicKey
  const me = toHex(self)
  /** As they were when last read or written; by the first key of the peer. */
  const lines = new Map<string, CreditLine>()
  const waiting = new Map<string, { resolve(): void; reject(error: CentramError): void }>()
  /** The first key that a node went by: its line stays its own, whatever key it goes by later. */
  const idOf = (peer: string) => toHex(keysOf(keys.history(), keyBytes(peer))[0] ?? keyBytes(peer))
  const keyOf = (peer: string) => `${owner}/${idOf(peer)}`

  const keysIn = (peer: string) => keysOf(keys.history(), keyBytes(peer)).map(toHex)
  const countedOf = (author: string) =>
    countedEntries(authors.standings(), keys.history(), keyBytes(author), entriesOf(author))
  const partyOf = (peer: string) => ({ keys: keysIn(peer), entries: keysIn(peer).flatMap(countedOf) })
  const ownEntries = () => keysIn(me).flatMap(entriesOf)

  /** What stands in the logs is so, whatever a line that was stored before or after them says. */
  function withLogs(line: CreditLine, peer: string): CreditLine {
    const peerKeys = new Set(keysIn(peer))
    const ownKeys = new Set(keysIn(me))
    let now = line
    let next = line.nextSequence
    let expected = line.expectedSequence
    const settled = new Set<string>()
    for (const { kind, subject } of [...ownEntries(), ...[...peerKeys].flatMap(countedOf)]) {
      if (subject.object === null) continue
      if (kind === 'grant') {
        const grant = readSubjectObject('grant', subject.object)
        const [from, to] = [toHex(grant.creditor), toHex(grant.debtor)]
        const isLater = (before: CreditGrant | null) => before === null || grant.version > before.version
        // Under whatever keys both went then: who lent goes on lending until it says otherwise.
        if (ownKeys.has(from) && peerKeys.has(to) && isLater(now.granted)) now = { ...now, granted: grant }
        if (peerKeys.has(from) && ownKeys.has(to) && isLater(now.received)) now = { ...now, received: grant }
      }
      if (kind === 'abort') settled.add(toHex(readSubjectObject('abort', subject.object).transfer))
      if (kind !== 'transfer') continue
      const { payer, payee, sequence } = readSubjectObject('transfer', subject.object)
      settled.add(toHex(subject.hash))
      if (equalBytes(payer, self) && peerKeys.has(toHex(payee))) next = Math.max(next, sequence + 1)
      if (equalBytes(payee, self) && peerKeys.has(toHex(payer))) expected = Math.max(expected, sequence + 1)
    }
    const own = { keys: keysIn(me), entries: ownEntries() }
    const balance = Number(balanceBetween(own, partyOf(peer)))
    const open = now.open.filter(({ hash }) => !settled.has(toHex(hash)))
    return { ...now, balance, open, nextSequence: next, expectedSequence: expected }
  }

  async function read(peer: string): Promise<CreditLine> {
    const kept = await records.get(STORE, keyOf(peer))
    const present = keyBytes(keys.current(peer))
    const line = isLine(kept) ? kept : openCreditLine(self, present)
    return renewKeys(line, self, present)
  }

  async function write(peer: string, line: CreditLine): Promise<void> {
    if (!lines.has(idOf(peer)) && lines.size >= MAX_LINES) {
      throw new CentramError('NO_CAPACITY', 'This node keeps no more credit lines.')
    }
    await records.put(STORE, keyOf(peer), line)
    lines.set(idOf(peer), line)
    onChange()
  }

  /** One step at a time, in whatever tab, over the line as it is stored. */
  const step = <T>(peer: string, work: (line: CreditLine) => Promise<T>): Promise<T> =>
    surroundings.withLock(`credit-${owner}`, async () => work(await read(peer)))

  function requireCounted(peer: string): void {
    const refusal = authors.refusal(peer)
    if (refusal) throw refused(refusal)
  }

  async function requireSigned(
    definition: Parameters<typeof verifyObject>[0],
    bytes: Uint8Array,
    key: Uint8Array,
    signature: Uint8Array,
  ): Promise<void> {
    if (await verifyObject(definition, bytes, key, signature, verifier)) return
    throw new CentramError('SIGNATURE_INVALID', `A ${definition.name} is not signed by the node that it names.`)
  }

  /** Whether an entry grants this node something, or pays it. */
  const concerns = ({ kind, subject: { object } }: LogEntry): boolean => {
    if (object === null) return false
    if (kind === 'grant') return equalBytes(readSubjectObject(kind, object).debtor, self)
    return kind === 'transfer' && equalBytes(readSubjectObject(kind, object).payee, self)
  }

  const showGrant = async (peer: string, grant: CreditGrant): Promise<void> => {
    const bytes = encodeObject(CREDIT_GRANT, grant)
    const signature = await signObject(CREDIT_GRANT, bytes, identity)
    trySend(peer, 'LEDGER_CREDIT_LINE', { grant: bytes, signature })
  }

  const propose = async (peer: string, transfer: Uint8Array): Promise<void> => {
    const payer = await signObject(TRANSFER, transfer, identity)
    trySend(peer, 'LEDGER_PROPOSE', { transfer, payer })
  }

  /** Every line that is stored, or that the logs speak of, as the logs have it. */
  async function refresh(): Promise<void> {
    const stored = (await records.list(STORE, `${owner}/`)).map(([key]) => key.slice(owner.length + 1))
    const named = ownEntries().flatMap(({ kind, subject: { object } }) => {
      if (object === null) return []
      if (kind === 'grant') return [readSubjectObject('grant', object).debtor]
      if (kind !== 'transfer') return []
      const { payer, payee } = readSubjectObject('transfer', object)
      return [payer, payee]
    })
    const peers = new Set([...stored, ...named.map((key) => keys.current(toHex(key)))])
    for (const peer of peers) {
      if (keys.isSameNode(peer, me)) continue
      await step(peer, async (line) => write(peer, withLogs(line, peer)))
    }
  }

  async function grant(peer: string, limit: number, expiresAt: number | null): Promise<void> {
    requireCounted(peer)
    await step(peer, async (line) => {
      const version = (line.granted?.version ?? -1) + 1
      const made: CreditGrant = { creditor: self, debtor: keyBytes(peer), limit, version, expiresAt, at: wallTime() }
      const next = takeGrant(line, made)
      if (isRefusal(next)) throw refused(next)
      const bytes = encodeObject(CREDIT_GRANT, made)
      await book.record('grant', bytes, [await signObject(CREDIT_GRANT, bytes, identity)])
      await write(peer, next)
      await showGrant(peer, made)
    })
  }

  const settleWaiting = (hash: Uint8Array, error?: CentramError) => {
    const waiter = waiting.get(toHex(hash))
    if (error) waiter?.reject(error)
    else waiter?.resolve()
  }

  return {
    start: refresh,

    list: () =>
      [...lines].map(([id, line]) => ({
        peer: keys.current(id),
        granted: limitOf(line.granted, wallTime()),
        received: limitOf(line.received, wallTime()),
        balance: line.balance,
        spendable: spendable(line, wallTime()),
        open: line.open.length,
        frozen: authors.isFrozen(id),
      })),

    grant,

    async pay(peer, order) {
      requireCounted(peer)
      const { transfer, hash } = await step(peer, async (line) => {
        const made = proposeTransfer(line, { ...order, id: surroundings.random(16) }, wallTime(), LIFETIME_MS)
        if (isRefusal(made)) throw refused(made)
        await write(peer, made.line)
        return { transfer: made.transfer, hash: sha256(made.transfer) }
      })
      const name = toHex(hash)
      let timer: Timer | undefined
      const signed = new Promise<void>((resolve, reject) => {
        waiting.set(name, { resolve, reject })
        timer = clock.setTimeout(
          () => reject(new CentramError('TIMEOUT', 'The other node did not sign the payment yet. It may still do so.')),
          PATIENCE_MS,
        )
      })
      try {
        await Promise.all([propose(peer, transfer), signed])
        return hash
      } finally {
        clock.clearTimeout(timer)
        waiting.delete(name)
      }
    },

    leftFor(peer) {
      const line = lines.get(idOf(peer))
      return line && !authors.refusal(peer) ? Math.max(0, limitOf(line.granted, wallTime()) - line.balance) : 0
    },

    async onCreditLine(peer, { grant: bytes, signature }) {
      requireCounted(peer)
      const made = readObject(CREDIT_GRANT, bytes)
      if (!keys.isSameNode(toHex(made.creditor), peer) || !equalBytes(made.debtor, self)) {
        throw new CentramError('BAD_ARGUMENT', 'A node grants credit of its own, and tells the one that it is for.')
      }
      await requireSigned(CREDIT_GRANT, bytes, made.creditor, signature)
      await step(peer, async (line) => {
        const next = takeGrant(line, made)
        // An older one may come late, and says nothing new.
        if (!isRefusal(next) && next !== line) await write(peer, next)
      })
    },

    async onPropose(peer, { transfer, payer }) {
      requireCounted(peer)
      await requireSigned(TRANSFER, transfer, readObject(TRANSFER, transfer).payer, payer)
      await step(peer, async (line) => {
        // What its entry will be dated: no earlier than the one before, even where the clock was set back.
        const decision = decideTransfer(line, transfer, Math.max(wallTime(), book.own().point.at))
        if (isRefusal(decision)) throw refused(decision)
        const { outcome, refusal, hash, again } = decision
        if (outcome === 'cosign') {
          const payee = await signObject(TRANSFER, transfer, identity)
          if (!again) await book.record('transfer', transfer, [payer, payee])
          await write(peer, decision.line)
          trySend(peer, 'LEDGER_COSIGN', { transfer: hash, payee })
          return
        }
        await write(peer, decision.line)
        const code = refusal?.code ?? 'TRANSFER_INVALID'
        const word = { transfer: hash, payer: line.peer, payee: self, code, at: wallTime() }
        const abort = encodeObject(TRANSFER_ABORT, word)
        const signed = await signObject(TRANSFER_ABORT, abort, identity)
        trySend(peer, 'LEDGER_ABORT', { abort, payee: signed, message: refusal?.message ?? '' })
      })
    },

    async onCosign(peer, { transfer: hash, payee }) {
      await step(peer, async (line) => {
        const settled = settleTransfer(line, hash)
        // It may come twice: the proposal is sent again whenever a link opens.
        if (isRefusal(settled)) return
        const { transfer } = settled
        await requireSigned(TRANSFER, transfer, readObject(TRANSFER, transfer).payee, payee)
        await book.record('transfer', transfer, [await signObject(TRANSFER, transfer, identity), payee])
        await write(peer, settled.line)
        settleWaiting(hash)
      })
    },

    async onAbort(peer, { abort: bytes, payee, message }) {
      const abort = readObject(TRANSFER_ABORT, bytes)
      await requireSigned(TRANSFER_ABORT, bytes, abort.payee, payee)
      await step(peer, async (line) => {
        const aborted = abortTransfer(line, abort)
        if (isRefusal(aborted)) return
        await book.record('abort', bytes, [payee])
        await write(peer, aborted.line)
        settleWaiting(
          abort.transfer,
          new CentramError('PAYMENT_REFUSED', message || 'The other node refused the payment.'),
        )
      })
    },

    async onPeerOpen(peer) {
      const line = lines.get(idOf(peer))
      if (!line || authors.refusal(peer)) return
      const { granted } = line
      if (granted && equalBytes(granted.creditor, self) && equalBytes(granted.debtor, line.peer)) {
        await showGrant(peer, granted)
      } else if (granted && limitOf(granted, wallTime()) > 0) await grant(peer, granted.limit, granted.expiresAt)
      for (const { bytes } of line.open) {
        const { payer, payee } = readObject(TRANSFER, bytes)
        if (equalBytes(payer, self) && equalBytes(payee, line.peer)) await propose(peer, bytes)
      }
    },

    async onEntries(author) {
      const peer = keys.current(author)
      // An old log of this node's own, which came back from others.
      if (keys.isSameNode(peer, me)) return refresh()
      if (!lines.has(idOf(peer)) && !countedOf(author).some(concerns)) return
      await step(peer, async (line) => {
        let now = line
        for (const { kind, subject, at } of countedOf(author)) {
          if (kind !== 'transfer' || subject.object === null) continue
          const mine = now.open.find(({ hash }) => equalBytes(hash, subject.hash))
          if (!mine || at >= readObject(TRANSFER, mine.bytes).expiresAt) continue
          const settled = settleTransfer(now, subject.hash)
          if (isRefusal(settled)) continue
          await book.record('transfer', settled.transfer, subject.signatures)
          now = settled.line
          settleWaiting(subject.hash)
        }
        now = expireTransfers(now, book.log(author).point, () => false).line
        const next = withLogs(now, peer)
        await write(peer, next)
      })
    },
  }
}

const refused = ({ code, message }: Refusal) =>
  new CentramError(code.startsWith('AUTHOR') ? 'PEER_REFUSED' : 'PAYMENT_REFUSED', message)

/** Whether a record is one that this version wrote. */
function isLine(value: unknown): value is CreditLine {
  if (typeof value !== 'object' || value === null) return false
  const { self, peer, balance, open, decided } = value as Partial<Record<keyof CreditLine, unknown>>
  return (
    self instanceof Uint8Array &&
    peer instanceof Uint8Array &&
    Number.isSafeInteger(balance) &&
    Array.isArray(open) &&
    Array.isArray(decided)
  )
}
