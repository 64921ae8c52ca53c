// Objects inside bodies: one encoding, one kind of signature, and rules over several of their fields.

import { beforeAll, describe, expect, it } from 'vitest'
import { decodeCanonical, encodeCanonical } from '#core/crypto/canonical.ts'
import { createVerifier, type Verifier } from '#core/crypto/identity.ts'
import { prepareMessage } from '#core/protocol/codec.ts'
import { GATE_VERDICT } from '#core/protocol/messages/gate.ts'
import { ROYALTY_STATEMENT, TRANSFER } from '#core/protocol/messages/ledger.ts'
import { LOG_HEAD } from '#core/protocol/messages/proof.ts'
import { MESSAGES, OBJECTS, type BodyOf } from '#core/protocol/registry.ts'
import {
  encodeObject,
  readObject,
  signObject,
  verifyObject,
  type ObjectDefinition,
  type ObjectOf,
} from '#core/protocol/signed-object.ts'
import { SAMPLES } from '../../vectors/protocol/samples.ts'
import { importSigner, refusal } from './frame-tools.ts'

const code = (work: () => unknown) => refusal(Promise.resolve().then(work))

let verify: Verifier
beforeAll(async () => {
  verify = await createVerifier(globalThis.crypto.subtle)
})

/** All byte strings of the samples, however deep they lie. */
function byteStrings(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value]
  if (ArrayBuffer.isView(value) || typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(byteStrings)
}
const BYTES = MESSAGES.flatMap(({ name }) => SAMPLES[name].flatMap((sample) => byteStrings(sample.body)))

function sampleOf(definition: ObjectDefinition): Uint8Array {
  const found = BYTES.find((bytes) => {
    try {
      readObject(definition, bytes)
      return true
    } catch {
      return false
    }
  })
  if (found === undefined) throw new Error(`no sample carries a ${definition.name}`)
  return found
}

/** The sample's value, changed. */
function change<Definition extends ObjectDefinition>(
  definition: Definition,
  changes: Partial<ObjectOf<Definition>>,
): ObjectOf<Definition> {
  const value = readObject(definition, sampleOf(definition)) as object
  return { ...value, ...changes } as ObjectOf<Definition>
}

describe.each(OBJECTS.map((definition) => [definition.name, definition] as const))('%s', (_name, definition) => {
  it('is read back to the same bytes, and in no other form', async () => {
    const bytes = sampleOf(definition)
    const value = readObject(definition, bytes) as Readonly<Record<string, unknown>>
    expect(encodeObject(definition, value)).toEqual(new Uint8Array(bytes))
    const bad: Uint8Array[] = [
      new Uint8Array([...bytes, 0]),
      bytes.subarray(0, -1),
      new Uint8Array(definition.maxBytes + 1),
      encodeCanonical({ ...(decodeCanonical(bytes) as object), zzz: 1 }),
      encodeCanonical([value]),
      ...Object.keys(value).map((key) => encodeCanonical({ ...value, [key]: { x: 1 } })),
    ]
    for (const other of bad) expect(await code(() => readObject(definition, other))).toBe('FRAME_INVALID')
    expect(await code(() => encodeObject(definition, { ...value, zzz: 1 }))).toBe('BAD_ARGUMENT')
  })

  it('carries signatures that count for nothing else', async () => {
    const signer = await importSigner()
    const bytes = sampleOf(definition)
    const signature = await signObject(definition, bytes, signer)
    expect(await verifyObject(definition, bytes, signer.publicKey, signature, verify)).toBe(true)
    const other = OBJECTS[(OBJECTS.indexOf(definition) + 1) % OBJECTS.length] as ObjectDefinition
    expect(await verifyObject(other, bytes, signer.publicKey, signature, verify)).toBe(false)
    expect(await verify(signer.publicKey, bytes, signature)).toBe(false)
  })
})

describe('rules over several fields', () => {
  it('takes as a fork only two heads of one author at one place that differ', async () => {
    const signature = new Uint8Array(64)
    const head = (changes: Partial<ObjectOf<typeof LOG_HEAD>>) => ({
      head: encodeObject(LOG_HEAD, change(LOG_HEAD, changes)),
      signature,
    })
    const fork = (second: BodyOf<'PROOF_FORK'>['second']) =>
      code(() => prepareMessage('PROOF_FORK', { first: head({}), second }, undefined))
    const entry = new Uint8Array(32).fill(0xee)
    expect(await fork(head({ entry }))).toBe('accepted')
    expect(await fork(head({}))).toBe('BAD_ARGUMENT')
    // Signed again at another time, the same tip is no fork.
    expect(await fork(head({ at: 1 }))).toBe('BAD_ARGUMENT')
    expect(await fork(head({ entry, sequence: 42 }))).toBe('BAD_ARGUMENT')
    expect(await fork(head({ entry, author: entry }))).toBe('BAD_ARGUMENT')
  })

  it('refuses a payment to oneself, of nothing, of a part, or beyond what numbers hold', async () => {
    const transfer = (changes: Partial<ObjectOf<typeof TRANSFER>>) =>
      code(() => encodeObject(TRANSFER, change(TRANSFER, changes)))
    expect(await transfer({})).toBe('accepted')
    expect(await transfer({ payee: change(TRANSFER, {}).payer })).toBe('BAD_ARGUMENT')
    for (const amount of [0, -1, 0.5, 2 ** 53]) expect(await transfer({ amount })).toBe('BAD_ARGUMENT')
  })

  it('refuses a period that ends before it begins', async () => {
    const statement = (period: { from: number; to: number }) =>
      code(() => encodeObject(ROYALTY_STATEMENT, change(ROYALTY_STATEMENT, { period })))
    expect(await statement({ from: 1, to: 2 })).toBe('accepted')
    expect(await statement({ from: 2, to: 2 })).toBe('BAD_ARGUMENT')
  })

  it('wants a code for each of the ten layers', async () => {
    const { codes } = change(GATE_VERDICT, {})
    expect(codes).toHaveLength(10)
    for (const other of [codes.slice(1), [...codes, ...codes.slice(0, 1)]]) {
      expect(await code(() => encodeObject(GATE_VERDICT, change(GATE_VERDICT, { codes: other })))).toBe('BAD_ARGUMENT')
    }
  })
})
