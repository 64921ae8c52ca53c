// Layer 6: does it come from where it says, and from nowhere else? Parents are named by the hash of their content, so that they
// cannot be made up; whom it does not name, it must not be a copy of.

import { walkAncestry, type Ancestry, type AncestryProblem } from '#core/gate/ancestry.ts'
import { usableUpdates } from '#core/gate/finite-updates.ts'
import {
  notRun,
  passed,
  refused,
  type AdapterUpdates,
  type Candidate,
  type Finding,
  type GateContext,
  type GateLayer,
  type KnownAdapter,
} from '#core/gate/layer.ts'
import { compareAdapter, isNearCopy, type Comparison } from '#core/gate/near-copy.ts'
import type { SignedGenome } from '#core/genome/signed-genome.ts'

/** Others that are looked at together: as many as a genome may have parents. */
const MOST_TOGETHER = 8
/** Whoever is less alike than this has no share in a sum of so many: 1/√8 is that of each of eight equal parts. */
const LEAST_ALIKE = 0.2

export const lineage: GateLayer = {
  name: 'lineage',

  async judge(candidate, context) {
    const genome = await candidate.genome()
    if (genome === null) return notRun('NO_MANIFEST', 'It has no manifest: nothing says what it was made from.')
    const { findGenome, rules } = context
    const ancestry = walkAncestry(genome.id, genome.manifest, findGenome, rules.lineage, rules.clockSkewMs)
    if ('code' in ancestry) return describeProblem(ancestry, context)
    return judgeGeneration(ancestry, candidate) ?? (await judgeLikeness(genome, ancestry, candidate, context))
  },
}

function describeProblem(problem: AncestryProblem, { rules }: GateContext): Finding {
  const { code, genome } = problem
  const { maxParents, maxDepth } = rules.lineage
  const name = genome.slice(0, 12)
  const words = {
    PARENT_UNKNOWN: `Its ancestor ${name} is not known here. Once that one has been fetched, it can be judged.`,
    TOO_MANY_PARENTS: `It or an ancestor (${name}) names more than ${maxParents} parents.`,
    CYCLE: `It is its own ancestor by way of ${name}: somebody forged a manifest.`,
    PARENT_UNFIT: `Its ancestor ${name} changes another model, or is younger than what was made of it.`,
    TOO_DEEP: `More than ${maxDepth} generations, or thousands of ancestors, lie behind it.`,
  }
  return refused(code, words[code], { genomes: [genome] })
}

function judgeGeneration({ depth }: Ancestry, { announcement }: Candidate): Finding | null {
  if (announcement === null || announcement.summary.generation === depth) return null
  return refused(
    'GENERATION_FALSE',
    `It was announced as of generation ${announcement.summary.generation}; by its parents it is of ${depth}.`,
    { figures: { generation: depth } },
  )
}

async function judgeLikeness(
  genome: SignedGenome,
  { ancestors, depth }: Ancestry,
  candidate: Candidate,
  { adapters, rules, findGenome }: GateContext,
): Promise<Finding> {
  const { copyCosine } = rules.lineage
  const { parents } = genome.manifest
  const declared = await usableOf(adapters.filter(({ id }) => parents.includes(id)))
  const hasParents = parents.every((id) => declared.has(id))
  const isDescendant = createDescent(new Set([genome.id]), findGenome)
  const isKin = createDescent(ancestors, findGenome)
  const others = adapters.filter(
    ({ id, manifest }) =>
      id !== genome.id &&
      !ancestors.has(id) &&
      !isDescendant(manifest.parents) &&
      // Without the parents' tensors nobody can tell a copy of a sibling from a sibling.
      (hasParents || !isKin(manifest.parents)),
  )
  const comparison = compareAdapter(await candidate.updates(), [...declared.values()])
  const alike: { readonly adapter: KnownAdapter; readonly updates: AdapterUpdates; readonly cosine: number }[] = []
  for (const adapter of others) {
    const updates = await usableUpdates(adapter)
    if (updates === null) continue
    const likeness = comparison.with(updates, copyCosine)
    const { cosine, worst, copied } = likeness
    if (isNearCopy(likeness, copyCosine)) {
      return refused('NEAR_COPY', `It is "${adapter.manifest.name}" over again and does not name it as a parent.`, {
        figures: { cosine, worstCosine: worst, copiedShare: copied },
        genomes: [adapter.id],
      })
    }
    if (cosine >= LEAST_ALIKE) alike.push({ adapter, updates, cosine })
  }
  const together = alike.sort((a, b) => b.cosine - a.cosine).slice(0, MOST_TOGETHER)
  return (
    judgeTogether(comparison, together, copyCosine) ??
    passed('Its ancestors are known, and it is no copy of a genome that it does not name.', {
      generation: depth,
      compared: others.length,
      cosine: together[0]?.cosine ?? 0,
    })
  )
}

/** By id. */
async function usableOf(adapters: readonly KnownAdapter[]): Promise<ReadonlyMap<string, AdapterUpdates>> {
  const read = await Promise.all(adapters.map(async (adapter) => [adapter.id, await usableUpdates(adapter)] as const))
  return new Map(read.flatMap(([id, updates]) => (updates ? [[id, updates]] : [])))
}

/** A merge that hides its parents is like none of them alone. */
function judgeTogether(
  comparison: Comparison,
  together: readonly { readonly adapter: KnownAdapter; readonly updates: AdapterUpdates }[],
  copyCosine: number,
): Finding | null {
  if (together.length < 2) return null
  const explained = comparison.explainedBy(together.map(({ updates }) => updates))
  if (explained < copyCosine ** 2) return null
  return refused('UNNAMED_PARENTS', 'It is a sum of genomes that it does not name as its parents.', {
    figures: { explainedShare: explained },
    genomes: together.map(({ adapter }) => adapter.id),
  })
}

/** Longer lines than any genome may have: whatever else was kept ends there. */
const LONGEST_LINE = 256

/** Whether anything with these parents comes from one of the targets, as far as is known: each manifest is looked at once. */
function createDescent(
  targets: ReadonlySet<string>,
  find: GateContext['findGenome'],
): (parents: readonly string[]) => boolean {
  const known = new Map<string, boolean>()
  const descends = (id: string, line: number): boolean => {
    const before = known.get(id)
    if (before !== undefined || line > LONGEST_LINE) return before ?? false
    // Until it is known otherwise, so that a forged ring ends.
    known.set(id, false)
    const parents = find(id)?.manifest.parents ?? []
    const found = targets.has(id) || parents.some((parent) => descends(parent, line + 1))
    known.set(id, found)
    return found
  }
  return (parents) => parents.some((parent) => descends(parent, 1))
}
