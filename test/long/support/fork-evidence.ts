// Logs, heads and accusations that simulations draw from, signed by real keys once, and what the product's own rules say of each,
// asked once: they are pure, so that all simulated nodes would hear the same.

import { webcrypto } from 'node:crypto'
import { createVerifier, identityFromSeed, type Ed25519Subtle, type Identity } from '#core/crypto/identity.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { toHex } from '#core/crypto/bytes.ts'
import { proveFork, verifyFork, type ForkProof } from '#core/ledger/fork.ts'
import { verifyHead, type SignedHead } from '#core/ledger/log.ts'
import { isRefusal } from '#core/ledger/refusal.ts'
import { LOG_ENTRY, LOG_HEAD } from '#core/protocol/messages/proof.ts'
import { encodeObject, signObject } from '#core/protocol/signed-object.ts'
import type { Dice } from '../../simulation/random.ts'

const START = 1_700_000_000_000
export const NOW = START + 86_400_000

/** A signed head, and the entries that lead to it. */
export interface ShownHead {
  readonly signed: SignedHead
  readonly key: Uint8Array
  readonly author: string
  readonly sequence: number
  readonly entries: readonly Uint8Array[]
}

export interface Author {
  readonly key: Uint8Array
  readonly name: string
  /** Of one log, by sequence; the last two are of the same entry, signed at two times. */
  readonly heads: readonly ShownHead[]
}

export interface Equivocator {
  readonly name: string
  /** Two logs that part somewhere. */
  readonly branches: readonly [readonly ShownHead[], readonly ShownHead[]]
}

const LENGTH = 6

export async function drawAuthor(dice: Dice): Promise<Author> {
  const identity = identityFromSeed(dice.bytes(32))
  const entries = writeLog(dice, identity, [], LENGTH)
  const heads = await signHeads(identity, entries)
  heads.push(await showHead(identity, entries, LENGTH, 1000))
  return { key: identity.publicKey, name: toHex(identity.publicKey), heads }
}

export async function drawEquivocator(dice: Dice): Promise<Equivocator> {
  const identity = identityFromSeed(dice.bytes(32))
  const shared = writeLog(dice, identity, [], dice.whole(0, 3))
  const branch = async () => {
    const heads = await signHeads(identity, writeLog(dice, identity, shared, LENGTH))
    return heads.filter(({ sequence }) => sequence >= shared.length)
  }
  return { name: toHex(identity.publicKey), branches: [await branch(), await branch()] }
}

/** What liars say of an honest author: none of it may convince anybody. */
export async function drawAccusations(dice: Dice, author: Author, liar: Identity): Promise<readonly ForkProof[]> {
  const last = author.heads.at(-2)!
  const resigned = author.heads.at(-1)!
  const earlier = author.heads[dice.whole(0, LENGTH - 2)]!
  const head = encodeObject(LOG_HEAD, {
    author: author.key,
    sequence: last.sequence,
    entry: dice.bytes(32),
    at: START + 5000,
  })
  const ownHead = encodeObject(LOG_HEAD, {
    author: liar.publicKey,
    sequence: last.sequence,
    entry: dice.bytes(32),
    at: START,
  })
  const signature = await signObject(LOG_HEAD, head, liar)
  return [
    // A head that the author never signed: under the liar's signature, one of another head, and none at all.
    { first: last.signed, second: { head, signature } },
    { first: last.signed, second: { head, signature: last.signed.signature } },
    { first: { head, signature: new Uint8Array(64) }, second: last.signed },
    // Two heads of one log: the same place signed twice, and two places with the path between them, or without, or another.
    { first: last.signed, second: resigned.signed },
    { first: earlier.signed, second: last.signed, path: last.entries.slice(earlier.sequence + 1) },
    { first: earlier.signed, second: last.signed },
    {
      first: earlier.signed,
      second: last.signed,
      path: last.entries.slice(0, last.sequence - earlier.sequence),
    },
    // The liar's own head beside the author's.
    { first: last.signed, second: { head: ownHead, signature: await signObject(LOG_HEAD, ownHead, liar) } },
  ]
}

function writeLog(
  dice: Dice,
  { publicKey: author }: Identity,
  before: readonly Uint8Array[],
  length: number,
): Uint8Array[] {
  const entries = [...before]
  while (entries.length < length) {
    const sequence = entries.length
    const previous = sequence === 0 ? new Uint8Array(32) : sha256(entries[sequence - 1]!)
    const at = START + sequence * 1000
    entries.push(encodeObject(LOG_ENTRY, { author, sequence, previous, kind: 'grant', subject: dice.bytes(40), at }))
  }
  return entries
}

function signHeads(identity: Identity, entries: readonly Uint8Array[]): Promise<ShownHead[]> {
  return Promise.all(entries.map((_, index) => showHead(identity, entries, index + 1, 0)))
}

async function showHead(
  identity: Identity,
  log: readonly Uint8Array[],
  length: number,
  later: number,
): Promise<ShownHead> {
  const entries = log.slice(0, length)
  const sequence = length - 1
  const author = identity.publicKey
  const at = START + sequence * 1000 + later
  const head = encodeObject(LOG_HEAD, { author, sequence, entry: sha256(entries[sequence]!), at })
  const signed = { head, signature: await signObject(LOG_HEAD, head, identity) }
  return { signed, key: author, author: toHex(author), sequence, entries }
}

/** The product's rules, each asked once of the same evidence. */
export interface Rules {
  isHead(head: ShownHead): boolean
  /** Null where both may be of one log. */
  prove(one: ShownHead, other: ShownHead): ForkProof | null
  /** Whom a proof accuses rightly; null where it accuses nobody. */
  accused(proof: ForkProof): string | null
}

export interface Evidence {
  readonly authors: readonly Author[]
  readonly equivocators: readonly Equivocator[]
  /** Whom nobody has to do with. */
  readonly strangers: readonly Author[]
  /** Of each author. */
  readonly accusations: readonly (readonly ForkProof[])[]
}

export async function createRules({ authors, equivocators, strangers, accusations }: Evidence): Promise<Rules> {
  const verify = await createVerifier(webcrypto.subtle as unknown as Ed25519Subtle)
  const good = new Set<ShownHead>()
  const proofs = new Map<ShownHead, Map<ShownHead, ForkProof | null>>()
  const accused = new Map<ForkProof, string | null>()
  const logs = [
    ...[...authors, ...strangers].map(({ heads }) => heads),
    ...equivocators.map(({ branches }) => branches.flat()),
  ]
  for (const heads of logs) {
    for (const one of heads) {
      if (!isRefusal(await verifyHead(one.signed, NOW, verify))) good.add(one)
      const row = new Map<ShownHead, ForkProof | null>()
      proofs.set(one, row)
      for (const other of heads) {
        const later = one.sequence >= other.sequence ? one : other
        const proof = proveFork(one.signed, other.signed, (from, to) => later.entries.slice(from, to + 1))
        row.set(other, proof)
        if (proof) accused.set(proof, await judge(proof))
      }
    }
  }
  for (const proof of accusations.flat()) accused.set(proof, await judge(proof))

  async function judge(proof: ForkProof): Promise<string | null> {
    const fork = await verifyFork(proof, verify)
    return isRefusal(fork) ? null : toHex(fork.author)
  }

  return {
    isHead: (head) => good.has(head),
    prove: (one, other) => proofs.get(one)!.get(other)!,
    accused: (proof) => accused.get(proof)!,
  }
}
