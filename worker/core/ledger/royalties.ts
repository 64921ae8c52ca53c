// What a node owes to the lineages of the genomes it earned with, for one period: a pure function of the receipts both sides
// signed, the genomes' manifests and their authors' terms. Anyone who holds these computes the statement again, byte for byte.

import { compareBytes, equalBytes, fromHex, toHex } from '../crypto/bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import type { Verifier } from '../crypto/identity.ts'
import { USAGE_RECEIPT } from '../protocol/messages/infer.ts'
import { MAX_POOLS, MAX_SHARES, ROYALTY_STATEMENT, ROYALTY_TERMS } from '../protocol/messages/ledger.ts'
import type { BodyOf } from '../protocol/registry.ts'
import { encodeObject, readObject, verifyObject, type ObjectOf } from '../protocol/signed-object.ts'
import { isRefusal, refuse, type Refusal } from './refusal.ts'
import {
  generationsOf,
  MILLION,
  splitOverLineage,
  USUAL_TERMS,
  type RoyaltyRule,
  type RoyaltyTerms,
} from './royalty-split.ts'

export type RoyaltyStatement = ObjectOf<typeof ROYALTY_STATEMENT>
export type SignedReceipt = BodyOf<'LEDGER_USAGE'>['receipts'][number]
type Period = RoyaltyStatement['period']

/** Of a manifest, what royalties go by. */
export interface GenomeOrigin {
  readonly author: Uint8Array
  /** Ids in hex. */
  readonly parents: readonly string[]
}

export interface RoyaltyKnowledge {
  /** From a manifest with that id; null where it is not held. Ids are hashes, so nobody can hold another one. */
  originOf(genome: string): GenomeOrigin | null
  /** Encoded terms for a genome, the signature of the author that they name verified. */
  termsOf(genome: string): readonly Uint8Array[]
  /** Whether two keys are known to be of one identity. */
  isSameNode(a: Uint8Array, b: Uint8Array): boolean
}

/** Least common multiple of 1 to 16, the most genomes of a receipt: its price divides among them without remainder. */
const PARTS = 720_720n

/** Throws `FRAME_INVALID` for what is no receipt. */
export async function isSignedByBoth({ receipt, server, asker }: SignedReceipt, verify: Verifier): Promise<boolean> {
  const read = readObject(USAGE_RECEIPT, receipt)
  const signed = await Promise.all([
    verifyObject(USAGE_RECEIPT, receipt, read.server, server, verify),
    verifyObject(USAGE_RECEIPT, receipt, read.asker, asker, verify),
  ])
  return signed.every(Boolean)
}

/** SHA-256 over the receipts' hashes in ascending order, each once. */
export function receiptsHash(receipts: readonly Uint8Array[]): Uint8Array {
  return sha256(...distinct(receipts).map(({ hash }) => hash))
}

/**
 * The statement of `payer` over `receipts`. Refused when one of them is not of that payer and period, or when there are more
 * genomes than a statement holds: a shorter period has fewer.
 */
export function computeStatement(
  payer: Uint8Array,
  period: Period,
  receipts: readonly Uint8Array[],
  knowledge: RoyaltyKnowledge,
): RoyaltyStatement | Refusal {
  return compute(payer, period, receipts, knowledge, (genome, origin) =>
    termsInForce(knowledge, genome, origin, period.from),
  )
}

export interface VerifiedStatement {
  readonly statement: RoyaltyStatement
  /** Ids in hex of genomes whose manifest the payer lacks and is held here: who shows it to the payer brings their authors the share. */
  readonly claimable: readonly string[]
}

/**
 * Computes a statement again from receipts, manifests and the terms that it names. Of what it may be refused for,
 * `STATEMENT_INVALID`, `UNSIGNED`, `OTHER_RECEIPTS` and `OTHER_SHARES` say that it is not right; `LINEAGE_UNKNOWN`, `TERMS_UNKNOWN`,
 * `OTHER_TERMS` and `WRONG_PARTY` that payer and reader do not know the same.
 */
export async function verifyStatement(
  { statement: bytes, signature }: BodyOf<'LEDGER_ROYALTY'>,
  receipts: readonly SignedReceipt[],
  knowledge: RoyaltyKnowledge,
  verify: Verifier,
): Promise<VerifiedStatement | Refusal> {
  let statement: RoyaltyStatement
  try {
    statement = readObject(ROYALTY_STATEMENT, bytes)
    if (!(await verifyObject(ROYALTY_STATEMENT, bytes, statement.payer, signature, verify))) {
      return refuse('UNSIGNED', 'A royalty statement is not signed by its payer.')
    }
    const signed = await Promise.all(receipts.map((receipt) => isSignedByBoth(receipt, verify)))
    if (signed.includes(false)) return refuse('RECEIPT_INVALID', 'A receipt lacks a signature.')
  } catch {
    return refuse('STATEMENT_INVALID', 'This is no royalty statement, or one over no receipts.')
  }
  const used = receipts.map(({ receipt }) => receipt)
  if (!equalBytes(receiptsHash(used), statement.receipts)) {
    return refuse('OTHER_RECEIPTS', 'The statement is over other receipts than these.')
  }
  // What the payer lacked, it says; what it held must be held here too.
  const lacking = new Set(statement.shares.flatMap(({ genome, author }) => (author === null ? [toHex(genome)] : [])))
  const named = new Map(statement.pools.map(({ genome, terms }) => [toHex(genome), terms]))
  let unknown: Refusal | null = null
  const originOf = (genome: string) => {
    const origin = lacking.has(genome) ? null : knowledge.originOf(genome)
    if (origin === null && !lacking.has(genome)) {
      unknown ??= refuse('LINEAGE_UNKNOWN', `The manifest of genome ${genome.slice(0, 8)} is missing here.`)
    }
    return origin
  }
  const { payer, period } = statement
  const computed = compute(payer, period, used, { ...knowledge, originOf }, (genome, origin) => {
    const known = knowledge.termsOf(genome)
    const hash = named.get(genome) ?? null
    const best = termsInForce(knowledge, genome, origin, period.from)
    if (!named.has(genome) || sameHash(best.hash, hash)) return best
    unknown ??=
      hash === null || known.some((terms) => equalBytes(sha256(terms), hash))
        ? refuse('OTHER_TERMS', `Other terms of genome ${genome.slice(0, 8)} are in force, as far as is known here.`)
        : refuse('TERMS_UNKNOWN', `Terms of genome ${genome.slice(0, 8)} are missing here.`)
    return best
  })
  if (unknown !== null) return unknown
  if (isRefusal(computed)) return computed
  if (!equalBytes(encodeObject(ROYALTY_STATEMENT, computed), bytes)) {
    return refuse('OTHER_SHARES', 'The shares of the statement are not those that the rule gives.')
  }
  return { statement, claimable: [...lacking].filter((genome) => knowledge.originOf(genome) !== null) }
}

/** What a statement's payer owes to each author, in hex; what is its own, or waits for an author, is left out. */
export function duesOf(
  { payer, shares }: RoyaltyStatement,
  isSameNode: RoyaltyKnowledge['isSameNode'],
): ReadonlyMap<string, number> {
  const dues = new Map<string, number>()
  for (const { author, amount } of shares) {
    if (author === null || isSameNode(author, payer)) continue
    const name = toHex(author)
    dues.set(name, (dues.get(name) ?? 0) + amount)
  }
  return dues
}

/** Terms, and the hash that names them; null for the usual ones. */
interface ChosenTerms {
  readonly rule: RoyaltyRule
  readonly hash: Uint8Array | null
}

/**
 * The latest terms of a genome's author that are not dated after the period's beginning, so that nobody changes them for what
 * was used already; of two at one time, those with the higher hash. The usual ones where there are none.
 */
function termsInForce(
  { termsOf, isSameNode }: RoyaltyKnowledge,
  genome: string,
  origin: GenomeOrigin | null,
  from: number,
): ChosenTerms {
  const candidates = termsOf(genome)
    .map((bytes) => ({ rule: readObject(ROYALTY_TERMS, bytes) satisfies RoyaltyTerms, hash: sha256(bytes) }))
    .filter(({ rule }) => rule.at <= from && toHex(rule.genome) === genome)
    .filter(({ rule }) => origin !== null && isSameNode(rule.author, origin.author))
    .sort((a, b) => b.rule.at - a.rule.at || compareBytes(b.hash, a.hash))
  return candidates[0] ?? { rule: USUAL_TERMS, hash: null }
}

function compute(
  payer: Uint8Array,
  period: Period,
  receipts: readonly Uint8Array[],
  { originOf, isSameNode }: Pick<RoyaltyKnowledge, 'originOf' | 'isSameNode'>,
  termsFor: (genome: string, origin: GenomeOrigin | null) => ChosenTerms,
): RoyaltyStatement | Refusal {
  const earned = new Map<string, bigint>()
  for (const { bytes } of distinct(receipts)) {
    const { server, genomes, price, at } = readObject(USAGE_RECEIPT, bytes)
    if (at < period.from || at >= period.to) return refuse('RECEIPT_INVALID', 'A receipt is of another period.')
    if (!isSameNode(server, payer)) {
      return refuse('WRONG_PARTY', 'A receipt is of another node, as far as is known here.')
    }
    const used = new Set(genomes.map(toHex))
    const part = (BigInt(price) * PARTS) / BigInt(used.size || 1)
    for (const genome of used) earned.set(genome, (earned.get(genome) ?? 0n) + part)
  }
  const pools: { genome: Uint8Array; terms: Uint8Array | null; amount: bigint }[] = []
  const shares = new Map<string, bigint>()
  for (const genome of [...earned.keys()].sort()) {
    const { rule, hash } = termsFor(genome, originOf(genome))
    const amount = ((earned.get(genome) ?? 0n) * BigInt(rule.sharePpm)) / (PARTS * MILLION)
    pools.push({ genome: idBytes(genome), terms: hash, amount })
    if (amount === 0n) continue
    const generations = generationsOf(genome, rule.depth, (id) => originOf(id)?.parents ?? null)
    for (const share of splitOverLineage(amount, generations, rule.decayPpm)) {
      shares.set(share.genome, (shares.get(share.genome) ?? 0n) + share.amount)
    }
  }
  const total = pools.reduce((sum, { amount }) => sum + amount, 0n)
  if (total > BigInt(Number.MAX_SAFE_INTEGER)) return refuse('AMOUNT_TOO_LARGE', 'A shorter period has a smaller sum.')
  const statement: RoyaltyStatement = {
    payer,
    period,
    receipts: receiptsHash(receipts),
    pools: pools.map((pool) => ({ ...pool, amount: Number(pool.amount) })),
    total: Number(total),
    // Shares of nothing are left out, except where a manifest is missing: what lies behind it is not known.
    shares: [...shares.keys()]
      .sort()
      .map((genome) => ({
        genome: idBytes(genome),
        author: originOf(genome)?.author ?? null,
        amount: Number(shares.get(genome)),
      }))
      .filter(({ author, amount }) => amount > 0 || author === null),
  }
  const isWithinLimits = statement.pools.length <= MAX_POOLS && statement.shares.length <= MAX_SHARES
  return isWithinLimits ? statement : refuse('TOO_MANY_SHARES', 'A shorter period has fewer genomes.')
}

/** By their hashes, in ascending order, each once. */
function distinct(receipts: readonly Uint8Array[]): readonly { bytes: Uint8Array; hash: Uint8Array }[] {
  const sorted = receipts.map((bytes) => ({ bytes, hash: sha256(bytes) })).sort((a, b) => compareBytes(a.hash, b.hash))
  return sorted.filter(({ hash }, i) => i === 0 || !equalBytes(hash, (sorted[i - 1] as (typeof sorted)[number]).hash))
}

const idBytes = (genome: string) => fromHex(genome) as Uint8Array

const sameHash = (a: Uint8Array | null, b: Uint8Array | null) => (a === null || b === null ? a === b : equalBytes(a, b))
