// Finds the place of an item by its short name of 64 bits: open addressing, at most half full. Names are keyed hashes, so that
// nobody can pile them up in one slot.

export type NameIndex = (low: number, high: number) => number | null

/** `names` in two halves each. */
export function indexNames(names: Uint32Array): NameIndex {
  const size = names.length / 2
  const mask = 2 ** Math.ceil(Math.log2(2 * size + 2)) - 1
  /** Place of an item plus one; 0 where nothing is. */
  const slots = new Int32Array(mask + 1)
  for (let item = 0; item < size; item++) {
    let slot = (names[2 * item] as number) & mask
    while (slots[slot] !== 0) slot = (slot + 1) & mask
    slots[slot] = item + 1
  }
  return (low, high) => {
    for (let slot = low & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const item = (slots[slot] as number) - 1
      if (names[2 * item] === low && names[2 * item + 1] === high) return item
    }
    return null
  }
}
