// Whose turn it is: the one among those who wait who was served longest ago, first among owners (whoever asks), then among the
// owner's items. Somebody who had nothing to ask for meanwhile is not behind those who had.

export interface Turns<Item> {
  /** An item that may come to wait. What its owner was served is remembered beyond its leaving. */
  join(item: Item): void
  leave(item: Item): void
  wait(item: Item): void
  /** It had its turn, and waits (`again`) for another. */
  serve(item: Item, again: boolean): void
  next(): Item | undefined
  /** All who wait, in the order of their turns if nobody else came. */
  order(): Item[]
}

interface Owner<Item> {
  /** Grows with every turn; 0 before the first. */
  served: number
  readonly items: Map<Item, { served: number; waits: boolean }>
}

/** Owners without items that are remembered. */
const MOST_PAST = 256

export function createTurns<Item>(ownerOf: (item: Item) => string): Turns<Item> {
  const owners = new Map<string, Owner<Item>>()
  let turn = 0

  const placeOf = (item: Item) => {
    const owner = owners.get(ownerOf(item))
    const place = owner?.items.get(item)
    return owner && place && { owner, place }
  }

  function order(): Item[] {
    const queues = [...owners.values()]
      .sort((a, b) => a.served - b.served)
      .map(({ items }) => {
        const waiting = [...items].filter(([, { waits }]) => waits)
        return waiting.sort(([, a], [, b]) => a.served - b.served).map(([item]) => item)
      })
    const rounds = Math.max(0, ...queues.map((queue) => queue.length))
    return Array.from({ length: rounds }, (_, round) => queues.flatMap((queue) => queue.slice(round, round + 1))).flat()
  }

  return {
    join(item) {
      const owner = owners.get(ownerOf(item)) ?? { served: 0, items: new Map() }
      owner.items.set(item, { served: 0, waits: false })
      owners.set(ownerOf(item), owner)
    },
    leave(item) {
      owners.get(ownerOf(item))?.items.delete(item)
      const past = [...owners].filter(([, { items }]) => items.size === 0)
      const oldest = past.sort(([, a], [, b]) => a.served - b.served)[0]
      if (oldest && past.length > MOST_PAST) owners.delete(oldest[0])
    },
    wait(item) {
      const found = placeOf(item)
      if (found) found.place.waits = true
    },
    serve(item, again) {
      const found = placeOf(item)
      if (!found) return
      found.owner.served = found.place.served = ++turn
      found.place.waits = again
    },
    next: () => order()[0],
    order,
  }
}
