// A room of 64 honest nodes and some hostile ones whose network heals after it fell apart, in rounds. In a round each two linked
// nodes compare their sets once, as both stood when the round began; either sends what the other lacks, and what arrives is taken
// at the end of the round: if its bytes have the hash that names them, and if the product's rules let its author count. Proofs of
// forks go over each link once. Hostile nodes offer entries of strangers and of the frozen author, and bytes that are not what
// they are called.

import { createHash } from 'node:crypto'
import { toHex } from '#core/crypto/bytes.ts'
import type { ForkProof } from '#core/ledger/fork.ts'
import { authorRefusal, freeze, type Standings } from '#core/ledger/standing.ts'
import { GOSSIP_PARAMETERS } from '#core/gossip/parameters.ts'
import { NO_KEY_HISTORY } from '#core/protocol/key-history.ts'
import { chooseMethod } from '#core/reconciliation/choose-method.ts'
import { createItemSet, type ItemSet } from '#core/reconciliation/item-set.ts'
import { compare } from '../../core/reconciliation/sets.ts'
import type { Dice } from '../../simulation/random.ts'

export interface Healing {
  readonly groups: number
  /** Entries that each honest node has in the end. */
  readonly entries: number
  /** After which all honest nodes have the same bytes, and all that any of them had of authors that count; null if never. */
  readonly rounds: number | null
  /** Entries of strangers, of the frozen author or under a wrong name that an honest node has in the end. */
  readonly wrong: number
  /** Of all comparisons, with those of sets that were found to be the same by their fingerprints. */
  readonly comparisons: number
  readonly bytes: number
}

interface Entry {
  readonly id: Uint8Array
  readonly name: string
  readonly at: number
  readonly author: Uint8Array
  readonly bytes: Uint8Array
}

interface Node {
  standings: Standings
  readonly set: ItemSet
  readonly entries: Map<string, Entry>
  readonly hostile: boolean
  freshProof: ForkProof | null
}

const HONEST = 64
const HOSTILE = 4
const LAST_ROUND = 6

export interface HealingWorld {
  /** Whom the proof freezes. */
  readonly liar: Uint8Array
  readonly proof: ForkProof
}

export function runHealing({ liar, proof }: HealingWorld, dice: Dice): Healing {
  const groups = dice.whole(2, 4)
  const authors = Array.from({ length: HONEST }, () => dice.bytes(32))
  const stranger = dice.bytes(32)
  const known = new Set([...authors, liar].map(toHex))
  const nodes: Node[] = Array.from({ length: HONEST + HOSTILE }, (_, index) => ({
    standings: { known, frozen: new Map() },
    set: createItemSet(),
    entries: new Map(),
    hostile: index >= HONEST,
    freshProof: null,
  }))
  let clock = 1_700_000_000_000
  const write = (author: Uint8Array, holders: readonly Node[], real = true): void => {
    clock += dice.whole(0, 1000)
    const bytes = dice.bytes(dice.whole(40, 80))
    const id = real ? hashOf(bytes) : dice.bytes(32)
    const entry = { id, name: toHex(id), at: clock, author, bytes }
    for (const holder of holders) put(holder, entry)
  }
  const honest = nodes.slice(0, HONEST)
  const group = (number: number) => honest.filter((_, index) => index % groups === number)

  for (let left = 150; left > 0; left--) write(dice.pick(authors), honest)
  for (let left = 8; left > 0; left--) write(liar, honest)
  // Apart, each group goes on; what the last moments brought one node alone has.
  for (let number = 0; number < groups; number++) {
    for (let left = dice.whole(20, 60); left > 0; left--) write(dice.pick(authors), group(number))
    for (let left = number === 0 ? 0 : 10; left > 0; left--) write(liar, group(number))
  }
  for (const [index, node] of honest.entries()) if (index % 4 === 0) write(authors[index]!, [node])
  // One group has seen both logs of the liar.
  for (const node of group(0)) takeProof(node, proof)
  const expected = new Map<string, Entry>()
  for (const node of honest)
    for (const [name, entry] of node.entries) if (entry.author !== liar) expected.set(name, entry)

  for (const node of nodes.slice(HONEST)) {
    for (let left = 10; left > 0; left--) write(dice.pick([stranger, liar]), [node])
    for (let left = 3; left > 0; left--) {
      write(dice.pick(authors), [node], false)
      put(node, { ...dice.pick([...expected.values()]), bytes: dice.bytes(50) })
    }
  }
  const goal = contentsOf({
    entries: expected,
    set: createItemSet([...expected.values()].map(({ id, at: key }) => ({ key, id }))),
  })
  const links = linkUp(dice, nodes.length)
  let [comparisons, bytes, rounds] = [0, 0, null as number | null]
  for (let round = 1; round <= LAST_ROUND && rounds === null; round++) {
    const fingerprints = nodes.map(({ set }) => toHex(set.fingerprint()))
    const proofs = nodes.map(({ freshProof }) => freshProof)
    const arrivals = new Map(nodes.map((node) => [node, new Set<Entry>()]))
    const send = (to: Node, from: Node, ids: readonly Uint8Array[]) => {
      for (const name of ids.map(toHex)) arrivals.get(to)!.add(from.entries.get(name)!)
    }
    for (const [a, b] of links) {
      comparisons++
      if (fingerprints[a] === fingerprints[b]) continue
      const [one, other] = [nodes[a]!, nodes[b]!]
      const method = chooseMethod({ size: one.set.size, otherSize: other.set.size, expected: null })
      const { have, need, bytes: sent } = compare(dice, one.set, other.set, { method })
      bytes += sent
      send(other, one, have)
      send(one, other, need)
    }
    for (const node of honest) for (const entry of arrivals.get(node)!) take(node, entry)
    for (const node of nodes) node.freshProof = null
    for (const [a, b] of links.flatMap(([x, y]) => [[x, y] as const, [y, x] as const])) {
      if (proofs[a] && !nodes[b]!.hostile) takeProof(nodes[b]!, proofs[a])
    }
    if (honest.every((node) => contentsOf(node) === goal)) rounds = round
  }
  const wrong = honest.flatMap((node) => [...node.entries.keys()]).filter((name) => !expected.has(name)).length
  return { groups, entries: expected.size, rounds, wrong, comparisons, bytes }
}

/** All bytes of a node's entries in their order, as a hash. */
function contentsOf({ set, entries }: Pick<Node, 'set' | 'entries'>): string {
  const hash = createHash('sha256')
  for (let index = 0; index < set.size; index++) hash.update(entries.get(toHex(set.idAt(index)))!.bytes)
  return hash.digest('hex')
}

/** What arrived: nothing that its name does not fit, and nothing of authors that do not count. */
function take(node: Node, entry: Entry): void {
  if (node.entries.has(entry.name) || toHex(hashOf(entry.bytes)) !== entry.name) return
  if (authorRefusal(node.standings, NO_KEY_HISTORY, entry.author)) return
  put(node, entry)
}

function put(node: Node, entry: Entry): void {
  node.entries.set(entry.name, entry)
  node.set.add({ key: entry.at, id: entry.id })
}

/** Freezes its author, of whom nothing is kept, and hands the proof on. It was verified when it was made (`fork-evidence.ts`). */
function takeProof(node: Node, proof: ForkProof): void {
  const standings = freeze(node.standings, proof)
  if (standings === node.standings) return
  node.standings = standings
  node.freshProof = proof
  for (const entry of [...node.entries.values()]) {
    if (!authorRefusal(standings, NO_KEY_HISTORY, entry.author)) continue
    node.entries.delete(entry.name)
    node.set.remove({ key: entry.at, id: entry.id })
  }
}

/** Each node looks for as many links as it wishes for in its mesh. */
function linkUp(dice: Dice, size: number): readonly (readonly [number, number])[] {
  const links = new Map<number, readonly [number, number]>()
  for (let index = 0; index < size; index++) {
    for (let chosen = 0; chosen < GOSSIP_PARAMETERS.mesh.wished;) {
      const other = dice.whole(0, size - 1)
      if (other === index) continue
      const [a, b] = index < other ? [index, other] : [other, index]
      if (!links.has(a * size + b)) links.set(a * size + b, [a, b])
      chosen++
    }
  }
  return [...links.values()]
}

function hashOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}
