// The ancestors of a genome, walked by content hash: how deep they reach, and what is wrong with them. Manifests are read as
// if somebody had forged them: a graph with rings, without end, or wider than it may be is refused, not walked for ever.

import type { KnownGenome } from '#core/gate/layer.ts'
import type { LineageRules } from '#core/gate/rules.ts'
import type { GenomeManifest } from '#core/genome/manifest.ts'

export interface AncestryProblem {
  readonly code: 'PARENT_UNKNOWN' | 'TOO_MANY_PARENTS' | 'CYCLE' | 'PARENT_UNFIT' | 'TOO_DEEP'
  readonly genome: string
}

export interface Ancestry {
  readonly ancestors: ReadonlySet<string>
  /** Generations behind it: 0 without parents. */
  readonly depth: number
}

/** Genomes looked at for one, at most. */
const MAX_ANCESTORS = 4096

interface Step {
  readonly id: string
  readonly parents: readonly string[]
  next: number
  /** Of the parents seen so far. */
  depth: number
}

/** Depth first, without recursion. The longest way counts, so every ancestor is entered once and its depth kept. */
export function walkAncestry(
  id: string,
  manifest: GenomeManifest,
  find: (genomeId: string) => KnownGenome | null,
  { maxParents, maxDepth }: Pick<LineageRules, 'maxParents' | 'maxDepth'>,
  clockSkewMs: number,
): Ancestry | AncestryProblem {
  const depths = new Map<string, number>()
  const onWay = new Set<string>()
  const way: Step[] = []

  /** Of another model, or younger than its child: nobody can have made the child of it. */
  const fits = (parent: Pick<GenomeManifest, 'base' | 'createdAt'>, child: GenomeManifest) =>
    parent.base.hash === child.base.hash && parent.createdAt <= child.createdAt + clockSkewMs

  const enter = (genome: string, { parents, base, createdAt }: GenomeManifest, child: GenomeManifest | null) => {
    if (parents.length > maxParents) return { code: 'TOO_MANY_PARENTS', genome } as const
    if (child && !fits({ base, createdAt }, child)) return { code: 'PARENT_UNFIT', genome } as const
    if (way.length > maxDepth || depths.size + way.length > MAX_ANCESTORS) return { code: 'TOO_DEEP', genome } as const
    onWay.add(genome)
    way.push({ id: genome, parents, next: 0, depth: 0 })
    return null
  }

  const manifests = new Map([[id, manifest]])
  let problem: AncestryProblem | null = enter(id, manifest, null)
  while (problem === null) {
    const step = way.at(-1)
    if (!step) break
    const parent = step.parents[step.next++]
    if (parent === undefined) {
      way.pop()
      onWay.delete(step.id)
      depths.set(step.id, step.depth)
      const child = way.at(-1)
      if (child) child.depth = Math.max(child.depth, step.depth + 1)
      continue
    }
    const child = manifests.get(step.id) as GenomeManifest
    if (onWay.has(parent)) {
      problem = { code: 'CYCLE', genome: parent }
      continue
    }
    const depth = depths.get(parent)
    const known = depth === undefined ? find(parent) : null
    if (depth !== undefined) {
      step.depth = Math.max(step.depth, depth + 1)
      if (way.length + depth > maxDepth) problem = { code: 'TOO_DEEP', genome: parent }
      else if (!fits(manifests.get(parent) as GenomeManifest, child)) problem = { code: 'PARENT_UNFIT', genome: parent }
    } else if (known === null) {
      problem = { code: 'PARENT_UNKNOWN', genome: parent }
    } else {
      manifests.set(parent, known.manifest)
      problem = enter(parent, known.manifest, child)
    }
  }
  if (problem !== null) return problem
  const depth = depths.get(id) ?? 0
  depths.delete(id)
  return { ancestors: new Set(depths.keys()), depth }
}
