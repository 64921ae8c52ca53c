// Ways to damage a file so that it gets past the first check: bytes, integers where lengths and offsets stand, JSON by its
// places, text by pieces of its like.

import type { Dice } from '../simulation/random.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** What lengths, counts and offsets are replaced with, as 64 bits. */
const EXTREMES = [
  0n,
  1n,
  7n,
  255n,
  2n ** 16n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 33n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
]

/** One to four changes, most of them within the first `head` bytes. */
export function damageBytes(dice: Dice, original: Uint8Array, head = original.length): Uint8Array<ArrayBuffer> {
  let bytes = original.slice()
  for (let left = dice.whole(1, 4); left > 0 && bytes.length > 0; left--) {
    const at = dice.whole(0, Math.min(dice.chance(0.9) ? head : bytes.length, bytes.length) - 1)
    const length = dice.whole(1, 24)
    switch (dice.whole(0, 7)) {
      case 0:
        bytes[at] = bytes[at]! ^ (1 << dice.whole(0, 7))
        break
      case 1:
        bytes[at] = dice.whole(0, 255)
        break
      case 2:
        bytes = bytes.slice(0, at)
        break
      case 3:
      case 4: {
        const wide = dice.chance(0.5)
        const value = dice.chance(0.3) ? BigInt(bytes.length + dice.whole(-2, 2)) : dice.pick(EXTREMES)
        const place = dice.chance(0.7) ? at - (at % 4) : at
        if (place + (wide ? 8 : 4) > bytes.length) break
        const view = new DataView(bytes.buffer, bytes.byteOffset)
        if (wide) view.setBigUint64(place, BigInt.asUintN(64, value), true)
        else view.setUint32(place, Number(BigInt.asUintN(32, value)), true)
        break
      }
      case 5:
        bytes = joined(bytes.subarray(0, at), dice.bytes(length), bytes.subarray(at))
        break
      case 6:
        bytes = joined(bytes.subarray(0, at), bytes.subarray(at + length))
        break
      default: {
        const from = dice.whole(0, bytes.length - 1)
        bytes = joined(bytes.subarray(0, at), bytes.subarray(from, from + length), bytes.subarray(at))
      }
    }
  }
  return bytes
}

const REPLACEMENTS: readonly Json[] = [
  null,
  true,
  -1,
  0,
  1.5,
  2 ** 31,
  2 ** 53,
  1e300,
  '',
  ' ',
  'ByteLevel',
  'Unigram',
  'BPE',
  'F32',
  'llama',
  '(',
  '(a+)+$',
  '\\p{Nope}',
  '\ud800',
  '__proto__',
  [],
  [[]],
  [0, 2 ** 53],
  {},
  { type: 'Sequence' },
  { Regex: '[' },
  { Regex: '(x+x+)+y' },
]

/** Some places of a tree replaced, removed, doubled, nested or given each other's values. */
export function damageJson(dice: Dice, original: Json): Json {
  const tree = structuredClone(original)
  for (let left = dice.whole(1, 3); left > 0; left--) damageOnce(dice, tree)
  return tree
}

function damageOnce(dice: Dice, tree: Json): void {
  const place = pickPlace(dice, tree)
  if (place === null) return
  const { holder, key } = place
  const old = (holder as Record<string | number, Json>)[key] ?? null
  const set = (value: Json): void => {
    Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true })
  }
  switch (dice.whole(0, 6)) {
    case 0:
    case 1:
      return set(structuredClone(dice.pick(REPLACEMENTS)))
    case 2:
      if (Array.isArray(holder)) holder.splice(Number(key), 1)
      else Reflect.deleteProperty(holder, key)
      return
    case 3:
      if (typeof old === 'number') return set(old + dice.pick([-1, 1, 2 ** 20, -(2 ** 31)]))
      if (typeof old === 'string') return set(old + old)
      return set([old, structuredClone(old)])
    case 4: {
      let nested: Json = structuredClone(old)
      const deep = dice.pick([3, 40, 600])
      for (let i = 0; i < deep; i++) {
        nested = dice.pick<Json>([
          [nested],
          { type: 'Sequence', pretokenizers: [nested] },
          { type: 'Sequence', normalizers: [nested] },
        ])
      }
      return set(nested)
    }
    default: {
      const other = pickPlace(dice, tree)
      if (other) set(structuredClone((other.holder as Record<string | number, Json>)[other.key] ?? null))
    }
  }
}

/** A place on a random way down: tables with thousands of entries count as little as small ones. */
function pickPlace(dice: Dice, tree: Json): { holder: Json[] | { [key: string]: Json }; key: string | number } | null {
  let holder = tree
  for (let depth = 0; ; depth++) {
    if (typeof holder !== 'object' || holder === null) return null
    const keys = Array.isArray(holder) ? holder.map((_, index) => index) : Object.keys(holder)
    if (keys.length === 0) return null
    const key = dice.pick<string | number>(keys)
    const inner = (holder as Record<string | number, Json>)[key]
    if (typeof inner !== 'object' || inner === null || dice.chance(0.25) || depth > 12) return { holder, key }
    holder = inner
  }
}

/** Cuts, doublings and swaps at the borders of words, with pieces of `others` put in. */
export function damageText(dice: Dice, original: string, others: readonly string[]): string {
  let text = original
  for (let left = dice.whole(1, 4); left > 0; left--) {
    const at = dice.whole(0, text.length)
    const length = dice.whole(1, 40)
    switch (dice.whole(0, 4)) {
      case 0:
        text = text.slice(0, at) + text.slice(at + length)
        break
      case 1:
        text = text.slice(0, at) + text.slice(at, at + length).repeat(dice.whole(2, 5)) + text.slice(at)
        break
      case 2: {
        const other = dice.pick(others)
        const from = dice.whole(0, other.length)
        text = text.slice(0, at) + other.slice(from, from + length) + text.slice(at)
        break
      }
      case 3:
        text =
          text.slice(0, at) +
          dice.pick(['{%', '%}', '{{', '}}', '{#', '|', '-', '"', "'", '(', '[', '~', '*', '999999999', '\0']) +
          text.slice(at)
        break
      default:
        text = text.slice(0, at)
    }
  }
  return text
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
