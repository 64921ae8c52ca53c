// The fields that messages are made of. Every text, list and number has a bound.

import { z } from 'zod/mini'

/** Exactly `length` bytes. */
export function bytes(length: number) {
  return z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === length)
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
/** A finite number that is not negative: bytes a second, milliseconds, shares. */
export const amount = z.number().check(z.gte(0))

export function list<Item extends z.core.$ZodType>(item: Item, length: number) {
  return z.array(item).check(z.maxLength(length))
}

/** Ed25519 public key of a node. */
export const nodeKey = bytes(32)
/** 16 random bytes that name something: a link, a plan, an incarnation of a node, a room. */
export const id16 = bytes(16)
export const nonce = bytes(32)
/** What a node calls itself. */
export const displayName = text(64)
/** SHA-256 in lower-case hexadecimal. */
export const fingerprint = z.string().check(z.regex(/^[0-9a-f]{64}$/))
/** One of the project's error codes; unknown ones of newer versions pass. */
export const errorCodeField = z.string().check(z.regex(/^[A-Z][A-Z_]{0,39}$/))
