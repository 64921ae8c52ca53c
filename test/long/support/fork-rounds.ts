// A room in which one node shows two logs, in rounds. In a round every honest node sends each of its links what was new to it in
// the round before: heads of logs that are newer than those it had, and proofs of forks. What it takes and passes on is decided by
// the product's rules for heads, proofs and standings. The one who forks shows one log to some and another to others, goes on with
// both, and has accomplices, who pass nothing on, accuse honest nodes and bring heads of strangers.

import type { ForkProof } from '#core/ledger/fork.ts'
import { authorRefusal, freeze, type Standings } from '#core/ledger/standing.ts'
import { NO_KEY_HISTORY } from '#core/protocol/key-history.ts'
import type { Dice } from '../../simulation/random.ts'
import type { Author, Evidence, Rules, ShownHead } from './fork-evidence.ts'

export interface ForkRun {
  readonly honest: number
  readonly hostile: number
  /** From when both logs have been shown to honest nodes until all honest nodes have frozen who shows them. */
  readonly rounds: number
  /** Honest authors that some honest node froze. */
  readonly wronglyFrozen: number
  /** Heads of strangers, or of the frozen one by who had frozen it, that an honest node kept or passed on. */
  readonly spreadWrongly: number
  /** Heads of honest authors that some honest node did not get to know. */
  readonly lost: number
}

type Message = { readonly head: ShownHead } | { readonly proof: ForkProof }

interface HonestNode {
  readonly author: Author
  readonly links: Set<number>
  standings: Standings
  readonly heads: Map<string, ShownHead>
  /** To be sent to every link in the next round. */
  fresh: Message[]
  /** To one link only. */
  replies: { readonly to: number; readonly message: Message }[]
}

/** Of a node: it looks for so many in a run, and has at most as many as the product lets it have. */
const LINKS = { least: 4, most: 6 }
const MAX_LINKS = 15
/** Honest nodes that go on writing. */
const WRITERS = 4
const ROUNDS = 24
/** After it nothing new is shown. */
const LAST_SHOWN = 6

export function runFork(world: Evidence, rules: Rules, dice: Dice): ForkRun {
  // Most rooms are small.
  const size = 5 + Math.floor(36 * dice.next() ** 2)
  const hostile = dice.whole(1, Math.floor(size / 2))
  const honest = size - hostile
  const liar = dice.pick(world.equivocators)
  const standings: Standings = {
    known: new Set([...world.authors.slice(0, honest).map(({ name }) => name), liar.name]),
    frozen: new Map(),
  }
  const nodes: HonestNode[] = world.authors.slice(0, honest).map((author) => ({
    author,
    links: new Set(),
    standings,
    heads: new Map(),
    fresh: [],
    replies: [],
  }))
  const hostileLinks = linkUp(dice, nodes, hostile)
  const strangers = new Set(world.strangers.map(({ name }) => name))
  let spreadWrongly = 0

  /** The rule for an author's standing is pure too, and most nodes stand alike. */
  const refused = new Map<Standings, Map<string, boolean>>()
  function isRefused(standings: Standings, { author, key }: ShownHead): boolean {
    const asked = refused.get(standings) ?? new Map<string, boolean>()
    refused.set(standings, asked)
    const known = asked.get(author) ?? authorRefusal(standings, NO_KEY_HISTORY, key) !== null
    asked.set(author, known)
    return known
  }

  function receive(node: HonestNode, from: number | null, message: Message): void {
    if ('proof' in message) return accept(node, message.proof)
    const { head } = message
    if (!rules.isHead(head)) return
    const known = node.heads.get(head.author)
    const fork = known ? rules.prove(known, head) : null
    if (known && known.sequence >= head.sequence && !fork) return
    const proof = node.standings.frozen.get(head.author)
    // Who still shows it has not heard.
    if (proof && from !== null) node.replies.push({ to: from, message: { proof } })
    if (isRefused(node.standings, head)) return
    if (fork) return accept(node, fork)
    node.heads.set(head.author, head)
    if (strangers.has(head.author) || node.standings.frozen.has(head.author)) spreadWrongly++
    node.fresh.push(message)
  }

  function accept(node: HonestNode, proof: ForkProof): void {
    const author = rules.accused(proof)
    if (author === null || node.standings.frozen.has(author)) return
    node.standings = freeze(node.standings, proof)
    // What was new of it a moment ago is passed on no more.
    node.fresh = node.fresh.filter((message) => !('head' in message) || message.head.author !== author)
    node.fresh.push({ proof })
  }

  const shown = [false, false]
  const targets = hostileLinks.flat()
  /** Each log to at least one honest node, in its own round; more of both to anyone later. */
  const first = [dice.whole(0, LAST_SHOWN), dice.whole(0, LAST_SHOWN)]
  let bothShown = Infinity
  let allFrozen = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const sent = nodes.map(({ fresh }) => fresh)
    const replies = nodes.map((node) => node.replies)
    for (const node of nodes) {
      node.fresh = []
      node.replies = []
    }
    for (const [index, messages] of sent.entries()) {
      for (const to of nodes[index]!.links) {
        for (const message of messages) receive(nodes[to]!, index, message)
      }
      for (const { to, message } of replies[index]!) receive(nodes[to]!, index, message)
    }
    for (const [branch, heads] of liar.branches.entries()) {
      if (round < first[branch]!) continue
      for (const target of targets) {
        const chosen = (round === first[branch] && target === targets[branch % targets.length]) || dice.chance(0.1)
        if (!chosen || round > LAST_SHOWN) continue
        receive(nodes[target]!, null, { head: dice.pick(heads) })
        shown[branch] = true
      }
    }
    for (const target of targets) {
      if (round > LAST_SHOWN || !dice.chance(0.3)) continue
      const about = dice.whole(0, honest - 1)
      const lies: Message[] = [
        { proof: dice.pick(world.accusations[about]!) },
        { head: dice.pick(dice.pick(world.strangers).heads) },
        { head: dice.pick(world.authors[about]!.heads.slice(0, 2)) },
      ]
      receive(nodes[target]!, null, dice.pick(lies))
    }
    for (const node of nodes.slice(0, WRITERS)) {
      const mine = node.heads.get(node.author.name)?.sequence ?? -1
      const next = node.author.heads[mine + 1]
      if (next && round <= LAST_SHOWN && dice.chance(0.4)) receive(node, null, { head: next })
    }
    if (shown[0] && shown[1]) bothShown = Math.min(bothShown, round)
    if (nodes.every((node) => node.standings.frozen.has(liar.name))) allFrozen = Math.min(allFrozen, round)
    if (round > LAST_SHOWN && nodes.every(({ fresh, replies: left }) => fresh.length + left.length === 0)) break
  }
  const frozen = new Set(nodes.flatMap((node) => [...node.standings.frozen.keys()]))
  frozen.delete(liar.name)
  const lost = nodes.filter(({ author }) => {
    const written = author.heads[nodes.find((node) => node.author === author)!.heads.get(author.name)?.sequence ?? -1]
    return written && nodes.some((node) => node.heads.get(author.name)?.sequence !== written.sequence)
  })
  return {
    honest,
    hostile,
    rounds: allFrozen - bothShown,
    wronglyFrozen: frozen.size,
    spreadWrongly,
    lost: lost.length,
  }
}

/**
 * Each node looks for links, honest or not; honest nodes that would be left apart find one more. Returns whom each hostile node
 * is linked to.
 */
function linkUp(dice: Dice, nodes: readonly HonestNode[], hostile: number): number[][] {
  const wished = dice.whole(LINKS.least, LINKS.most)
  const hostileLinks = Array.from({ length: hostile }, () => new Set<number>())
  const size = nodes.length + hostile
  const linksOf = (index: number) => nodes[index]?.links ?? hostileLinks[index - nodes.length]!
  const counts = new Array<number>(size).fill(0)
  const link = (a: number, b: number): void => {
    if (a === b) return
    if (a >= nodes.length && b >= nodes.length) return
    if (a < nodes.length && b < nodes.length) {
      if (nodes[a]!.links.has(b)) return
      nodes[a]!.links.add(b)
      nodes[b]!.links.add(a)
    } else {
      const [good, bad] = a < b ? [a, b] : [b, a]
      if (linksOf(bad).has(good)) return
      linksOf(bad).add(good)
    }
    counts[a]!++
    counts[b]!++
  }
  for (let index = 0; index < size; index++) {
    for (let tries = 0; tries < 2 * wished && counts[index]! < Math.min(wished, size - 1); tries++) {
      const other = dice.whole(0, size - 1)
      if (counts[other]! < MAX_LINKS) link(index, other)
    }
  }
  for (const links of hostileLinks) if (links.size === 0) links.add(dice.whole(0, nodes.length - 1))
  for (let apart = unreached(nodes); apart.length > 0; apart = unreached(nodes)) link(0, apart[0]!)
  return hostileLinks.map((links) => [...links])
}

/** Honest nodes that no path of honest links joins to the first one. */
function unreached(nodes: readonly HonestNode[]): number[] {
  const reached = new Set([0])
  for (const index of reached) for (const other of nodes[index]!.links) reached.add(other)
  return nodes.map((_, index) => index).filter((index) => !reached.has(index))
}
