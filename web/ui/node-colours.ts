// One colour a node, the same on every page, and on every device as far as the colours reach.

/** Those an id may ask for, and all there are: the last ones only fill in. */
const FAVOURED = 6
const COLOURS = 8
const taken = new Map<string, number>()

/** CSS colour of a node: the one its id asks for, else the next that no node met so far has. */
export function nodeColour(id: string): string {
  let slot = taken.get(id)
  if (slot === undefined) {
    const wanted = Number.parseInt(id.slice(0, 2), 16) % FAVOURED || 0
    const used = new Set(taken.values())
    slot = wanted
    for (let step = 0; step < COLOURS && used.has(slot); step++) slot = (wanted + step + 1) % COLOURS
    taken.set(id, slot)
  }
  return `var(--node-${slot})`
}
