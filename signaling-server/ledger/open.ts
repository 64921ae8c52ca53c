// Opens the server's copy of the ledger, as the routes want it.

import { webcrypto } from 'node:crypto'
import { createVerifier, type Ed25519Subtle } from '#core/crypto/identity.ts'
import { createLedgerCopy, type LedgerCopy } from './copy.ts'
import { openLedgerDatabase } from './database.ts'

export interface OpenLedgerCopy {
  readonly copy: LedgerCopy
  close(): void
}

/** Throws `STORAGE_UNAVAILABLE`. */
export async function openLedgerCopy(path: string): Promise<OpenLedgerCopy> {
  const verifier = await createVerifier(webcrypto.subtle as unknown as Ed25519Subtle)
  const database = openLedgerDatabase(path)
  return { copy: createLedgerCopy(database, verifier), close: database.close }
}
