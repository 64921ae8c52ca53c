// Royalty statements, kept so that a person can see where a share came from: those of this node, and those of others by which it
// gets one. The log holds small ones whole and large ones by their hash alone.

import { toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import type { RoyaltyStatement } from '#core/ledger/royalties.ts'
import { ROYALTY_STATEMENT } from '#core/protocol/messages/ledger.ts'
import { readObject } from '#core/protocol/signed-object.ts'
import type { Records } from '../storage/records.ts'

export interface RoyaltyStatements {
  start(): Promise<void>
  /** A statement whose signature was verified, as it was signed. */
  keep(encoded: Uint8Array): Promise<void>
  /** By the hash of its encoding, hex. */
  get(hash: string): RoyaltyStatement | null
  all(): Iterable<readonly [hash: string, statement: RoyaltyStatement]>
}

const STORE = 'royalty-statements'
/** Of one payer: what others show takes the room of nobody else. */
const MAX_OF_PAYER = 128
const MAX_ALL = 1024

export function createRoyaltyStatements(records: Records, owner: string): RoyaltyStatements {
  const statements = new Map<string, RoyaltyStatement>()
  const keyOf = (hash: string) => `${owner}/${hash}`

  async function drop(hash: string | undefined): Promise<void> {
    if (hash === undefined) return
    statements.delete(hash)
    await records.delete(STORE, keyOf(hash))
  }

  return {
    async start() {
      const read = (await records.list(STORE, `${owner}/`)).flatMap(([key, value]) => {
        try {
          return [[key.slice(owner.length + 1), readObject(ROYALTY_STATEMENT, value as Uint8Array)] as const]
        } catch {
          return []
        }
      })
      for (const [hash, statement] of read.sort(([, a], [, b]) => a.period.to - b.period.to)) {
        statements.set(hash, statement)
      }
    },

    async keep(encoded) {
      const hash = toHex(sha256(encoded))
      if (statements.has(hash)) return
      const statement = readObject(ROYALTY_STATEMENT, encoded)
      const payer = toHex(statement.payer)
      const ofPayer = [...statements].filter(([, one]) => toHex(one.payer) === payer)
      if (ofPayer.length >= MAX_OF_PAYER) await drop(ofPayer[0]?.[0])
      else if (statements.size >= MAX_ALL) await drop(statements.keys().next().value)
      statements.set(hash, statement)
      await records.put(STORE, keyOf(hash), encoded)
    },

    get: (hash) => statements.get(hash) ?? null,
    all: () => statements,
  }
}
