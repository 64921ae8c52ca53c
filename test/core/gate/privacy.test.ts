// Layer 7: ε computed again, claims that contradict themselves or each other, and budgets over time, texts and keys.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { openCandidate } from '#core/gate/candidate.ts'
import type { Arrival, GateContext } from '#core/gate/layer.ts'
import { composedEpsilon, MAX_USES_OF_AUTHOR, type TextUse } from '#core/gate/privacy-budget.ts'
import { privacy } from '#core/gate/privacy.ts'
import { NO_RECORDS, type GateRecords } from '#core/gate/records.ts'
import { DEFAULT_RULES } from '#core/gate/rules.ts'
import type { GenomeManifest, PrivacyStatement } from '#core/genome/manifest.ts'
import { rdpEpsilon } from '#core/privacy/rdp-accountant.ts'
import {
  arrivalOf,
  AUTHOR,
  bytesOf,
  contextWith,
  identityOf,
  judge,
  keyOf,
  makeClaim,
  makeGenome,
  sameNode,
} from './arrivals.ts'

const REFERENCE = JSON.parse(
  readFileSync(new URL('../../vectors/privacy/dp-reference.json', import.meta.url), 'utf8'),
) as {
  readonly rows: readonly { sigma: number; q: number; steps: number; delta: number; epsilonRdp: number }[]
}

const RUN = { sigma: 1, q: 0.01, steps: 400, delta: 1e-5 }
const EPSILON = rdpEpsilon(RUN, RUN.steps, RUN.delta).epsilon
const STATEMENT: PrivacyStatement = {
  mechanism: 'dp-sgd',
  sampling: 'poisson',
  noiseMultiplier: RUN.sigma,
  sampleRate: RUN.q,
  clipNorm: 0.5,
  steps: RUN.steps,
  delta: RUN.delta,
  epsilonRdp: EPSILON,
  unit: 'document',
}
const TRAINING = { steps: RUN.steps, tokens: 1000, sequenceLength: 16, batchSize: 8, learningRate: 1e-3 }
const TEXT = 'd'.repeat(64)

const claiming = (privacy: Partial<PrivacyStatement>, more: Partial<GenomeManifest> = {}) =>
  makeGenome({ training: TRAINING, privacy: { ...STATEMENT, ...privacy }, ...more })
const code = async (arrival: Arrival, changes: Partial<GateContext> = {}) =>
  (await judge(privacy, arrival, contextWith(changes))).code

/** An arrival with the claim message that belongs to it. */
async function withClaim(text: string, manifest: Partial<GenomeManifest> = {}, author = AUTHOR): Promise<Arrival> {
  const made = await makeGenome({ training: TRAINING, privacy: STATEMENT, ...manifest }, { author })
  const statement = made.genome.manifest.privacy ?? STATEMENT
  const claim = await makeClaim(
    {
      genome: bytesOf(made.genome.id),
      dataHash: bytesOf(text),
      noiseMultiplier: statement.noiseMultiplier,
      sampleRate: statement.sampleRate,
      steps: statement.steps,
      delta: statement.delta,
      clipNorm: statement.clipNorm,
      epsilon: statement.epsilonRdp,
    },
    author,
  )
  return arrivalOf(made, { claim })
}

/** Judges one after the other, each remembered. */
async function judgeAll(arrivals: readonly Arrival[], changes: Partial<GateContext> = {}) {
  let records: GateRecords = NO_RECORDS
  const codes: string[] = []
  for (const arrival of arrivals) {
    const context = contextWith({ ...changes, records })
    const candidate = openCandidate(arrival, context.verify)
    const finding = await privacy.judge(candidate, context)
    codes.push(finding.code)
    records = { ...records, ...(await privacy.remember?.(candidate, context, { finding, outcome: 'incomplete' })) }
  }
  return codes
}

test('who claims nothing is held to nothing', async () => {
  expect(await code(arrivalOf(await makeGenome()))).toBe('PASSED')
  expect(await code(arrivalOf(await makeGenome(), { manifest: null }))).toBe('NO_MANIFEST')
})

describe('ε', () => {
  test('is what the reference accountant makes of the figures, and not a hair less', async () => {
    // Computed for every row in test/core/privacy.
    for (const { sigma, q, steps, delta, epsilonRdp } of REFERENCE.rows.slice(-3)) {
      const made = (epsilon: number) =>
        claiming(
          { noiseMultiplier: sigma, sampleRate: q, steps, delta, epsilonRdp: epsilon },
          { training: { ...TRAINING, steps, batchSize: 1 } },
        )
      // The reference has seven digits.
      expect(await code(arrivalOf(await made(epsilonRdp * (1 + 2e-6))))).toBe('PASSED')
      expect(await code(arrivalOf(await made(epsilonRdp * 0.999)))).toBe('EPSILON_FALSE')
    }
  })

  test('may be overstated, which promises less', async () => {
    expect(await code(arrivalOf(await claiming({ epsilonRdp: 2 * EPSILON })))).toBe('PASSED')
  })

  test('without noise is none', async () => {
    expect(await code(arrivalOf(await claiming({ noiseMultiplier: 1e-4, epsilonRdp: 1e9 })))).not.toBe('PASSED')
  })

  test('means nothing under a δ that lets everything through', async () => {
    expect(await code(arrivalOf(await claiming({ delta: 0.01, epsilonRdp: 100 })))).toBe('EPSILON_FALSE')
    // 80,000 documents: a δ of 1e-4 publishes eight of them whole.
    const training = { ...TRAINING, batchSize: 800 }
    expect(await code(arrivalOf(await claiming({ delta: 1e-4, epsilonRdp: 100 }, { training })))).toBe('EPSILON_FALSE')
  })
})

test('a clip that cuts nothing off is no bound', async () => {
  expect(await code(arrivalOf(await claiming({ clipNorm: 1e6 })))).toBe('CLIP_UNFIT')
})

describe('contradictions', () => {
  test.each<[string, Partial<GenomeManifest>]>([
    ['more steps than it claims privacy for', { training: { ...TRAINING, steps: 4000 } }],
    ['losses computed without noise', { training: { ...TRAINING, finalLoss: 2 } }],
    ['a held-out loss computed without noise', { training: { ...TRAINING, heldOutLoss: 2 } }],
  ])('%s', async (_, manifest) => {
    expect(await code(arrivalOf(await claiming({}, manifest)))).toBe('CLAIM_CONTRADICTS')
  })

  test('a claim that says something else than the manifest', async () => {
    const honest = await withClaim(TEXT)
    expect(await code(honest)).toBe('PASSED')
    const made = await claiming({})
    const figures = {
      genome: bytesOf(made.genome.id),
      noiseMultiplier: RUN.sigma,
      sampleRate: RUN.q,
      steps: RUN.steps,
      delta: RUN.delta,
      clipNorm: 0.5,
      epsilon: EPSILON,
    }
    expect(await code(arrivalOf(made, { claim: await makeClaim(figures) }))).toBe('PASSED')
    for (const change of [
      { genome: new Uint8Array(32) },
      { noiseMultiplier: 2 },
      { sampleRate: 0.005 },
      { steps: 100 },
      { delta: 1e-6 },
      { clipNorm: 1 },
      { epsilon: EPSILON / 2 },
    ]) {
      expect(await code(arrivalOf(made, { claim: await makeClaim({ ...figures, ...change }) }))).toBe(
        'CLAIM_CONTRADICTS',
      )
    }
    const open = await makeGenome()
    const claim = await makeClaim({ ...figures, genome: bytesOf(open.genome.id) })
    expect(await code(arrivalOf(open, { claim }))).toBe('CLAIM_CONTRADICTS')
    const named = await claiming({}, { training: { ...TRAINING, dataHash: 'e'.repeat(64) } })
    const about = await makeClaim({ ...figures, genome: bytesOf(named.genome.id), dataHash: bytesOf(TEXT) })
    expect(await code(arrivalOf(named, { claim: about }))).toBe('CLAIM_CONTRADICTS')
  })

  test('two texts for one genome, the second of them later', async () => {
    const [one, other] = [await withClaim(TEXT), await withClaim('e'.repeat(64))]
    expect(one.manifest).toEqual(other.manifest)
    expect(await judgeAll([one, one, other])).toEqual(['PASSED', 'PASSED', 'CLAIM_CONTRADICTS'])
  })

  test('the same text with noise and without, in either order', async () => {
    const open = arrivalOf(await makeGenome({ training: { ...TRAINING, dataHash: TEXT } }))
    const elsewhere = arrivalOf(await makeGenome({ training: { ...TRAINING, dataHash: 'e'.repeat(64) } }))
    const closed = await withClaim(TEXT)
    expect(await judgeAll([closed, elsewhere, open])).toEqual(['PASSED', 'PASSED', 'CLAIM_CONTRADICTS'])
    expect(await judgeAll([open, elsewhere, closed])).toEqual(['PASSED', 'PASSED', 'CLAIM_CONTRADICTS'])
  })
})

describe('budgets', () => {
  const RULES = {
    ...DEFAULT_RULES,
    privacy: { ...DEFAULT_RULES.privacy, textEpsilon: 2 * EPSILON, authorEpsilon: 2.2 * EPSILON },
  }
  const runs = (count: number, textOf: (i: number) => string, author = AUTHOR) =>
    Promise.all(Array.from({ length: count }, (_, i) => withClaim(textOf(i), { name: `run ${i}` }, author)))
  const nameOf = (i: number) => `${i % 10}`.repeat(64)

  test('add up over runs on one text, and stay spent', async () => {
    const codes = await judgeAll(await runs(8, () => TEXT), { rules: RULES })
    const spent = codes.indexOf('BUDGET_SPENT')
    const fitting = Array.from({ length: 8 }, (_, i) =>
      composedEpsilon(
        Array.from({ length: i + 1 }, () => RUN),
        RUN.delta,
      ),
    )
    expect(spent).toBe(fitting.findIndex((epsilon) => epsilon > 2 * EPSILON))
    expect(spent).toBeGreaterThan(1)
    expect(new Set(codes.slice(spent))).toEqual(new Set(['BUDGET_SPENT']))
  })

  test('do not begin anew with another name for the text', async () => {
    const codes = await judgeAll(await runs(10, nameOf), { rules: RULES })
    const reset = codes.indexOf('BUDGET_RESET')
    expect(codes.slice(0, reset)).toEqual(Array<string>(reset).fill('PASSED'))
    expect(reset).toBeGreaterThan(3)
    expect(new Set(codes.slice(reset))).toEqual(new Set(['BUDGET_RESET']))
  })

  test('do not begin anew with another key', async () => {
    const [old, next] = [identityOf(1), identityOf(2)]
    const arrivals = [...(await runs(4, () => TEXT, old)), ...(await runs(4, () => TEXT, next))]
    const keys = sameNode(keyOf(old), keyOf(next))
    expect((await judgeAll(arrivals, { rules: RULES, keys })).at(-1)).toBe('BUDGET_SPENT')
    // Two people who name the same text do not spend each other's.
    expect((await judgeAll(arrivals.slice(3, 5), { rules: RULES })).at(-1)).toBe('PASSED')
  })

  test('count a run on a text that is not named for every text', async () => {
    const unnamed = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => arrivalOf(await claiming({}, { name: `run ${i}` }))),
    )
    expect((await judgeAll(unnamed, { rules: RULES })).at(-1)).toBe('BUDGET_SPENT')
    expect((await judgeAll([...unnamed, await withClaim(TEXT)], { rules: RULES })).at(-1)).toBe('BUDGET_SPENT')
  })

  test('count the same genome once, however often it comes', async () => {
    const [one] = await runs(1, () => TEXT)
    const codes = await judgeAll(
      Array.from({ length: 12 }, () => one as Arrival),
      { rules: RULES },
    )
    expect(new Set(codes)).toEqual(new Set(['PASSED']))
  })

  test('take no more claims of one author than are kept', async () => {
    const use: TextUse = { author: keyOf(AUTHOR), text: 'f'.repeat(64), claim: { ...RUN, steps: 0 } }
    const budgets = new Map(Array.from({ length: MAX_USES_OF_AUTHOR }, (_, i) => [`${i}`, use]))
    expect(await code(await withClaim(TEXT), { records: { ...NO_RECORDS, budgets } })).toBe('BUDGET_SPENT')
    budgets.delete('0')
    expect(await code(await withClaim(TEXT), { records: { ...NO_RECORDS, budgets } })).toBe('PASSED')
  })

  test('of one run are what the accountant says of it', () => {
    expect(composedEpsilon([RUN], RUN.delta)).toBeCloseTo(EPSILON, 12)
    const twice = rdpEpsilon(RUN, 2 * RUN.steps, RUN.delta).epsilon
    expect(composedEpsilon([RUN, RUN], RUN.delta)).toBeCloseTo(twice, 10)
  })
})
