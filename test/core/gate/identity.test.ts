// Layer 2: signatures, domains, authors, revoked keys, and the claim that comes along.

import { expect, test } from 'vitest'
import { concatBytes, utf8 } from '#core/crypto/bytes.ts'
import { encodeCanonical } from '#core/crypto/canonical.ts'
import { sha256 } from '#core/crypto/hash.ts'
import type { Identity } from '#core/crypto/identity.ts'
import { identity } from '#core/gate/identity.ts'
import { encodeManifest } from '#core/genome/manifest.ts'
import type { KeyStatus } from '#core/protocol/key-history.ts'
import {
  arrivalOf,
  AUTHOR,
  contextWith,
  identityOf,
  judge,
  keyOf,
  makeClaim,
  makeGenome,
  sameNode,
} from './arrivals.ts'

const made = await makeGenome()
const arrival = arrivalOf(made)
const OTHER = identityOf(2)
const withManifest = (manifest: Uint8Array) => ({ ...arrival, manifest })

/** The manifest as it is, under a signature over something else. */
async function signedUnder(domain: string, signer: Identity = AUTHOR) {
  const body = encodeManifest(made.genome.manifest)
  return encodeCanonical({ body, signature: await signer.sign(concatBytes(utf8(domain), sha256(body))) })
}

const statusOf = (statuses: Record<string, KeyStatus>, ...same: string[]) =>
  contextWith({ keys: { ...sameNode(...same), status: (key) => statuses[key] ?? 'current' } })

test('what its author signed passes, from whoever it comes', async () => {
  expect(await judge(identity, arrival)).toMatchObject({ outcome: 'passed' })
  const told = arrivalOf(made, { sender: { key: keyOf(OTHER), address: null }, announcement: { by: null } })
  expect(await judge(identity, told)).toMatchObject({ outcome: 'passed' })
})

test('a folder without a manifest is nobody’s', async () => {
  expect(await judge(identity, { ...arrival, manifest: null })).toMatchObject({
    outcome: 'not-run',
    code: 'NO_MANIFEST',
  })
})

test.each([
  ['another key’s signature', signedUnder('centram genome 1\0', OTHER)],
  ['a signature for another purpose', signedUnder('centram object gate verdict v1\n')],
  ['a signature without a domain', signedUnder('')],
])('%s counts for nothing', async (_, manifest) => {
  expect(await judge(identity, withManifest(await manifest))).toMatchObject({ code: 'SIGNATURE_INVALID' })
})

test('a key of small order signs for nobody', async () => {
  // Under the neutral element S = 0 and R = A satisfy the equation for every message.
  const neutral = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0))
  const body = encodeManifest({ ...made.genome.manifest, author: neutral })
  const manifest = encodeCanonical({ body, signature: concatBytes(neutral, new Uint8Array(32)) })
  expect(await judge(identity, withManifest(manifest))).toMatchObject({ code: 'SIGNATURE_INVALID' })
})

test('bytes that are no manifest are named as such', async () => {
  for (const manifest of [
    new Uint8Array(0),
    utf8('{}'),
    made.genome.bytes.slice(1),
    concatBytes(made.genome.bytes, utf8('x')),
  ]) {
    expect(await judge(identity, withManifest(manifest))).toMatchObject({ code: 'MANIFEST_INVALID' })
  }
})

test('nobody announces another one’s work as his own', async () => {
  const as = (author: Identity, by: string | null) =>
    arrivalOf(made, { summary: { author: author.publicKey }, announcement: { by } })
  expect(await judge(identity, as(OTHER, keyOf(OTHER)))).toMatchObject({ code: 'AUTHOR_MISMATCH' })
  expect(await judge(identity, as(AUTHOR, keyOf(OTHER)))).toMatchObject({ code: 'AUTHOR_MISMATCH' })
  // Unless it is the same one under a newer key.
  const rotated = statusOf({ [keyOf(AUTHOR)]: 'rotated' }, keyOf(AUTHOR), keyOf(OTHER))
  expect(await judge(identity, as(AUTHOR, keyOf(OTHER)), rotated)).toMatchObject({ outcome: 'passed' })
})

test('a revoked key signs for nobody, and an old one announces nothing more', async () => {
  const revoked = statusOf({ [keyOf(AUTHOR)]: 'revoked' })
  expect(await judge(identity, arrival, revoked)).toMatchObject({ code: 'KEY_REVOKED' })
  const rotated = statusOf({ [keyOf(AUTHOR)]: 'rotated' })
  expect(await judge(identity, arrival, rotated)).toMatchObject({ code: 'KEY_REVOKED' })
  // What it signed while it was in use, told by others, still stands.
  expect(await judge(identity, arrivalOf(made, { announcement: { by: null } }), rotated)).toMatchObject({
    outcome: 'passed',
  })
})

test('a claim of private training is its author’s, and signed', async () => {
  const claim = await makeClaim({})
  expect(await judge(identity, { ...arrival, claim })).toMatchObject({ outcome: 'passed' })
  expect(await judge(identity, { ...arrival, claim: await makeClaim({}, OTHER) })).toMatchObject({
    code: 'AUTHOR_MISMATCH',
  })
  const forged = { ...claim, signature: (await makeClaim({ steps: 1 })).signature }
  expect(await judge(identity, { ...arrival, claim: forged })).toMatchObject({ code: 'SIGNATURE_INVALID' })
})
