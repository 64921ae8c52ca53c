// Countersigns the heads of those whose witness this node is to be, and keeps what others signed of its own newest head.

import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import type { LogHead } from '#core/ledger/log.ts'
import { isRefusal } from '#core/ledger/refusal.ts'
import {
  chooseWitnesses,
  countWitnesses,
  signWitness,
  verifyWitness,
  witnessRefusal,
  type Witness,
  type WitnessedHead,
} from '#core/ledger/witness.ts'
import { LOG_HEAD } from '#core/protocol/messages/proof.ts'
import { readObject } from '#core/protocol/signed-object.ts'
import type { KeyBook } from './key-book.ts'
import type { LedgerAuthors } from './ledger-authors.ts'
import type { LedgerBook } from './ledger-book.ts'
import { keyBytes } from './log-exchange.ts'
import type { RoomVoice } from './room-voice.ts'
import type { Surroundings } from './surroundings.ts'

export interface Witnesses {
  /** A log is here up to that head. */
  onLog(author: string, head: LogHead): Promise<void>
  onWitness(peer: string, body: Witness): Promise<void>
  /** Nodes that were to sign this node's newest head, and did. */
  count(): number
  /** What they signed. */
  ofOwnHead(): readonly Witness[]
}

export interface WitnessesOptions {
  readonly surroundings: Pick<Surroundings, 'identity' | 'verifier' | 'records' | 'wallTime'>
  readonly keys: Pick<KeyBook, 'history'>
  readonly book: LedgerBook
  readonly authors: LedgerAuthors
  readonly voice: Pick<RoomVoice, 'trySend' | 'linked'>
  readonly onChange: () => void
}

const STORE = 'witnessed'

export function createWitnesses(options: WitnessesOptions): Witnesses {
  const { surroundings, keys, book, authors, voice, onChange } = options
  const { identity, verifier, records, wallTime } = surroundings
  const self = toHex(identity.publicKey)
  /** Of this node's newest head, by witness. */
  const seen = new Map<string, { readonly witness: Witness; readonly read: WitnessedHead }>()
  let signing: Promise<unknown> = Promise.resolve()

  const chosenFor = (author: string) => chooseWitnesses(keyBytes(author), [self, ...voice.linked()].map(keyBytes))
  const ownHead = (): LogHead | null => {
    const { head } = book.own()
    return head && readObject(LOG_HEAD, head.head)
  }
  const standing = () => {
    const head = ownHead()
    return head === null ? [] : [...seen.values()].filter(({ read }) => equalBytes(read.entry, head.entry))
  }

  async function sign(author: string, head: LogHead): Promise<void> {
    const key = `${self}/${author}`
    const kept = await records.get(STORE, key)
    const last = isPlace(kept) ? kept : null
    const { point } = book.log(author)
    const view = { self: identity.publicKey, standings: authors.standings(), history: keys.history(), point, last }
    if (witnessRefusal(head, view)) return
    // Before the signature leaves: two for one place would be this node's word for two logs.
    await records.put(STORE, key, { sequence: head.sequence, entry: head.entry })
    voice.trySend(author, 'PROOF_WITNESS', await signWitness(head, wallTime(), identity))
  }

  return {
    async onLog(author, head) {
      if (author === self || !chosenFor(author).some((key) => toHex(key) === self)) return
      signing = signing.then(() => sign(author, head)).catch(() => undefined)
      await signing
    },

    async onWitness(_peer, body) {
      const read = await verifyWitness(body, verifier)
      if (isRefusal(read)) throw new CentramError('SIGNATURE_INVALID', read.message)
      const head = ownHead()
      // Of others' heads, or of one that was overtaken: nothing that this node has to know.
      if (toHex(read.author) !== self || !head || !equalBytes(read.entry, head.entry)) return
      const witness = toHex(read.witness)
      if (authors.refusal(witness)) return
      for (const [by, { read: old }] of [...seen]) if (!equalBytes(old.entry, head.entry)) seen.delete(by)
      seen.set(witness, { witness: body, read })
      onChange()
    },

    count() {
      const head = ownHead()
      return head === null
        ? 0
        : countWitnesses(
            head,
            standing().map(({ read }) => read),
            chosenFor(self),
          )
    },
    ofOwnHead: () => standing().map(({ witness }) => witness),
  }
}

function isPlace(value: unknown): value is { sequence: number; entry: Uint8Array } {
  if (typeof value !== 'object' || value === null) return false
  const { sequence, entry } = value as Record<string, unknown>
  return Number.isSafeInteger(sequence) && entry instanceof Uint8Array
}
