// Witnesses: nodes that countersign the heads of others. A witness says that it holds the whole log up to that head and never
// signed another one for its place, so an author that shows different logs to different nodes meets one that saw both.

import { compareBytes, concatBytes, equalBytes, toHex, utf8 } from '../crypto/bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import type { Identity, Verifier } from '../crypto/identity.ts'
import type { KeyHistory } from '../protocol/key-history.ts'
import { WITNESSED_HEAD } from '../protocol/messages/proof.ts'
import type { BodyOf } from '../protocol/registry.ts'
import { encodeObject, readObject, signObject, verifyObject, type ObjectOf } from '../protocol/signed-object.ts'
import { reachesHead, type LogHead, type LogPoint } from './log.ts'
import { refuse, type Refusal } from './refusal.ts'
import { authorRefusal, type Standings } from './standing.ts'

export type Witness = BodyOf<'PROOF_WITNESS'>
export type WitnessedHead = ObjectOf<typeof WITNESSED_HEAD>

/** How many nodes witness a log, where there are so many. */
export const WITNESSES_OF_A_LOG = 5

/**
 * Who of `candidates` is to witness an author's log: those whose key and the author's hash lowest together (rendezvous
 * hashing; Thaler and Ravishankar, 1998). All nodes that know the same candidates choose the same, and the author has no say.
 */
export function chooseWitnesses(author: Uint8Array, candidates: readonly Uint8Array[]): readonly Uint8Array[] {
  const weight = (candidate: Uint8Array) => sha256(concatBytes(utf8('centram witness v1\n'), author, candidate))
  return candidates
    .filter((candidate) => !equalBytes(candidate, author))
    .map((candidate) => ({ candidate, weight: weight(candidate) }))
    .sort((a, b) => compareBytes(a.weight, b.weight))
    .slice(0, WITNESSES_OF_A_LOG)
    .map(({ candidate }) => candidate)
}

/** What a node has to go by when it is to witness a head. */
export interface WitnessView {
  readonly self: Uint8Array
  readonly standings: Standings
  readonly history: KeyHistory
  /** How far it has read and verified that log. */
  readonly point: LogPoint
  /** The last head of that log that it witnessed. It is to be stored before the signature leaves. */
  readonly last: Pick<LogHead, 'sequence' | 'entry'> | null
}

/** Why a node does not witness a verified head; null when it may. */
export function witnessRefusal(head: LogHead, { self, standings, history, point, last }: WitnessView): Refusal | null {
  if (equalBytes(head.author, self)) return refuse('OWN_HEAD', 'Nobody witnesses a log of its own.')
  const refusal = authorRefusal(standings, history, head.author)
  if (refusal) return refusal
  if (last !== null && last.sequence === head.sequence && !equalBytes(last.entry, head.entry)) {
    return refuse('SEEN_OTHERWISE', `Another entry ${head.sequence} of that log was witnessed here.`)
  }
  if (last !== null && last.sequence >= head.sequence) {
    return refuse('SEEN_BEFORE', `Entry ${last.sequence} of that log was witnessed already.`)
  }
  if (reachesHead(point, head)) return null
  return refuse('NOT_VERIFIED', 'The log was not read up to that head.')
}

export async function signWitness(head: LogHead, now: number, identity: Identity): Promise<Witness> {
  const { author, sequence, entry } = head
  const seen = encodeObject(WITNESSED_HEAD, { witness: identity.publicKey, author, sequence, entry, at: now })
  return { seen, signature: await signObject(WITNESSED_HEAD, seen, identity) }
}

export async function verifyWitness({ seen, signature }: Witness, verify: Verifier): Promise<WitnessedHead | Refusal> {
  try {
    const read = readObject(WITNESSED_HEAD, seen)
    if (await verifyObject(WITNESSED_HEAD, seen, read.witness, signature, verify)) return read
  } catch {
    // The refusal below says it.
  }
  return refuse('UNSIGNED', 'A head was not signed by the witness that it names.')
}

/** How many of the nodes that were to do so signed that head. */
export function countWitnesses(
  head: LogHead,
  verified: readonly WitnessedHead[],
  chosen: readonly Uint8Array[],
): number {
  const expected = new Set(chosen.map(toHex))
  const signed = verified.filter(
    ({ author, sequence, entry }) =>
      equalBytes(author, head.author) && sequence === head.sequence && equalBytes(entry, head.entry),
  )
  return new Set(signed.map(({ witness }) => toHex(witness)).filter((key) => expected.has(key))).size
}
