// Objects that outlive the frame that brought them: signed or named by their hash, kept, and shown to third parties. In a
// body they are byte strings that hold deterministic CBOR, so a signature is verified over the bytes as they came.

import { z } from 'zod/mini'
import { CentramError } from '#core/errors.ts'
import { decodeCanonical, encodeCanonical } from '../crypto/canonical.ts'
import { concatBytes, utf8 } from '../crypto/bytes.ts'
import type { Identity, Verifier } from '../crypto/identity.ts'
import { bytesWhere } from './fields.ts'

export interface ObjectDefinition<Schema extends z.core.$ZodType = z.core.$ZodType> {
  /** In the domain of its signatures: what was signed as one object never passes for another. */
  readonly name: string
  readonly schema: Schema
  /** Of its encoding. */
  readonly maxBytes: number
}

export type ObjectOf<Definition extends ObjectDefinition> = z.infer<Definition['schema']>

export function defineObject<Schema extends z.core.$ZodType>(
  definition: ObjectDefinition<Schema>,
): ObjectDefinition<Schema> {
  return definition
}

/** A field whose bytes are one valid encoded object. */
export function objectField(definition: ObjectDefinition) {
  return bytesWhere({ min: 1, max: definition.maxBytes, holds: definition.name }, (bytes) => {
    try {
      readObject(definition, bytes)
      return true
    } catch {
      return false
    }
  })
}

/** The one encoding of `value`. Throws `BAD_ARGUMENT` when it is not as declared. */
export function encodeObject<Schema extends z.core.$ZodType>(
  definition: ObjectDefinition<Schema>,
  value: z.infer<Schema>,
): Uint8Array<ArrayBuffer> {
  const parsed = z.safeParse(definition.schema, value)
  if (!parsed.success) {
    throw new CentramError('BAD_ARGUMENT', `This is no ${definition.name}: ${z.prettifyError(parsed.error)}`)
  }
  const bytes = encodeCanonical(value)
  if (bytes.length > definition.maxBytes) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `A ${definition.name} of ${bytes.length} bytes is too large: at most ${definition.maxBytes} are allowed.`,
    )
  }
  return bytes
}

/** Total: throws `FRAME_INVALID` for anything but one valid object in its deterministic form. */
export function readObject<Schema extends z.core.$ZodType>(
  definition: ObjectDefinition<Schema>,
  bytes: Uint8Array,
): z.infer<Schema> {
  if (bytes.length > definition.maxBytes) throw invalid(definition, `it has ${bytes.length} bytes`)
  const parsed = z.safeParse(definition.schema, decodeCanonical(bytes))
  if (!parsed.success) throw invalid(definition, parsed.error.issues[0]?.message ?? 'it is not as declared')
  return parsed.data
}

/** Signs an encoded object under its domain. */
export function signObject(definition: ObjectDefinition, bytes: Uint8Array, identity: Identity): Promise<Uint8Array> {
  return identity.sign(domainBytes(definition, bytes))
}

/** Whether `signature` is `publicKey`'s under this object. */
export function verifyObject(
  definition: ObjectDefinition,
  bytes: Uint8Array,
  publicKey: Uint8Array,
  signature: Uint8Array,
  verify: Verifier,
): Promise<boolean> {
  return verify(publicKey, domainBytes(definition, bytes), signature)
}

function domainBytes(definition: ObjectDefinition, bytes: Uint8Array): Uint8Array {
  return concatBytes(utf8(`centram object ${definition.name} v1\n`), bytes)
}

function invalid(definition: ObjectDefinition, what: string): CentramError {
  return new CentramError('FRAME_INVALID', `A ${definition.name} was refused: ${what}.`)
}
