// Deterministic CBOR (RFC 8949 §4.2.1): one value has one encoding, so what is signed or hashed cannot be said twice.
// Decoding is total: a scan bounds depth and item count and checks the whole structure before anything is allocated.

import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import { CentramError } from '#core/errors.ts'
import { compareBytes, equalBytes } from './bytes.ts'

/** Deepest nesting of arrays and maps. */
export const MAX_DEPTH = 8

/** Everything a body may hold. Numbers are integers within ±2^53 or finite floats. */
export type CanonicalValue =
  null | boolean | number | string | Uint8Array | readonly CanonicalValue[] | { readonly [key: string]: CanonicalValue }

/** `value` as deterministic CBOR; properties that are undefined are left out. */
export function encodeCanonical(value: unknown): Uint8Array<ArrayBuffer> {
  const bytes = encode(value, { ...rfc8949EncodeOptions, ignoreUndefinedProperties: true })
  // In Node.js it may be a Buffer, whose methods differ.
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** The value whose one encoding is `bytes`. Throws `FRAME_INVALID` for anything else. */
export function decodeCanonical(bytes: Uint8Array): CanonicalValue {
  const end = scan(bytes)
  if (end !== bytes.length) throw invalid(`${bytes.length - end} bytes follow the value`)
  let value: CanonicalValue
  try {
    value = decode(bytes, {
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowInfinity: false,
      allowNaN: false,
      allowBigInt: false,
      rejectDuplicateMapKeys: true,
    }) as CanonicalValue
  } catch (cause) {
    throw invalid('it is not well-formed CBOR', cause)
  }
  if (!equalBytes(encodeCanonical(value), bytes)) throw invalid('it is not in its deterministic form')
  return value
}

const UNSIGNED = 0
const NEGATIVE = 1
const BYTES = 2
const TEXT = 3
const ARRAY = 4
const MAP = 5
const SIMPLE = 7

/** Open containers of a scan: items still to come, and for maps the key before. */
interface Open {
  left: number
  readonly map: boolean
  lastKey: Uint8Array | null
}

/** Walks one value without building it and returns where it ends; throws `FRAME_INVALID`. */
function scan(bytes: Uint8Array): number {
  const open: Open[] = []
  let at = 0
  for (;;) {
    const start = at
    const initial = bytes[at++]
    if (initial === undefined) throw invalid('it ends in the middle')
    const major = initial >> 5
    const minor = initial & 31
    const parent = open.at(-1)
    const isKey = parent !== undefined && parent.map && parent.left % 2 === 0
    if (isKey && major !== TEXT) throw invalid('a map key is not text')

    let argument = minor
    if (minor >= 24) {
      const width = minor === 24 ? 1 : minor === 25 ? 2 : minor === 26 ? 4 : minor === 27 ? 8 : 0
      if (width === 0) throw invalid('it uses an indefinite length or a reserved encoding')
      if (at + width > bytes.length) throw invalid('it ends in the middle')
      argument = 0
      for (let i = 0; i < width; i++) argument = argument * 256 + (bytes[at++] as number)
    }
    const left = bytes.length - at
    let opened = false
    switch (major) {
      case UNSIGNED:
      case NEGATIVE:
        if (argument > Number.MAX_SAFE_INTEGER) throw invalid('an integer is beyond 2^53')
        break
      case BYTES:
      case TEXT:
        if (argument > left) throw invalid('a string is longer than what is left')
        at += argument
        break
      case ARRAY:
      case MAP: {
        const items = major === MAP ? argument * 2 : argument
        // Every item takes a byte at least, so a length beyond what is left cannot be true.
        if (items > left) throw invalid('a list is longer than what is left')
        if (items > 0) {
          if (open.length >= MAX_DEPTH) throw invalid(`it nests deeper than ${MAX_DEPTH}`)
          open.push({ left: items, map: major === MAP, lastKey: null })
          opened = true
        }
        break
      }
      case SIMPLE:
        if (minor === 25 || minor === 26 || minor === 27 || (minor >= 20 && minor <= 22)) break
        throw invalid('it holds a simple value other than true, false and null')
      default:
        throw invalid('it holds a tag')
    }
    if (isKey) {
      const key = bytes.subarray(start, at)
      if (parent.lastKey !== null) {
        const order = compareBytes(parent.lastKey, key)
        if (order === 0) throw invalid('a map key is there twice')
        if (order > 0) throw invalid('map keys are out of order')
      }
      parent.lastKey = key
    }
    if (opened) continue
    // The value is complete, and with it every container whose last item it was.
    for (;;) {
      const container = open.at(-1)
      if (container === undefined) return at
      container.left--
      if (container.left > 0) break
      open.pop()
    }
  }
}

function invalid(what: string, cause?: unknown): CentramError {
  return new CentramError('FRAME_INVALID', `A message body was refused: ${what}.`, { cause })
}
