// What concerns this node in the logs that are here, as a person reads it: each entry with why it came about. Its own entries,
// under all keys that it went by, and the grants of others to it. Filled as logs are read; put into words by the page.

import { toHex } from '#core/crypto/bytes.ts'
import type { LogEntry } from '#core/ledger/log.ts'
import { readSubjectObject, type SubjectKind, type SubjectObject } from '#core/ledger/subject.ts'
import type {
  EntryReason,
  HistoryFilter,
  HistoryPage,
  LedgerEntryState,
  NamedGenome,
  WorkReason,
} from './wallet-api.ts'

export interface LedgerHistory {
  /** Of one log, in its order. */
  add(entries: readonly LogEntry[]): void
  page(filter: HistoryFilter, from: number, count: number): HistoryPage
  /** Payments of and to this node that name this reference, hex. */
  paymentsFor(reference: string): readonly ReferredPayment[]
}

export interface ReferredPayment {
  readonly payer: string
  readonly payee: string
  readonly amount: number
  readonly at: number
}

export interface LedgerHistoryOptions {
  readonly isSelf: (key: string) => boolean
  /** The key that a node goes by now. */
  readonly currentKey: (key: string) => string
  readonly genomeName: (id: string) => string | null
  /** Of a model by its fingerprint, hex. */
  readonly modelTitle: (fingerprint: string) => string | null
  readonly noteOf: (reference: string) => string | null
  readonly statementOf: (reference: string) => SubjectObject<'royalty'> | null
}

const MAX_PAGE = 200

const KINDS: Readonly<Record<Exclude<HistoryFilter, 'all'>, readonly SubjectKind[]>> = {
  payments: ['transfer', 'abort'],
  work: ['receipt'],
  credit: ['grant'],
  other: ['royalty-terms', 'royalty', 'rotation', 'dispute'],
}

interface Item {
  readonly entry: LogEntry
  /** Of a grant: what was granted until then. */
  readonly before: number
}

export function createLedgerHistory(options: LedgerHistoryOptions): LedgerHistory {
  const { isSelf, currentKey, genomeName, modelTitle, noteOf, statementOf } = options
  const items: Item[] = []
  /** This node's receipts, and entries of others on what this node has to do with, by the hash of their subject. */
  const receipts = new Map<string, SubjectObject<'receipt'>>()
  const theirs = new Map<string, string>()
  const payments = new Map<string, ReferredPayment[]>()
  /** What was granted last, by creditor and debtor. */
  const granted = new Map<string, number>()
  let sorted = true

  function put(entry: LogEntry, before = 0): void {
    const last = items.at(-1)
    if (last && last.entry.at > entry.at) sorted = false
    items.push({ entry, before })
  }

  function addOwn(entry: LogEntry): void {
    const { kind, subject } = entry
    const { object, hash } = subject
    if (kind === 'receipt' && object) receipts.set(toHex(hash), readSubjectObject(kind, object))
    if (kind === 'transfer' && object) {
      const { payer, payee, amount, reference } = readSubjectObject(kind, object)
      if (reference) {
        const payment = { payer: toHex(payer), payee: toHex(payee), amount, at: entry.at }
        const name = toHex(reference)
        payments.set(name, [...(payments.get(name) ?? []), payment])
      }
    }
    put(entry, kind === 'grant' && object ? limitBefore(readSubjectObject(kind, object)) : 0)
  }

  function addOther(entry: LogEntry): void {
    const { kind, hash, subject } = entry
    if (subject.object === null) return
    if (kind === 'grant') {
      const grant = readSubjectObject(kind, subject.object)
      if (!isSelf(toHex(grant.debtor))) return
      theirs.set(toHex(subject.hash), toHex(hash))
      put(entry, limitBefore(grant))
    }
    if (kind !== 'transfer') return
    const { payer, payee } = readSubjectObject(kind, subject.object)
    if ([payer, payee].some((key) => isSelf(toHex(key)))) theirs.set(toHex(subject.hash), toHex(hash))
  }

  function limitBefore({ creditor, debtor, limit }: SubjectObject<'grant'>): number {
    const between = [creditor, debtor].map((key) => currentKey(toHex(key))).join('/')
    const before = granted.get(between) ?? 0
    granted.set(between, limit)
    return before
  }

  const named = (id: Uint8Array): NamedGenome => ({ id: toHex(id), name: genomeName(toHex(id)) })

  function describeWork(receipt: SubjectObject<'receipt'>): WorkReason {
    const { work, server, model, usage, genomes, price } = receipt
    return {
      work,
      byThis: isSelf(toHex(server)),
      model: modelTitle(toHex(model)),
      promptTokens: usage.promptTokens,
      tokens: usage.tokens,
      genomes: genomes.map(named),
      price,
    }
  }

  function describePayment({ purpose, reference }: SubjectObject<'transfer'>): EntryReason {
    const name = reference && toHex(reference)
    if (purpose === 'answer' || purpose === 'merge') {
      const receipt = name === null ? undefined : receipts.get(name)
      return { type: 'work-paid', work: purpose, receipt: receipt ? describeWork(receipt) : null }
    }
    if (purpose === 'royalty') {
      const statement = name === null ? null : statementOf(name)
      return {
        type: 'royalty-paid',
        statement: statement && { ...statement.period, genomes: statement.pools.map(({ genome }) => named(genome)) },
      }
    }
    return name === null ? { type: 'gift' } : { type: 'request-paid', note: noteOf(name) }
  }

  /** With whom, what it brought, and why. */
  function describe({ entry, before }: Item): Pick<LedgerEntryState, 'with' | 'amount' | 'reason'> {
    const { kind, subject } = entry
    const { object, hash } = subject
    const other = (a: Uint8Array, b: Uint8Array) => currentKey(isSelf(toHex(a)) ? toHex(b) : toHex(a))
    if (kind === 'royalty') {
      const statement = statementOf(toHex(hash))
      const genomes = statement?.pools.map(({ genome }) => named(genome)) ?? []
      return { with: null, amount: null, reason: { type: 'statement', total: statement?.total ?? null, genomes } }
    }
    if (kind === 'dispute') {
      const about = object && readSubjectObject(kind, object)
      const reason = { type: 'dispute', code: about?.code ?? '', message: about?.message ?? '' } as const
      return { with: about && currentKey(toHex(about.against)), amount: null, reason }
    }
    // Nothing else may be left out of an entry.
    if (object === null || kind === 'rotation') return { with: null, amount: null, reason: { type: 'key' } }
    if (kind === 'transfer') {
      const transfer = readSubjectObject(kind, object)
      const { payer, payee, amount } = transfer
      const gained = isSelf(toHex(payer)) ? -amount : amount
      return { with: other(payer, payee), amount: gained, reason: describePayment(transfer) }
    }
    if (kind === 'grant') {
      const { creditor, debtor, limit } = readSubjectObject(kind, object)
      const reason = { type: 'grant', byThis: isSelf(toHex(creditor)), limit, before } as const
      return { with: other(creditor, debtor), amount: limit, reason }
    }
    if (kind === 'receipt') {
      const receipt = readSubjectObject(kind, object)
      const work = describeWork(receipt)
      const { asker, server, price } = receipt
      const reason = { type: 'work', receipt: work } as const
      return { with: other(asker, server), amount: work.byThis ? price : -price, reason }
    }
    if (kind === 'abort') {
      const { payer, payee, code } = readSubjectObject(kind, object)
      return { with: other(payer, payee), amount: null, reason: { type: 'refused', code } }
    }
    const { genome, sharePpm, decayPpm, depth } = readSubjectObject(kind, object)
    return { with: null, amount: null, reason: { type: 'terms', genome: named(genome), sharePpm, decayPpm, depth } }
  }

  return {
    add(entries) {
      for (const entry of entries) {
        if (isSelf(toHex(entry.author))) addOwn(entry)
        else addOther(entry)
      }
    },

    page(filter, from, count) {
      if (!sorted) {
        items.sort((a, b) => a.entry.at - b.entry.at)
        sorted = true
      }
      const wanted = filter === 'all' ? items : items.filter(({ entry }) => (KINDS[filter] ?? []).includes(entry.kind))
      const end = wanted.length - Math.max(0, Math.floor(from))
      const entries = wanted
        .slice(Math.max(0, end - Math.min(MAX_PAGE, Math.max(0, Math.floor(count)))), Math.max(0, end))
        .reverse()
        .map((item): LedgerEntryState => {
          const { hash, sequence, kind, at, subject } = item.entry
          const about = { id: toHex(hash), sequence, kind, at, theirs: theirs.get(toHex(subject.hash)) ?? null }
          return { ...about, ...describe(item) }
        })
      return { entries, total: wanted.length }
    },

    paymentsFor: (reference) => payments.get(reference) ?? [],
  }
}
