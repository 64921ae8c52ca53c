// Which key a node goes by now: rotations, signed by the old key and the new one, and revocations. All of it is a pure
// function of what was verified, and the same in whatever order that came; only a revocation by a later key waits for the
// rotations that lead to it.
//
// A thief of a key can sign whatever its owner can, so what contradicts itself counts for nobody: two successors of one
// key, by two rotations or by two revocations, end the identity rather than hand it to either.

import { CentramError } from '#core/errors.ts'
import { compareBytes, equalBytes, toHex } from '../crypto/bytes.ts'
import type { Identity, Verifier } from '../crypto/identity.ts'
import { KEY_REVOCATION } from './messages/peer.ts'
import { KEY_ROTATION, MAX_ROTATIONS } from './messages/session.ts'
import type { BodyOf } from './registry.ts'
import { encodeObject, readObject, signObject, verifyObject, type ObjectOf } from './signed-object.ts'

export type KeyRotation = ObjectOf<typeof KEY_ROTATION>
export type KeyRevocation = ObjectOf<typeof KEY_REVOCATION>

/** What is known of keys, by key in hex. Two contradictions say as much as a hundred, so no list is longer than two. */
export interface KeyHistory {
  /** By the old key, each to another one. */
  readonly rotations: ReadonlyMap<string, readonly KeyRotation[]>
  /** By the new key, each from another one. */
  readonly origins: ReadonlyMap<string, readonly KeyRotation[]>
  /** By the revoked key, each naming another successor. */
  readonly revocations: ReadonlyMap<string, readonly KeyRevocation[]>
}

/** `rotated`: another key goes on in its place. Neither that nor `revoked` may open a session. */
export type KeyStatus = 'current' | 'rotated' | 'revoked'

/** Stands for “no successor” where keys are compared. */
const NOBODY = new Uint8Array(0)

export const NO_KEY_HISTORY: KeyHistory = { rotations: new Map(), origins: new Map(), revocations: new Map() }

/** Signs that `to` goes on for `from`. `generation` counts the rotations of this identity, this one included. */
export async function signRotation(
  from: Identity,
  to: Identity,
  generation: number,
  at: number,
): Promise<BodyOf<'SESSION_KEY_ROTATE'>> {
  const rotation = encodeObject(KEY_ROTATION, { from: from.publicKey, to: to.publicKey, generation, at })
  const [signature, successor] = await Promise.all([
    signObject(KEY_ROTATION, rotation, from),
    signObject(KEY_ROTATION, rotation, to),
  ])
  return { rotation, signature, successor }
}

/** Throws `SIGNATURE_INVALID` unless both keys signed, `PROTOCOL_VIOLATION` for a key that follows itself. */
export async function verifyRotation(body: BodyOf<'SESSION_KEY_ROTATE'>, verify: Verifier): Promise<KeyRotation> {
  const rotation = readObject(KEY_ROTATION, body.rotation)
  if (equalBytes(rotation.from, rotation.to)) throw violation('a key cannot follow itself')
  const signed = await Promise.all([
    verifyObject(KEY_ROTATION, body.rotation, rotation.from, body.signature, verify),
    verifyObject(KEY_ROTATION, body.rotation, rotation.to, body.successor, verify),
  ])
  if (signed.includes(false)) throw unsigned('a key rotation', 'both of its keys')
  return rotation
}

/** Signs that `key` counts no longer; `by` is that key or one that follows it. */
export async function signRevocation(
  by: Identity,
  revocation: Omit<KeyRevocation, 'by'>,
): Promise<BodyOf<'PEER_KEY_REVOKE'>> {
  const bytes = encodeObject(KEY_REVOCATION, { ...revocation, by: by.publicKey })
  return { revocation: bytes, signature: await signObject(KEY_REVOCATION, bytes, by) }
}

/** Throws `SIGNATURE_INVALID`. Whether the signer may revoke that key is for `addRevocation` to say. */
export async function verifyRevocation(body: BodyOf<'PEER_KEY_REVOKE'>, verify: Verifier): Promise<KeyRevocation> {
  const revocation = readObject(KEY_REVOCATION, body.revocation)
  if (!(await verifyObject(KEY_REVOCATION, body.revocation, revocation.by, body.signature, verify))) {
    throw unsigned('a key revocation', 'the key that it names')
  }
  return revocation
}

/** The history with one more verified rotation. */
export function addRotation(history: KeyHistory, rotation: KeyRotation): KeyHistory {
  const from = toHex(rotation.from)
  const to = toHex(rotation.to)
  return {
    ...history,
    rotations: withEntry(history.rotations, from, rotation, ({ to: key }) => key, byAge),
    origins: withEntry(history.origins, to, rotation, ({ from: key }) => key, byAge),
  }
}

/**
 * The history with one more verified revocation. Throws `PROTOCOL_VIOLATION` when its signer is neither the key itself nor
 * known to follow it, so that nobody revokes a stranger's key.
 */
export function addRevocation(history: KeyHistory, revocation: KeyRevocation): KeyHistory {
  const { key, by } = revocation
  if (!equalBytes(by, key) && !follows(history, toHex(key), toHex(by))) {
    throw violation('a key can be revoked by itself and by those that follow it, not by others')
  }
  return {
    ...history,
    revocations: withEntry(
      history.revocations,
      toHex(key),
      revocation,
      ({ successor }) => successor ?? NOBODY,
      (a, b) => a.at - b.at,
    ),
  }
}

export function keyStatus(history: KeyHistory, key: Uint8Array): KeyStatus {
  const name = toHex(key)
  const rotations = history.rotations.get(name) ?? []
  if (rotations.length > 1 || history.revocations.has(name)) return 'revoked'
  return rotations.length === 1 ? 'rotated' : 'current'
}

/** The key under which the identity that once was `key` goes on; null when it ended or contradicts itself. */
export function currentKey(history: KeyHistory, key: Uint8Array): Uint8Array | null {
  let at = key
  let generation = 0
  for (let steps = 0; steps <= MAX_ROTATIONS; steps++) {
    if (keyStatus(history, at) === 'current') return at
    const next = nextRotation(history, toHex(at))
    if (next === null || (generation > 0 && next.generation !== generation + 1)) return null
    at = next.to
    generation = next.generation
  }
  return null
}

/** The keys that one identity went through so far, from its first one on; `key` is among them. */
export function keysOf(history: KeyHistory, key: Uint8Array): readonly Uint8Array[] {
  const keys = [key]
  for (;;) {
    const [first] = keys as [Uint8Array]
    const [origin] = history.origins.get(toHex(first)) ?? []
    const leadsHere = origin !== undefined && sameKey(nextRotation(history, toHex(origin.from))?.to ?? null, first)
    if (!leadsHere || keys.length > MAX_ROTATIONS) break
    keys.unshift(origin.from)
  }
  for (;;) {
    const next = nextRotation(history, toHex(keys.at(-1) as Uint8Array))
    if (next === null || keys.length > MAX_ROTATIONS) return keys
    keys.push(next.to)
  }
}

/** Throws `KEY_REVOKED` for a key that no new session may begin with. */
export function requireCurrentKey(history: KeyHistory, key: Uint8Array): void {
  const status = keyStatus(history, key)
  if (status === 'current') return
  throw new CentramError(
    'KEY_REVOKED',
    `Node ${toHex(key).slice(0, 8)} was refused: its key was ${status}. ` +
      (status === 'rotated' ? 'It goes on under another one.' : 'Ask its owner for a new invitation.'),
  )
}

/** The one rotation that leads on from a key, unless the revocations of it name another successor or none. */
function nextRotation(history: KeyHistory, key: string): KeyRotation | null {
  const rotations = history.rotations.get(key) ?? []
  const revocations = history.revocations.get(key) ?? []
  if (revocations.length > 1) return null
  const [revocation] = revocations
  // A revocation that names a successor settles which of two rotations counts; without one there must be one only.
  const candidates =
    revocation === undefined ? rotations : rotations.filter((rotation) => sameKey(rotation.to, revocation.successor))
  const [next] = candidates
  if (next === undefined || candidates.length > 1) return null
  // A key that claims to go on for two others goes on for neither.
  return (history.origins.get(toHex(next.to)) ?? []).length === 1 ? next : null
}

/** Whether rotations lead from one key to the other, whatever was revoked since. */
function follows(history: KeyHistory, key: string, follower: string): boolean {
  const reached = new Set([key])
  // A set may grow while it is walked. Every key leads to two others at most, and a chain is bounded by its generations.
  let generations = 0
  let edge = [key]
  while (edge.length > 0 && generations++ < MAX_ROTATIONS) {
    const next: string[] = []
    for (const at of edge) {
      for (const rotation of history.rotations.get(at) ?? []) {
        const to = toHex(rotation.to)
        if (to === follower) return true
        if (!reached.has(to)) next.push(to)
        reached.add(to)
      }
    }
    edge = next
  }
  return false
}

/** With `entry`, of which one for each other key is kept, and of those two; which ones does not depend on their order. */
function withEntry<Entry>(
  entries: ReadonlyMap<string, readonly Entry[]>,
  key: string,
  entry: Entry,
  other: (entry: Entry) => Uint8Array,
  compare: (a: Entry, b: Entry) => number,
): ReadonlyMap<string, readonly Entry[]> {
  const kept = [...(entries.get(key) ?? []), entry]
    .sort((a, b) => compareBytes(other(a), other(b)) || compare(a, b))
    .filter((each, i, all) => i === 0 || !equalBytes(other(each), other(all[i - 1] as Entry)))
    .slice(0, 2)
  return new Map(entries).set(key, kept)
}

function byAge(a: KeyRotation, b: KeyRotation): number {
  return a.generation - b.generation || a.at - b.at
}

function sameKey(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : equalBytes(a, b)
}

function violation(what: string): CentramError {
  return new CentramError('PROTOCOL_VIOLATION', `A change of keys was refused: ${what}.`)
}

function unsigned(what: string, by: string): CentramError {
  return new CentramError('SIGNATURE_INVALID', `${what} was refused: it is not signed by ${by}.`)
}
