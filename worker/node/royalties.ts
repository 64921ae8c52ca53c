// What this node passes on of its earnings: for each period a statement over its receipts, shown with them to everyone who
// gets a share, and paid inside credit. Statements of others are computed again, and disputed where they are not right.

import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { CentramError } from '#core/errors.ts'
import type { LogEntry } from '#core/ledger/log.ts'
import { isRefusal, type LedgerCode } from '#core/ledger/refusal.ts'
import {
  computeStatement,
  duesOf,
  verifyStatement,
  type GenomeOrigin,
  type RoyaltyKnowledge,
  type RoyaltyStatement,
  type SignedReceipt,
} from '#core/ledger/royalties.ts'
import type { RoyaltyRule } from '#core/ledger/royalty-split.ts'
import { readSubjectObject } from '#core/ledger/subject.ts'
import { keysOf } from '#core/protocol/key-history.ts'
import { LEDGER_DISPUTE, ROYALTY_STATEMENT, ROYALTY_TERMS } from '#core/protocol/messages/ledger.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { encodeObject, readObject, signObject, verifyObject } from '#core/protocol/signed-object.ts'
import type { CreditLines } from './credit-lines.ts'
import type { KeyBook } from './key-book.ts'
import type { DisputeState } from './ledger-api.ts'
import type { LedgerAuthors } from './ledger-authors.ts'
import type { LedgerBook } from './ledger-book.ts'
import { keyBytes } from './log-exchange.ts'
import type { RoomVoice } from './room-voice.ts'
import { createRoyaltyStatements } from './royalty-statements.ts'
import { royaltyTrees } from './royalty-trees.ts'
import type { Surroundings } from './surroundings.ts'
import type { RoyaltyTree } from './wallet-api.ts'

export interface Royalties {
  start(): Promise<void>
  /** Says what goes to the lineage of a genome of this node's own. Throws `BAD_ARGUMENT` for another's. */
  setTerms(genomeId: string, rule: RoyaltyRule): Promise<void>
  /** Closes the period that runs, and pays what is due of it and of earlier ones; returns the sum of its shares. */
  settle(): Promise<number>
  /** Objects to an entry of somebody's log, in a person's words. Throws `BAD_ARGUMENT` for one that is not here. */
  object(entryId: string, message: string): Promise<void>
  disputes(): readonly DisputeState[]
  /** Where what genomes earned goes, as far as this node pays it or is paid it. */
  trees(): readonly RoyaltyTree[]
  /** One that was made or shown here; by the hash of its encoding, hex. */
  statementOf(hash: string): RoyaltyStatement | null
  onRoyaltyRule(peer: string, body: BodyOf<'LEDGER_ROYALTY_RULE'>): Promise<void>
  onUsage(peer: string, body: BodyOf<'LEDGER_USAGE'>): void
  onRoyalty(peer: string, body: BodyOf<'LEDGER_ROYALTY'>): Promise<void>
  onDispute(peer: string, body: BodyOf<'LEDGER_DISPUTE'>): Promise<boolean>
  onPeerOpen(peer: string): Promise<void>
  onPeerLost(peer: string): void
  close(): void
}

export interface RoyaltiesOptions {
  readonly surroundings: Pick<Surroundings, 'identity' | 'verifier' | 'records' | 'clock' | 'wallTime'>
  readonly owner: string
  readonly keys: Pick<KeyBook, 'current' | 'history' | 'isSameNode'>
  readonly book: LedgerBook
  readonly authors: LedgerAuthors
  readonly credit: Pick<CreditLines, 'pay'>
  readonly voice: RoomVoice
  /** From a manifest that is here. */
  readonly originOf: (genomeId: string) => GenomeOrigin | null
  readonly genomeName: (genomeId: string) => string | null
  readonly entriesOf: (author: string) => readonly LogEntry[]
  readonly onChange: () => void
}

const STORE = 'royalties'
const PERIOD_MS = 24 * 3_600_000
const LOOK_EVERY_MS = 3_600_000
const RECEIPTS_A_PAGE = 64
/** Of one period of one payer. */
const MAX_PAGES = 64
const MAX_TERMS = 4096
const MAX_DISPUTES = 64
const MAX_EVIDENCE = 16 * 1024
/** What shows that a statement is not right; all else may be a matter of what its reader knows. */
const WRONG: ReadonlySet<LedgerCode> = new Set(['OTHER_RECEIPTS', 'OTHER_SHARES', 'RECEIPT_INVALID'])

interface Standing {
  readonly statement: Uint8Array
  readonly signature: Uint8Array
  readonly receipts: readonly SignedReceipt[]
}

export function createRoyalties(options: RoyaltiesOptions): Royalties {
  const { surroundings, owner, keys, book, authors, credit, voice, originOf, genomeName, entriesOf, onChange } = options
  const { identity, verifier, records, clock, wallTime } = surroundings
  const self = toHex(identity.publicKey)
  const sinceKey = `royalties/${owner}`
  /** Encoded terms that were told rather than read in a log, by genome. */
  const told = new Map<string, Uint8Array[]>()
  /** Statements of this node that somebody is still to be paid for, by their hash. */
  const standing = new Map<string, Standing>()
  /** Pages of receipts that came before their statement, by peer and period. */
  const pages = new Map<string, SignedReceipt[][]>()
  const disputes = new Map<string, DisputeState>()
  const statements = createRoyaltyStatements(records, owner)
  let since = 0
  let paying: Promise<unknown> = Promise.resolve()

  const isSameNode = (a: Uint8Array, b: Uint8Array) => keys.isSameNode(toHex(a), toHex(b))
  /** Of all keys that this node went by. */
  const ownEntries = () => keysOf(keys.history(), identity.publicKey).flatMap((key) => entriesOf(toHex(key)))

  const knowledge: RoyaltyKnowledge = {
    originOf,
    isSameNode,
    termsOf(genome) {
      const logged = book
        .logs()
        .flatMap(({ author }) =>
          entriesOf(author).flatMap(({ kind, subject: { object } }) =>
            kind === 'royalty-terms' && object && toHex(readSubjectObject(kind, object).genome) === genome
              ? [object]
              : [],
          ),
        )
      return [...logged, ...(told.get(genome) ?? [])]
    },
  }

  /** What this node earned with genomes in a period. */
  function earnings(from: number, to: number): SignedReceipt[] {
    return ownEntries().flatMap(({ kind, subject: { object, signatures } }) => {
      if (kind !== 'receipt' || object === null) return []
      const { server, price, genomes, at } = readSubjectObject('receipt', object)
      const counts = isSameNode(server, identity.publicKey) && price > 0 && genomes.length > 0 && at >= from && at < to
      const [ofServer, ofAsker] = signatures
      return counts && ofServer && ofAsker ? [{ receipt: object, server: ofServer, asker: ofAsker }] : []
    })
  }

  /** Payments that this node made or was made, by what they refer to and who got them. */
  function paidShares(): ReadonlySet<string> {
    return new Set(
      ownEntries().flatMap(({ kind, subject: { object } }) => {
        if (kind !== 'transfer' || object === null) return []
        const { reference, payee } = readSubjectObject('transfer', object)
        return reference === null ? [] : `${toHex(reference)}/${keys.current(toHex(payee))}`
      }),
    )
  }
  const isPaid = (statement: Uint8Array, author: string) =>
    paidShares().has(`${toHex(statement)}/${keys.current(author)}`)

  /** Shows one node a statement and what it is over, and pays it its share. */
  async function payShare(peer: string, { statement, signature, receipts }: Standing, amount: number): Promise<void> {
    const { period } = readObject(ROYALTY_STATEMENT, statement)
    for (let page = 0; page * RECEIPTS_A_PAGE < receipts.length; page++) {
      const from = page * RECEIPTS_A_PAGE
      const part = receipts.slice(from, from + RECEIPTS_A_PAGE)
      const more = from + part.length < receipts.length
      voice.trySend(peer, 'LEDGER_USAGE', { period, page, receipts: part, more })
    }
    voice.trySend(peer, 'LEDGER_ROYALTY', { statement, signature })
    await credit.pay(peer, { amount, purpose: 'royalty', reference: sha256(statement) })
  }

  async function payAll(peer: string | null): Promise<void> {
    const linked = new Set(voice.linked())
    for (const [name, one] of [...standing]) {
      const hash = sha256(one.statement)
      let left = false
      for (const [author, amount] of duesOf(readObject(ROYALTY_STATEMENT, one.statement), isSameNode)) {
        if (isPaid(hash, author)) continue
        const payee = keys.current(author)
        const isMeant = peer === null || peer === payee
        // Without credit, or while it is away, it waits for the next time that both are there.
        if (isMeant && linked.has(payee)) await payShare(payee, one, amount).catch(() => undefined)
        if (!isPaid(hash, author)) left = true
      }
      if (left) continue
      standing.delete(name)
      await records.delete(STORE, `${owner}/${name}`)
    }
  }
  const payLater = (peer: string | null): Promise<unknown> =>
    (paying = paying.then(
      () => payAll(peer),
      () => payAll(peer),
    ))

  /** Of what was earned since the last one; null where nothing was. */
  function compute(period: RoyaltyStatement['period'], receipts: readonly SignedReceipt[]): RoyaltyStatement | null {
    if (receipts.length === 0) return null
    const used = receipts.map(({ receipt }) => receipt)
    const computed = computeStatement(identity.publicKey, period, used, knowledge)
    if (isRefusal(computed)) throw new CentramError('NO_CAPACITY', computed.message)
    return computed
  }

  async function settle(): Promise<number> {
    const period = { from: since, to: wallTime() }
    const receipts = earnings(period.from, period.to)
    const computed = compute(period, receipts)
    if (computed === null) return 0
    const statement = encodeObject(ROYALTY_STATEMENT, computed)
    const signature = await signObject(ROYALTY_STATEMENT, statement, identity)
    await book.record('royalty', statement, [signature])
    await statements.keep(statement)
    const name = toHex(sha256(statement))
    const made: Standing = { statement, signature, receipts }
    await records.put(STORE, `${owner}/${name}`, made)
    await records.put('settings', sinceKey, period.to)
    since = period.to
    standing.set(name, made)
    await payLater(null)
    return computed.total
  }

  async function dispute(against: Uint8Array, subject: Uint8Array, code: string, message: string): Promise<void> {
    const object = {
      claimant: identity.publicKey,
      against,
      subject: sha256(subject),
      code,
      evidence: subject.length <= MAX_EVIDENCE ? subject : new Uint8Array(0),
      message,
      at: wallTime(),
    }
    const bytes = encodeObject(LEDGER_DISPUTE, object)
    const body = { dispute: bytes, signature: await signObject(LEDGER_DISPUTE, bytes, identity) }
    await book.record('dispute', bytes, [body.signature])
    note(bytes)
    const accused = keys.current(toHex(against))
    voice.trySend(accused, 'LEDGER_DISPUTE', body)
    await voice.tell('LEDGER_DISPUTE', body).catch(() => undefined)
  }

  function note(bytes: Uint8Array): boolean {
    const id = toHex(sha256(bytes))
    if (disputes.has(id)) return false
    const { claimant, against, subject, code, message, at } = readObject(LEDGER_DISPUTE, bytes)
    disputes.set(id, { claimant: toHex(claimant), against: toHex(against), subject: toHex(subject), code, message, at })
    if (disputes.size > MAX_DISPUTES) disputes.delete(disputes.keys().next().value as string)
    onChange()
    return true
  }

  const look = () => {
    timer = clock.setTimeout(look, LOOK_EVERY_MS)
    if (wallTime() - since >= PERIOD_MS) settle().catch(() => undefined)
  }
  let timer = clock.setTimeout(look, LOOK_EVERY_MS)

  return {
    async start() {
      const kept = await records.get('settings', sinceKey)
      since = typeof kept === 'number' ? kept : 0
      await statements.start()
      for (const [key, value] of await records.list(STORE, `${owner}/`)) {
        if (isStanding(value)) standing.set(key.slice(owner.length + 1), value)
      }
    },

    async setTerms(genomeId, { sharePpm, decayPpm, depth }) {
      const origin = originOf(genomeId)
      if (!origin || !keys.isSameNode(toHex(origin.author), self)) {
        throw new CentramError('BAD_ARGUMENT', 'Only the author of a genome says what goes to its lineage.')
      }
      const terms = encodeObject(ROYALTY_TERMS, {
        genome: keyBytes(genomeId),
        author: identity.publicKey,
        sharePpm,
        decayPpm,
        depth,
        at: wallTime(),
      })
      const signature = await signObject(ROYALTY_TERMS, terms, identity)
      await book.record('royalty-terms', terms, [signature])
      await voice.tell('LEDGER_ROYALTY_RULE', { terms, signature }).catch(() => undefined)
      for (const peer of voice.linked()) voice.trySend(peer, 'LEDGER_ROYALTY_RULE', { terms, signature })
    },

    settle,
    disputes: () => [...disputes.values()],
    statementOf: statements.get,

    trees() {
      const period = { from: since, to: wallTime() }
      const paid = paidShares()
      return royaltyTrees({
        knowledge,
        statements: statements.all(),
        running: compute(period, earnings(period.from, period.to)),
        isSelf: (key) => keys.isSameNode(key, self),
        isPaid: (hash, author) => paid.has(`${hash}/${keys.current(author)}`),
        genomeName,
      })
    },

    async object(entryId, message) {
      const entry = book
        .logs()
        .flatMap(({ author }) => (author === self ? [] : entriesOf(author)))
        .find(({ hash }) => toHex(hash) === entryId)
      if (!entry?.subject.object) {
        throw new CentramError('BAD_ARGUMENT', 'There is no such entry in the log of another node here.')
      }
      await dispute(entry.author, entry.subject.object, 'OBJECTION', message.slice(0, 256))
    },

    async onRoyaltyRule(_peer, { terms, signature }) {
      const { genome, author } = readObject(ROYALTY_TERMS, terms)
      await requireSigned(ROYALTY_TERMS, terms, author, signature)
      const name = toHex(genome)
      const known = told.get(name) ?? []
      if (authors.refusal(toHex(author)) || known.some((one) => equalBytes(one, terms)) || known.length >= 8) return
      if (told.size < MAX_TERMS || told.has(name)) told.set(name, [...known, terms])
    },

    onUsage(peer, { period, page, receipts }) {
      const key = `${peer}/${period.from}/${period.to}`
      const before = page === 0 ? [] : (pages.get(key) ?? [])
      if (page !== before.length || page >= MAX_PAGES) {
        throw new CentramError('BAD_ARGUMENT', 'A page of receipts came out of order.')
      }
      // One period of a payer at a time.
      for (const other of pages.keys()) if (other.startsWith(`${peer}/`)) pages.delete(other)
      pages.set(key, [...before, receipts])
    },

    async onRoyalty(peer, body) {
      const { period, payer } = readObject(ROYALTY_STATEMENT, body.statement)
      const key = `${peer}/${period.from}/${period.to}`
      const receipts = (pages.get(key) ?? []).flat()
      pages.delete(key)
      if (!keys.isSameNode(toHex(payer), peer)) {
        throw new CentramError('BAD_ARGUMENT', 'A statement is shown by who pays it.')
      }
      const verified = await verifyStatement(body, receipts, knowledge, verifier)
      if (!isRefusal(verified)) {
        const { shares } = verified.statement
        const isForThis = shares.some(({ author }) => author !== null && isSameNode(author, identity.publicKey))
        if (isForThis) await statements.keep(body.statement)
        return
      }
      const { code, message } = verified
      if (code === 'UNSIGNED') throw new CentramError('SIGNATURE_INVALID', message)
      if (WRONG.has(code) && !authors.refusal(peer)) await dispute(payer, body.statement, code, message)
    },

    async onDispute(_peer, { dispute: bytes, signature }) {
      const { claimant } = readObject(LEDGER_DISPUTE, bytes)
      await requireSigned(LEDGER_DISPUTE, bytes, claimant, signature)
      return authors.refusal(toHex(claimant)) ? false : note(bytes)
    },

    async onPeerOpen(peer) {
      if (standing.size > 0) await payLater(peer)
    },

    onPeerLost(peer) {
      for (const key of pages.keys()) if (key.startsWith(`${peer}/`)) pages.delete(key)
    },

    close: () => clock.clearTimeout(timer),
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
}

function isStanding(value: unknown): value is Standing {
  if (typeof value !== 'object' || value === null) return false
  const { statement, signature, receipts } = value as Partial<Record<keyof Standing, unknown>>
  return statement instanceof Uint8Array && signature instanceof Uint8Array && Array.isArray(receipts)
}
