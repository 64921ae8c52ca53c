// Statements as a person can follow them: for each genome that was used, how what it earned goes to it and to its ancestors. A
// statement adds up the shares of all its genomes, so each pool is divided here once more, by the rule that everyone computes it by.

import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import type { GenomeOrigin, RoyaltyKnowledge, RoyaltyStatement } from '#core/ledger/royalties.ts'
import { generationsOf, splitOverLineage, USUAL_TERMS, type RoyaltyRule } from '#core/ledger/royalty-split.ts'
import { ROYALTY_TERMS } from '#core/protocol/messages/ledger.ts'
import { readObject } from '#core/protocol/signed-object.ts'
import type { RoyaltyMember, RoyaltyTree } from './wallet-api.ts'

export interface TreeSources {
  readonly knowledge: RoyaltyKnowledge
  /** Closed periods, by the hash of their statement. */
  readonly statements: Iterable<readonly [hash: string, statement: RoyaltyStatement]>
  /** What the period that runs comes to so far; null where nothing was earned in it. */
  readonly running: RoyaltyStatement | null
  readonly isSelf: (key: string) => boolean
  /** Whether the share of a statement was paid to its author; asked of payments of and to this node alone. */
  readonly isPaid: (hash: string, author: string) => boolean
  readonly genomeName: (id: string) => string | null
}

interface Sums {
  settled: number
  waiting: number
  running: number
}

interface Branch extends Sums {
  readonly generation: number
  readonly children: readonly string[]
  readonly author: string | null
}

interface Tree {
  readonly genome: string
  readonly payer: string
  rule: RoyaltyRule
  readonly branches: Map<string, Branch>
}

export function royaltyTrees(sources: TreeSources): readonly RoyaltyTree[] {
  const { knowledge, statements, running, isSelf, isPaid, genomeName } = sources
  const trees = new Map<string, Tree>()

  function add(statement: RoyaltyStatement, hash: string | null): void {
    const payer = toHex(statement.payer)
    const byThis = isSelf(payer)
    const lacking = new Set(statement.shares.flatMap(({ genome, author }) => (author === null ? toHex(genome) : [])))
    const originOf = (id: string): GenomeOrigin | null => (lacking.has(id) ? null : knowledge.originOf(id))
    for (const pool of statement.pools) {
      if (pool.amount === 0) continue
      const genome = toHex(pool.genome)
      const rule = ruleOf(knowledge, genome, pool.terms)
      const tree = treeOf(genome, byThis ? 'self' : payer, payer, rule)
      for (const { id, generation, children, amount } of branchesOf(genome, pool.amount, rule, originOf)) {
        const key = originOf(id)?.author ?? null
        const author = key && toHex(key)
        const branch = tree.branches.get(id) ?? { generation, children, author, settled: 0, waiting: 0, running: 0 }
        if (hash === null) branch.running += amount
        else {
          branch.settled += amount
          // Its own share stays with the payer; of what it pays to third nodes nothing is known here.
          const isKept = key !== null && knowledge.isSameNode(key, statement.payer)
          const isKnown = byThis || (author !== null && isSelf(author))
          if (!isKept && isKnown && (author === null || !isPaid(hash, author))) branch.waiting += amount
        }
        tree.branches.set(id, { ...branch, author, generation, children })
      }
    }
  }

  function treeOf(genome: string, place: string, payer: string, rule: RoyaltyRule): Tree {
    const name = `${place}/${genome}`
    const tree = trees.get(name) ?? { genome, payer, rule, branches: new Map<string, Branch>() }
    tree.rule = rule
    trees.set(name, tree)
    return tree
  }

  for (const [hash, statement] of statements) add(statement, hash)
  if (running) add(running, null)

  const named = (id: string) => ({ id, name: genomeName(id) })
  return [...trees.values()]
    .map(({ genome, payer, rule, branches }): RoyaltyTree => {
      const members = [...branches].map(([id, { author, ...branch }]): RoyaltyMember => ({
        ...branch,
        genome: named(id),
        author,
        mine: author !== null && isSelf(author),
      }))
      members.sort((a, b) => a.generation - b.generation || (a.genome.id < b.genome.id ? -1 : 1))
      const sum = (what: keyof Sums) => members.reduce((total, member) => total + member[what], 0)
      const { sharePpm, decayPpm, depth } = rule
      return {
        ...{ genome: named(genome), payer, byThis: isSelf(payer), sharePpm, decayPpm, depth, members },
        ...{ settled: sum('settled'), waiting: sum('waiting'), running: sum('running') },
      }
    })
    .sort((a, b) => b.settled + b.running - (a.settled + a.running))
}

/** The terms that a pool names; the usual ones where it names none. Without them here, the genome stands for its whole lineage. */
function ruleOf({ termsOf }: RoyaltyKnowledge, genome: string, hash: Uint8Array | null): RoyaltyRule {
  if (hash === null) return USUAL_TERMS
  const terms = termsOf(genome).find((bytes) => equalBytes(sha256(bytes), hash))
  return terms ? readObject(ROYALTY_TERMS, terms) : { ...USUAL_TERMS, depth: 0 }
}

function branchesOf(
  genome: string,
  amount: number,
  { depth, decayPpm }: RoyaltyRule,
  originOf: (id: string) => GenomeOrigin | null,
): readonly { id: string; generation: number; children: readonly string[]; amount: number }[] {
  const generations = generationsOf(genome, depth, (id) => originOf(id)?.parents ?? null)
  const place = new Map(generations.flatMap((members, generation) => members.map((id) => [id, generation] as const)))
  return splitOverLineage(BigInt(amount), generations, decayPpm).map((share) => {
    const generation = place.get(share.genome) ?? 0
    // The steps by which it counts: from the generation before alone.
    const children = (generations[generation - 1] ?? []).filter((id) => originOf(id)?.parents.includes(share.genome))
    return { id: share.genome, generation, children, amount: Number(share.amount) }
  })
}
