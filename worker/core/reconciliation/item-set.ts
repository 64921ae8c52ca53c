// A set of 32-byte ids in the order of a number each (a time, say) and then of the id itself. Keeps running sums of the ids, so
// that the fingerprint of any range costs one hash, however many items lie in it.

import { CentramError } from '../errors.ts'
import { compareBytes, equalBytes } from '../crypto/bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import { encodeVarint } from './frame-bytes.ts'

export const ID_BYTES = 32
export const FINGERPRINT_BYTES = 16
const ID_WORDS = ID_BYTES / 4
const FIRST_CAPACITY = 64

export interface Item {
  /** From 0 to 2⁵³ − 1. */
  readonly key: number
  readonly id: Uint8Array
}

/** A place between items: before it lie the smaller keys and, of its own key, the ids that are smaller than `prefix`. */
export interface Bound {
  /** Infinity for the end of everything. */
  readonly key: number
  /** The rest of the id counts as zeros. */
  readonly prefix: Uint8Array
}

export interface ItemSet {
  readonly size: number
  /** False when it is there already. Cheap near the end of the order; anywhere else whatever comes after is moved. */
  add(item: Item): boolean
  /** False when it is not there. */
  remove(item: Item): boolean
  keyAt(index: number): number
  /** A view; copy what is kept. */
  idAt(index: number): Uint8Array
  /** How many items lie before `bound`. */
  rank(bound: Bound): number
  /** Of the items from `from` to `to`, the latter not included; of all, where neither is said. As in negentropy, version 1. */
  fingerprint(from?: number, to?: number): Uint8Array
  /** A copy of all ids, one after the other, as little-endian words. */
  copyIds(): Uint32Array
}

export function createItemSet(items: Iterable<Item> = []): ItemSet {
  let size = 0
  let keys = new Float64Array(FIRST_CAPACITY)
  let ids = new Uint8Array(FIRST_CAPACITY * ID_BYTES)
  /** Of the first `i` ids, modulo 2²⁵⁶, at word 8 · i. */
  let sums = new Uint32Array((FIRST_CAPACITY + 1) * ID_WORDS)

  const grow = (): void => {
    const wider = new Float64Array(2 * keys.length)
    wider.set(keys)
    keys = wider
    const longer = new Uint8Array(2 * ids.length)
    longer.set(ids)
    ids = longer
    const more = new Uint32Array((keys.length + 1) * ID_WORDS)
    more.set(sums)
    sums = more
  }

  const isBefore = (index: number, { key, prefix }: Bound): boolean => {
    const own = keys[index] as number
    if (own !== key) return own < key
    const start = index * ID_BYTES
    for (let i = 0; i < prefix.length; i++) {
      const difference = (ids[start + i] as number) - (prefix[i] as number)
      if (difference !== 0) return difference < 0
    }
    return false
  }

  const rank = (bound: Bound): number => {
    // Most items come in order: look at the last one first.
    if (size === 0 || isBefore(size - 1, bound)) return size
    let low = 0
    let high = size - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isBefore(middle, bound)) low = middle + 1
      else high = middle
    }
    return low
  }

  const idAt = (index: number): Uint8Array => ids.subarray(index * ID_BYTES, (index + 1) * ID_BYTES)

  const isAt = (index: number, { key, id }: Item): boolean =>
    index < size && keys[index] === key && equalBytes(idAt(index), id)

  const addUp = (from: number): void => {
    for (let i = from; i < size; i++) {
      let carry = 0
      for (let word = 0; word < ID_WORDS; word++) {
        const sum = (sums[i * ID_WORDS + word] as number) + readWord(ids, i * ID_BYTES + 4 * word) + carry
        sums[(i + 1) * ID_WORDS + word] = sum
        carry = sum > 0xffff_ffff ? 1 : 0
      }
    }
  }

  const insert = (item: Item): number | null => {
    checkItem(item)
    const { key, id } = item
    const index = rank({ key, prefix: id })
    if (isAt(index, item)) return null
    if (size === keys.length) grow()
    if (index < size) {
      keys.copyWithin(index + 1, index, size)
      ids.copyWithin((index + 1) * ID_BYTES, index * ID_BYTES, size * ID_BYTES)
    }
    keys[index] = key
    ids.set(id, index * ID_BYTES)
    size++
    return index
  }

  // Where many come at once, each is the last one so far, and the sums are made once.
  for (const item of [...items].sort(compareItems)) insert(item)
  addUp(0)

  return {
    get size() {
      return size
    },
    add(item) {
      const index = insert(item)
      if (index === null) return false
      addUp(index)
      return true
    },
    remove(item) {
      const index = rank({ key: item.key, prefix: item.id })
      if (!isAt(index, item)) return false
      keys.copyWithin(index, index + 1, size)
      ids.copyWithin(index * ID_BYTES, (index + 1) * ID_BYTES, size * ID_BYTES)
      size--
      addUp(index)
      return true
    },
    keyAt: (index) => keys[index] as number,
    idAt,
    rank,
    fingerprint(from = 0, to = size) {
      const sum = new Uint8Array(ID_BYTES)
      const view = new DataView(sum.buffer)
      let borrow = 0
      for (let word = 0; word < ID_WORDS; word++) {
        const difference = (sums[to * ID_WORDS + word] as number) - (sums[from * ID_WORDS + word] as number) - borrow
        view.setUint32(4 * word, difference, true)
        borrow = difference < 0 ? 1 : 0
      }
      return sha256(sum, encodeVarint(to - from)).subarray(0, FINGERPRINT_BYTES)
    },
    copyIds() {
      const words = new Uint32Array(size * ID_WORDS)
      for (let i = 0; i < words.length; i++) words[i] = readWord(ids, 4 * i)
      return words
    },
  }
}

function checkItem({ key, id }: Item): void {
  if (id.length !== ID_BYTES || !Number.isSafeInteger(key) || key < 0) {
    throw new CentramError('BAD_ARGUMENT', 'An item has an id of 32 bytes and a whole number that is not negative.')
  }
}

function compareItems(a: Item, b: Item): number {
  return a.key - b.key || compareBytes(a.id, b.id)
}

function readWord(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  )
}
