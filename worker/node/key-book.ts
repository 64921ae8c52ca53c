// The keys of this node and of others over time: rotations and revocations as they were signed, kept in records, and what
// follows from them. Keys here are hex.

import { fromHex, toHex } from '#core/crypto/bytes.ts'
import type { Verifier } from '#core/crypto/identity.ts'
import { CentramError } from '#core/errors.ts'
import {
  addRevocation,
  addRotation,
  currentKey,
  keyStatus,
  NO_KEY_HISTORY,
  requireCurrentKey,
  verifyRevocation,
  verifyRotation,
  type KeyHistory,
  type KeyRevocation,
  type KeyRotation,
  type KeyStatus,
} from '#core/protocol/key-history.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { Records } from '../storage/records.ts'

export type RotationBody = BodyOf<'SESSION_KEY_ROTATE'>
export type RevocationBody = BodyOf<'PEER_KEY_REVOKE'>

export interface KeyBook {
  /** Reads what was kept from earlier visits, and verifies it. */
  start(): Promise<void>
  status(key: string): KeyStatus
  /** The key that the node goes by now which once went by this one; the same where it ended. */
  current(key: string): string
  isSameNode(a: string, b: string): boolean
  /** Throws `KEY_REVOKED` for a key that no session may begin with. */
  require(key: Uint8Array): void
  /**
   * Takes a rotation that holds, once. Throws `SIGNATURE_INVALID`, `PROTOCOL_VIOLATION`, and whatever `fits` throws: it sees
   * the history with the rotation in it before that is kept.
   */
  learnRotation(
    body: RotationBody,
    fits?: (rotation: KeyRotation, then: KeyHistory) => void,
  ): Promise<Learned<KeyRotation>>
  /** Takes a revocation that holds. Throws `SIGNATURE_INVALID`, and `PROTOCOL_VIOLATION` where its signer is not known to follow. */
  learnRevocation(body: RevocationBody): Promise<Learned<KeyRevocation>>
  /** What led to `key`, the latest first, and what revokes the keys before it: whoever met one of those can follow. */
  pathTo(key: string): { readonly rotations: readonly RotationBody[]; readonly revocations: readonly RevocationBody[] }
  /** Rotations behind the key. */
  generation(key: string): number
  /** All of it, for what is a pure function of keys. */
  history(): KeyHistory
}

export interface Learned<Entry> {
  readonly entry: Entry
  readonly isNew: boolean
}

const STORE = 'keys'
/** Of each kind. Beyond it nothing is learned: a flood of made-up keys must not fill the disk. */
const MAX_KEPT = 2048
/** Rotations told to whoever opens a link: within what one may send of them at once. */
const MAX_TOLD = 8

export function createKeyBook(records: Records, verifier: Verifier, onChange: () => void): KeyBook {
  let history = NO_KEY_HISTORY
  const rotations = new Map<string, RotationBody>()
  const revocations = new Map<string, RevocationBody>()
  const nameOf = ({ from, to }: KeyRotation) => `rotation/${toHex(from)}/${toHex(to)}`
  const revokedName = ({ key, successor }: KeyRevocation) =>
    `revocation/${toHex(key)}/${successor === null ? 'none' : toHex(successor)}`

  const requireRoom = (kept: ReadonlyMap<string, unknown>) => {
    if (kept.size >= MAX_KEPT) throw new CentramError('NO_CAPACITY', 'This node can remember no more changes of keys.')
  }

  const learnRotation: KeyBook['learnRotation'] = async (body, fits) => {
    const entry = await verifyRotation(body, verifier)
    const name = nameOf(entry)
    if (rotations.has(name)) return { entry, isNew: false }
    requireRoom(rotations)
    const then = addRotation(history, entry)
    fits?.(entry, then)
    history = then
    rotations.set(name, body)
    await records.put(STORE, name, body)
    onChange()
    return { entry, isNew: true }
  }

  const learnRevocation: KeyBook['learnRevocation'] = async (body) => {
    const entry = await verifyRevocation(body, verifier)
    const name = revokedName(entry)
    if (revocations.has(name)) return { entry, isNew: false }
    requireRoom(revocations)
    history = addRevocation(history, entry)
    revocations.set(name, body)
    await records.put(STORE, name, body)
    onChange()
    return { entry, isNew: true }
  }

  const current = (key: string): string => {
    const now = currentKey(history, bytesOf(key))
    return now === null ? key : toHex(now)
  }
  /** The rotation that led to a key, unless two claim to. */
  const originOf = (key: string): KeyRotation | undefined => {
    const origins = history.origins.get(key) ?? []
    return origins.length === 1 ? origins[0] : undefined
  }

  return {
    async start() {
      const names = await records.keys(STORE)
      // A revocation by a later key counts only once the rotations that lead to that key are known.
      for (const kind of ['rotation/', 'revocation/']) {
        for (const name of names.filter((each) => each.startsWith(kind))) {
          const body = await records.get(STORE, name)
          // What this version did not write, or cannot verify, counts for nothing.
          if (kind === 'rotation/' && isRotation(body)) await learnRotation(body).catch(() => undefined)
          if (kind === 'revocation/' && isRevocation(body)) await learnRevocation(body).catch(() => undefined)
        }
      }
    },
    status: (key) => keyStatus(history, bytesOf(key)),
    current,
    isSameNode: (a, b) => current(a) === current(b),
    require: (key) => requireCurrentKey(history, key),
    learnRotation,
    learnRevocation,
    pathTo(key) {
      const path: KeyRotation[] = []
      for (let origin = originOf(key); origin && path.length < MAX_TOLD; origin = originOf(toHex(origin.from))) {
        path.push(origin)
      }
      return {
        rotations: path.flatMap((rotation) => rotations.get(nameOf(rotation)) ?? []),
        revocations: path
          .flatMap(({ from }) => history.revocations.get(toHex(from)) ?? [])
          .flatMap((revocation) => revocations.get(revokedName(revocation)) ?? []),
      }
    },
    generation: (key) => originOf(key)?.generation ?? 0,
    history: () => history,
  }
}

const bytesOf = (key: string) => fromHex(key) as Uint8Array

function isRotation(value: unknown): value is RotationBody {
  return hasBytes(value, ['rotation', 'signature', 'successor'])
}

function isRevocation(value: unknown): value is RevocationBody {
  return hasBytes(value, ['revocation', 'signature'])
}

function hasBytes(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false
  const fields = value as Record<string, unknown>
  return names.every((name) => fields[name] instanceof Uint8Array)
}
