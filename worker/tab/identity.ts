// The identity of a tab: made at the first visit to its slot, the same at every later one.

import {
  generateIdentity,
  importIdentity,
  openIdentity,
  type Ed25519Subtle,
  type Identity,
  type StoredIdentity,
} from '#core/crypto/identity.ts'
import type { Records } from '../storage/records.ts'

const STORE = 'identities'
const KEY_BYTES = 32

export interface TabIdentityOptions {
  readonly slot: number
  readonly records: Records
  /** Absent on addresses that are not secure. */
  readonly subtle: Ed25519Subtle | undefined
  readonly random: (length: number) => Uint8Array
}

export async function openTabIdentity({ slot, records, subtle, random }: TabIdentityOptions): Promise<Identity> {
  const key = String(slot)
  const kept = readStored(await records.get(STORE, key))
  if (kept) return openIdentity(kept, subtle)
  const made = await generateIdentity(subtle, random)
  await records.put(STORE, key, made)
  return openIdentity(made, subtle)
}

/** An identity that the slot goes by once it is kept; until then a reload finds the present one. */
export async function prepareSuccessor({ slot, records, subtle, random }: TabIdentityOptions) {
  const made = await generateIdentity(subtle, random)
  return { identity: openIdentity(made, subtle), keep: () => records.put(STORE, String(slot), made) }
}

/** The slot goes by the identity of those 32 secret bytes from its next start on. */
export async function adoptSeed({ slot, records, subtle }: Omit<TabIdentityOptions, 'random'>, seed: Uint8Array) {
  const stored = await importIdentity(seed, subtle)
  await records.put(STORE, String(slot), stored)
  return openIdentity(stored, subtle)
}

/** Undefined for anything this version did not write. */
function readStored(value: unknown): StoredIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { kind, publicKey, privateKey, seed } = value as Record<string, unknown>
  if (!isKey(publicKey)) return undefined
  if (kind === 'seed' && isKey(seed)) return { kind, publicKey, seed }
  if (kind === 'webcrypto' && typeof privateKey === 'object' && privateKey !== null)
    return { kind, publicKey, privateKey }
  return undefined
}

function isKey(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === KEY_BYTES
}
