// The fields that messages are made of. Every text, list, number and byte string has a bound.

import { z } from 'zod/mini'

/** What cannot be read off a schema of bytes: its lengths, and the name of the object it holds, if any. */
export interface ByteField {
  readonly min: number
  readonly max: number
  readonly holds?: string
}

/** For the documentation, and for the test that every body is bounded. */
export const byteFields = z.registry<ByteField>()

/** Bytes that `fits` accepts. Aborts, so that no rule over several fields ever sees anything else. */
export function bytesWhere(field: ByteField, fits: (value: Uint8Array) => boolean) {
  const holds = (value: unknown) =>
    value instanceof Uint8Array && value.length >= field.min && value.length <= field.max && fits(value)
  return z.custom<Uint8Array>(holds, { abort: true }).register(byteFields, field)
}

/** Exactly `length` bytes. */
export function bytes(length: number) {
  return bytesWhere({ min: length, max: length }, () => true)
}

/** At most `length` bytes. */
export function byteString(length: number) {
  return bytesWhere({ min: 0, max: length }, () => true)
}

/** Text of at most `length` UTF-16 units. */
export function text(length: number) {
  return z.string().check(z.maxLength(length))
}

/** A whole number from `low` to `high`, both included. */
export function integer(low: number, high: number) {
  return z.int().check(z.gte(low), z.lte(high))
}

export const u32 = integer(0, 0xffff_ffff)
export const count = integer(0, Number.MAX_SAFE_INTEGER)
/** A finite number. */
export const real = z.number()
/** A finite number that is not negative: bytes a second, milliseconds, losses. */
export const amount = z.number().check(z.gte(0))
/** A number from 0 to 1. */
export const share = z.number().check(z.gte(0), z.lte(1))
/** Whole CEN. */
export const cen = integer(0, Number.MAX_SAFE_INTEGER)
/** Milliseconds since 1970. */
export const timestamp = integer(0, Number.MAX_SAFE_INTEGER)

export function list<Item extends z.core.$ZodType>(item: Item, length: number) {
  return z.array(item).check(z.maxLength(length))
}

/** Exactly `length` items. */
export function tuple<Item extends z.core.$ZodType>(item: Item, length: number) {
  return z.array(item).check(z.length(length))
}

/** Ed25519 public key of a node. */
export const nodeKey = bytes(32)
/** 16 random bytes that name something: a link, a plan, an incarnation of a node, a room, a request. */
export const id16 = bytes(16)
export const nonce = bytes(32)
/** SHA-256: the id of whatever is named by its content. */
export const hash = bytes(32)
/** Ed25519. */
export const signature = bytes(64)
/** What a node calls itself. */
export const displayName = text(64)
/** SHA-256 in lower-case hexadecimal. */
export const fingerprint = z.string().check(z.regex(/^[0-9a-f]{64}$/))
/** One of the project's error codes; unknown ones of newer versions pass. */
export const errorCodeField = z.string().check(z.regex(/^[A-Z][A-Z_]{0,39}$/))
/** A refusal in words. */
export const reason = text(512)
