// Layer 8: how an adapter lies among others for the same base. Its length and its modules' spectra beside what is usual,
// its angle to an update that this node trained on text it trusts (FLTrust, NDSS 2021), its likeness to single others
// (clones of one author under many names), and its place in the cohort (multi-Krum).

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
} from '#core/gate/layer.ts'
import { krumScores } from '#core/gate/multi-krum.ts'
import type { StatisticsRules } from '#core/gate/rules.ts'
import { cosineOf, dotUpdates, medianOf, normOf, spectrumOf } from '#core/gate/update-geometry.ts'

export const statistics: GateLayer = {
  name: 'statistics',
  async judge(candidate, context) {
    const others = await readCohort(candidate, context)
    if (others.length < context.rules.statistics.leastCohort && !context.root) {
      return notRun('NO_COHORT', 'There are too few other adapters of this model here to say what is usual.')
    }
    return compare(await candidate.updates(), others, context.root, context.rules.statistics)
  },
}

interface Other {
  readonly id: string
  readonly updates: AdapterUpdates
  /** The candidate says that it was made from this one. */
  readonly isParent: boolean
}

async function readCohort(candidate: Candidate, { cohort, rules }: GateContext): Promise<Other[]> {
  const genome = await candidate.genome()
  const members = cohort.filter(({ id }) => id !== genome?.id).slice(0, rules.statistics.maxCohort)
  const read = await Promise.all(
    members.map(async ({ id, ...member }) => ({ id, updates: await usableUpdates(member) })),
  )
  return read.flatMap(({ id, updates }) =>
    updates ? [{ id, updates, isParent: genome?.manifest.parents.includes(id) ?? false }] : [],
  )
}

function compare(
  updates: AdapterUpdates,
  others: readonly Other[],
  root: AdapterUpdates | null,
  rules: StatisticsRules,
): Finding {
  const enough = others.length >= rules.leastCohort
  const references = [...(enough ? others.map((other) => other.updates) : []), ...(root ? [root] : [])]
  const norm = normOf(updates)
  const usual = medianOf(references.map(normOf))
  const figures: Record<string, number> = { norm, norm_to_usual: usual > 0 ? norm / usual : 0 }
  if (norm > rules.normFactor * usual) {
    return refused(
      'NORM_OUTLIER',
      `It changes the model ${(norm / usual).toFixed(1)} times as much as is usual; ${rules.normFactor} times is the most.`,
      { figures },
    )
  }
  const sharpest = mostPeaked(updates, references)
  figures['peak_to_usual'] = sharpest.ratio
  if (sharpest.ratio > rules.peakFactor) {
    return refused(
      'SPECTRUM_OUTLIER',
      `Its change of ${sharpest.module} has one direction ${sharpest.ratio.toFixed(1)} times as strong as is usual.`,
      { figures },
    )
  }
  if (root) {
    const cosine = cosineOf(dotUpdates(updates, root), norm, normOf(root))
    figures['root_cosine'] = cosine
    if (cosine < rules.leastRootCosine) {
      return refused('DIRECTION_OPPOSED', 'It undoes what this node learnt on text that it trusts.', { figures })
    }
  }
  if (!enough) return passed('It lies near to what this node trained itself; there are too few others.', figures)
  return comparePlace(updates, others, rules, figures)
}

/** Its place in the cohort; the products of each with each are taken once. */
function comparePlace(
  updates: AdapterUpdates,
  others: readonly Other[],
  rules: StatisticsRules,
  figures: Record<string, number>,
): Finding {
  const all = [updates, ...others.map((other) => other.updates)]
  const rows = all.map((x, i) => all.map((y, j) => (j < i ? 0 : dotUpdates(x, y))))
  const dot = (i: number, j: number) => rows[Math.min(i, j)]?.[Math.max(i, j)] as number
  const cosine = (i: number, j: number) => cosineOf(dot(i, j), Math.sqrt(dot(i, i)), Math.sqrt(dot(j, j)))

  // To the mean of the others' directions: each counts alike, however long.
  let along = 0
  let squares = 0
  for (let i = 1; i < all.length; i++) {
    along += cosine(0, i)
    for (let j = 1; j < all.length; j++) squares += cosine(i, j)
  }
  const mean = squares > 0 ? along / Math.sqrt(squares) : 0
  figures['cohort_cosine'] = mean
  if (mean < rules.leastCohortCosine) {
    return refused('DIRECTION_OPPOSED', 'It undoes what the others for this model have learnt.', { figures })
  }

  const likeness = others.map(({ isParent }, i) => (isParent ? 0 : Math.abs(cosine(0, i + 1))))
  const most = Math.max(...likeness)
  figures['most_alike'] = most
  if (most > rules.cloneCosine) {
    const message = 'It is nearly the same as another genome, which it does not name as its parent.'
    return refused('CLONE', message, { figures, genomes: [others[likeness.indexOf(most)]?.id ?? ''] })
  }

  const distances = all.map((_, i) => all.map((_other, j) => Math.max(0, dot(i, i) + dot(j, j) - 2 * dot(i, j))))
  const [own = 0, ...rest] = krumScores(distances, Math.ceil(rules.hostileShare * all.length))
  const usual = medianOf(rest)
  figures['krum_to_usual'] = usual > 0 ? own / usual : 0
  if (own > rules.krumFactor * usual) {
    return refused('COHORT_OUTLIER', 'It lies far from all others for this model.', { figures })
  }
  return passed(`It lies among ${others.length} others for this model.`, figures)
}

/** The module whose largest singular value is highest over the usual one there. */
function mostPeaked(updates: AdapterUpdates, references: readonly AdapterUpdates[]) {
  let most = { module: '', ratio: 0 }
  for (const [module, update] of updates) {
    const usual = medianOf(
      references.flatMap((reference) => {
        const other = reference.get(module)
        return other ? [spectrumOf(other)[0] ?? 0] : []
      }),
    )
    const ratio = usual > 0 ? (spectrumOf(update)[0] ?? 0) / usual : 0
    if (ratio > most.ratio) most = { module, ratio }
  }
  return most
}
