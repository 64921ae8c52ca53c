// The eighth layer: lengths, spectra, angles, clones and Krum, on adapters whose places are known.

import { expect, test } from 'vitest'
import { krumScores } from '#core/gate/multi-krum.ts'
import type { AdapterUpdates, KnownAdapter } from '#core/gate/layer.ts'
import { statistics } from '#core/gate/statistics.ts'
import { cosineOf, dotUpdates, normOf, spectrumOf } from '#core/gate/update-geometry.ts'
import type { Adapter } from '#core/genome/adapter.ts'
import { multiplyOut, type LowRankUpdate } from '#core/merge/low-rank.ts'
import { truncateMatrix } from '#core/merge/low-rank.ts'
import { arrivalOf, contextWith, judge, knownAdapter, makeGenome, trainedAdapter, updatesOf } from './arrivals.ts'

const mapFactors = (
  adapter: Adapter,
  change: (b: Float32Array<ArrayBuffer>, name: string) => Float32Array<ArrayBuffer>,
) => ({
  ...adapter,
  modules: new Map([...adapter.modules].map(([name, { a, b }]) => [name, { a, b: change(b, name) }])),
})
const scaled = (adapter: Adapter, factor: number) => mapFactors(adapter, (b) => b.map((value) => value * factor))

/** Adapters with a common direction, as those of nodes with like texts have. */
const related = (seed: number): Adapter => {
  const common = trainedAdapter(1)
  const own = trainedAdapter(seed)
  return {
    ...common,
    modules: new Map(
      [...common.modules].map(([name, { a, b }]) => [
        name,
        { a, b: b.map((value, i) => value + 1.2 * (own.modules.get(name)?.b[i] ?? 0)) },
      ]),
    ),
  }
}

const COHORT: Promise<KnownAdapter[]> = Promise.all(
  Array.from({ length: 6 }, async (_, i) => {
    const adapter = related(20 + i)
    return knownAdapter(await makeGenome({ name: `Other ${i}` }, { adapter }), adapter)
  }),
)

async function judgeAdapter(adapter: Adapter, changes: Parameters<typeof contextWith>[0] = {}, parents: string[] = []) {
  const made = await makeGenome({ parents }, { adapter })
  return judge(statistics, arrivalOf(made), contextWith(changes))
}

test('spectra, lengths and products are those of the matrices multiplied out', () => {
  const [x, y] = [updatesOf(trainedAdapter(1)), updatesOf(trainedAdapter(2))]
  const flat = (updates: AdapterUpdates) => [...updates.values()].flatMap((update) => [...multiplyOut(update)])
  const product = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * (b[i] as number), 0)
  expect(dotUpdates(x, y)).toBeCloseTo(product(flat(x), flat(y)), 3)
  expect(normOf(x)).toBeCloseTo(Math.sqrt(product(flat(x), flat(x))), 3)
  expect(cosineOf(dotUpdates(x, x), normOf(x), normOf(x))).toBeCloseTo(1, 6)

  const update = x.get('blk.0.attn_q') as LowRankUpdate
  const spectrum = spectrumOf(update)
  expect(spectrum).toHaveLength(update.rank)
  const energy = product([...multiplyOut(update)], [...multiplyOut(update)])
  expect(spectrum.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(energy, 2)
  const { residual } = truncateMatrix(multiplyOut(update), update.rows, update.columns, update.rank - 1)
  expect(residual).toBeCloseTo((spectrum.at(-1) as number) / Math.sqrt(energy), 3)
})

test('Krum adds the squares of the distances to the n − f − 2 nearest', () => {
  const points = [0, 1, 2, 3, 100]
  const distances = points.map((x) => points.map((y) => (x - y) ** 2))
  expect(krumScores(distances, 1)).toEqual([1 + 4, 1 + 1, 1 + 1, 1 + 4, 97 ** 2 + 98 ** 2])
})

test('says what it lacks, and passes one that is like the others', async () => {
  const adapter = related(99)
  expect(await judgeAdapter(adapter)).toMatchObject({ outcome: 'not-run', code: 'NO_COHORT' })
  expect(await judgeAdapter(adapter, { cohort: (await COHORT).slice(0, 3) })).toMatchObject({ code: 'NO_COHORT' })
  expect(await judgeAdapter(adapter, { root: updatesOf(related(98)) })).toMatchObject({ outcome: 'passed' })
  expect(await judgeAdapter(adapter, { cohort: await COHORT })).toMatchObject({ outcome: 'passed' })
})

test('refuses one that is too long, too peaked, turned round, a clone, or far from all', async () => {
  const cohort = await COHORT
  const root = updatesOf(related(98))
  const honest = related(99)
  expect(await judgeAdapter(scaled(honest, 10), { cohort, root })).toMatchObject({ code: 'NORM_OUTLIER' })
  expect(await judgeAdapter(scaled(honest, -1), { cohort, root })).toMatchObject({ code: 'DIRECTION_OPPOSED' })
  expect(await judgeAdapter(scaled(honest, -1), { cohort })).toMatchObject({ code: 'DIRECTION_OPPOSED' })

  // One module does it all; the whole is not much longer than others.
  const { rules } = contextWith()
  const narrow = { ...rules, statistics: { ...rules.statistics, peakFactor: 4 } }
  const peaked = mapFactors(scaled(honest, 0.01), (b, name) => (name === 'blk.0.attn_q' ? b.map((x) => x * 500) : b))
  expect(await judgeAdapter(peaked, { cohort, rules: narrow })).toMatchObject({ code: 'SPECTRUM_OUTLIER' })
  expect(await judgeAdapter(honest, { cohort, rules: narrow })).toMatchObject({ outcome: 'passed' })

  const copied = related(20)
  const jittered = mapFactors(copied, (b) => b.map((value, i) => value + 0.02 * Math.sin(i)))
  const clone = await judgeAdapter(jittered, { cohort })
  expect(clone).toMatchObject({ code: 'CLONE', genomes: [cohort[0]?.id] })
  const parent = cohort[0]?.id as string
  expect(await judgeAdapter(jittered, { cohort }, [parent])).toMatchObject({ outcome: 'passed' })

  const stranger = scaled(trainedAdapter(55), 2.9)
  const strict = { ...rules, statistics: { ...rules.statistics, krumFactor: 2, leastCohortCosine: -1 } }
  expect(await judgeAdapter(stranger, { cohort, rules: strict })).toMatchObject({ code: 'COHORT_OUTLIER' })
  expect(await judgeAdapter(honest, { cohort, rules: strict })).toMatchObject({ outcome: 'passed' })
})
