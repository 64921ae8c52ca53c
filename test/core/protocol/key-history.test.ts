// Rotated and revoked keys: who may sign what, what is refused afterwards, and that the order of arrival does not matter.

import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { createVerifier, type Identity, type Verifier } from '#core/crypto/identity.ts'
import {
  addRevocation,
  addRotation,
  currentKey,
  keyStatus,
  NO_KEY_HISTORY,
  requireCurrentKey,
  signRevocation,
  signRotation,
  verifyRevocation,
  verifyRotation,
  type KeyHistory,
  type KeyRevocation,
  type KeyRotation,
} from '#core/protocol/key-history.ts'
import { KEY_REVOCATION } from '#core/protocol/messages/peer.ts'
import { KEY_ROTATION, MAX_ROTATIONS } from '#core/protocol/messages/session.ts'
import { encodeObject, signObject } from '#core/protocol/signed-object.ts'
import { flipBit, importIdentity, refusal } from './frame-tools.ts'

const AT = 1_790_000_000_000
/** Keys are only compared here, so most tests use any 32 bytes for one. */
const key = (name: number) => new Uint8Array(32).fill(name)
const rotation = (from: number, to: number, generation = 1): KeyRotation => ({
  from: key(from),
  to: key(to),
  generation,
  at: AT,
})
const revocation = (of: number, by: number, successor: number | null = null): KeyRevocation => ({
  key: key(of),
  by: key(by),
  successor: successor === null ? null : key(successor),
  why: 'lost',
  at: AT,
})
const chain = (...keys: number[]): KeyHistory =>
  keys.slice(1).reduce((history, to, i) => addRotation(history, rotation(keys[i] as number, to, i + 1)), NO_KEY_HISTORY)
const now = (history: KeyHistory, name: number) => currentKey(history, key(name))?.[0] ?? null

describe('signatures', () => {
  let verify: Verifier
  let ada: Identity
  let next: Identity
  let eve: Identity
  beforeAll(async () => {
    verify = await createVerifier(globalThis.crypto.subtle)
    ;[ada, next, eve] = (await Promise.all([1, 2, 3].map((seed) => importIdentity(key(seed))))) as [
      Identity,
      Identity,
      Identity,
    ]
  })

  it('takes a rotation that both keys signed', async () => {
    const body = await signRotation(ada, next, 1, AT)
    expect(await verifyRotation(body, verify)).toEqual({
      from: ada.publicKey,
      to: next.publicKey,
      generation: 1,
      at: AT,
    })
  })

  it('refuses one that either key did not sign, or that was changed after', async () => {
    const body = await signRotation(ada, next, 1, AT)
    // Eve takes over Ada's name: she has no signature of Ada's for it. Or gives Ada's name a key that is not hers to give.
    const stolen = encodeObject(KEY_ROTATION, { from: ada.publicKey, to: eve.publicKey, generation: 1, at: AT })
    const byEve = await signObject(KEY_ROTATION, stolen, eve)
    const byAda = await signObject(KEY_ROTATION, stolen, ada)
    for (const bad of [
      { rotation: stolen, signature: byEve, successor: byEve },
      { rotation: stolen, signature: byAda, successor: byAda },
      { rotation: stolen, signature: byEve, successor: byAda },
      { ...body, signature: body.successor, successor: body.signature },
      { ...body, rotation: stolen },
      { ...body, signature: flipBit(body.signature, 9) },
    ]) {
      expect(await refusal(verifyRotation(bad, verify))).toBe('SIGNATURE_INVALID')
    }
    // A signature under the same bytes as another kind of object is none.
    const foreign = await signObject({ ...KEY_ROTATION, name: 'log head' }, body.rotation, ada)
    expect(await refusal(verifyRotation({ ...body, signature: foreign }, verify))).toBe('SIGNATURE_INVALID')
    expect(await refusal(signRotation(ada, ada, 1, AT).then((self) => verifyRotation(self, verify)))).toBe(
      'PROTOCOL_VIOLATION',
    )
    expect(await refusal(signRotation(ada, next, MAX_ROTATIONS + 1, AT))).toBe('BAD_ARGUMENT')
  })

  it('takes a revocation only from the key that it names as signer', async () => {
    const content = { key: ada.publicKey, successor: null, why: 'lost', at: AT } as const
    const body = await signRevocation(next, content)
    expect((await verifyRevocation(body, verify)).by).toEqual(next.publicKey)
    const claimed = encodeObject(KEY_REVOCATION, { ...content, by: ada.publicKey })
    const forged = { revocation: claimed, signature: await signObject(KEY_REVOCATION, claimed, eve) }
    expect(await refusal(verifyRevocation(forged, verify))).toBe('SIGNATURE_INVALID')
  })
})

describe('a history', () => {
  it('follows rotations to the key of today, and refuses the ones before', () => {
    const history = chain(1, 2, 3)
    expect([1, 2, 3].map((name) => now(history, name))).toEqual([3, 3, 3])
    expect([1, 2, 3, 4].map((name) => keyStatus(history, key(name)))).toEqual([
      'rotated',
      'rotated',
      'current',
      'current',
    ])
    expect(() => requireCurrentKey(history, key(3))).not.toThrow()
    expect(() => requireCurrentKey(history, key(1))).toThrow(expect.objectContaining({ code: 'KEY_REVOKED' }))
  })

  it('refuses a revoked key from then on, and everything that it would hand on', () => {
    const history = addRevocation(chain(1, 2), revocation(2, 2))
    expect(keyStatus(history, key(2))).toBe('revoked')
    expect(() => requireCurrentKey(history, key(2))).toThrow(expect.objectContaining({ code: 'KEY_REVOKED' }))
    expect(now(history, 1)).toBeNull()
    const later = addRotation(history, rotation(2, 3, 2))
    expect(keyStatus(later, key(2))).toBe('revoked')
    expect(now(later, 1)).toBeNull()
  })

  it('lets a later key revoke an earlier one, and no one else', () => {
    const history = chain(1, 2, 3)
    expect(now(addRevocation(history, revocation(1, 3, 2)), 1)).toBe(3)
    for (const by of [1, 4]) {
      expect(() => addRevocation(history, revocation(3, by))).toThrow(
        expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }),
      )
    }
    expect(() => addRevocation(NO_KEY_HISTORY, revocation(1, 3))).toThrow(/not by others/)
  })

  it('believes neither of two successors, unless a revocation names one', () => {
    const stolen = addRotation(chain(1, 2), rotation(1, 9))
    expect(keyStatus(stolen, key(1))).toBe('revoked')
    expect(now(stolen, 1)).toBeNull()
    const settled = addRevocation(stolen, revocation(1, 2, 2))
    expect(now(settled, 1)).toBe(2)
    // The thief has the old key too, and says otherwise: nobody can tell them apart.
    expect(now(addRevocation(settled, revocation(1, 1, 9)), 1)).toBeNull()
    // The keys themselves are still somebody's, under their own names.
    expect(keyStatus(settled, key(9))).toBe('current')
  })

  it('does not let one key go on for two others', () => {
    expect(now(addRotation(chain(1, 2), rotation(5, 2)), 1)).toBeNull()
  })

  it('ends at the longest chain, at a number left out, and in a circle', () => {
    const longest = chain(...Array.from({ length: MAX_ROTATIONS + 1 }, (_, i) => i))
    expect(now(longest, 0)).toBe(MAX_ROTATIONS)
    const beyond = addRotation(longest, rotation(MAX_ROTATIONS, 200, MAX_ROTATIONS))
    expect(now(beyond, 0)).toBeNull()
    expect(now(addRotation(chain(1, 2), rotation(2, 3, 3)), 1)).toBeNull()
    expect(now(chain(1, 2, 1), 1)).toBeNull()
  })

  it('keeps two contradictions of each key, not all that a liar signs', () => {
    let history = chain(1, 2)
    for (let to = 10; to < 60; to++) history = addRotation(history, rotation(1, to))
    for (let to = 10; to < 60; to++) history = addRevocation(history, revocation(1, 1, to))
    const name = toHex(key(1))
    expect([history.rotations.get(name)?.length, history.revocations.get(name)?.length]).toEqual([2, 2])
  })

  it('says the same whatever the order in which it learned', () => {
    const name = fc.integer({ min: 1, max: 5 })
    const step = fc.oneof(
      fc.record({ from: name, to: name, generation: fc.integer({ min: 1, max: 4 }) }),
      // By the key itself, which needs no rotation to be known first.
      fc.record({ of: name, successor: fc.option(name) }),
    )
    const learn = (history: KeyHistory, one: typeof step extends fc.Arbitrary<infer Step> ? Step : never) =>
      'of' in one
        ? addRevocation(history, revocation(one.of, one.of, one.successor))
        : one.from === one.to
          ? history
          : addRotation(history, rotation(one.from, one.to, one.generation))
    const known = (history: KeyHistory) =>
      [1, 2, 3, 4, 5].map((each) => [keyStatus(history, key(each)), now(history, each)])
    fc.assert(
      fc.property(
        fc
          .array(step, { maxLength: 10 })
          .chain((steps) => fc.tuple(fc.constant(steps), fc.shuffledSubarray(steps, { minLength: steps.length }))),
        ([steps, shuffled]) => {
          expect(known(shuffled.reduce(learn, NO_KEY_HISTORY))).toEqual(known(steps.reduce(learn, NO_KEY_HISTORY)))
        },
      ),
      { numRuns: 500 },
    )
  })
})
