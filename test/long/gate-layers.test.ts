// The gate's cheap layers in the large: 10⁵ lineage graphs against a plain reference, files of tensors mutated a bit at a time,
// hidden copies of many adapters, and every row of the privacy reference.

import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { plainVerifier } from '#core/crypto/identity.ts'
import { walkAncestry } from '#core/gate/ancestry.ts'
import { openCandidate } from '#core/gate/candidate.ts'
import { format } from '#core/gate/format.ts'
import { judgeArrival } from '#core/gate/gate.ts'
import type { GateCode } from '#core/gate/layer.ts'
import { compareAdapter, isNearCopy } from '#core/gate/near-copy.ts'
import { privacy } from '#core/gate/privacy.ts'
import { DEFAULT_RULES } from '#core/gate/rules.ts'
import type { Adapter } from '#core/genome/adapter.ts'
import type { GenomeManifest, PrivacyStatement } from '#core/genome/manifest.ts'
import { encodeAdapterTensors } from '#core/genome/peft-adapter.ts'
import { pldEpsilon } from '#core/privacy/pld-accountant.ts'
import { openToy } from '#core/toy/toy-model.ts'
import { rdpEpsilon } from '#core/privacy/rdp-accountant.ts'
import {
  arrivalOf,
  BASE,
  bytesOf,
  CONFIG,
  contextWith,
  judge,
  LORA,
  makeClaim,
  makeGenome,
  NOW,
  trainedAdapter,
  updatesOf,
} from '../core/gate/arrivals.ts'
import { flipped, merged, noisy, rescaled, shuffled, turned } from '../core/gate/copies.ts'
import { entriesOf, safetensorsOf, type Directory } from '../core/gate/safetensors-files.ts'
import { HONEST, readZoo, ROOT, updatesOf as zooUpdates } from '../gate/zoo.ts'

const TOY = new URL('../../web/public/models/toy/model.safetensors', import.meta.url)

/** A small generator of its own, so that each run is the same and drawing costs nothing (xorshift32). */
function createRandom(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const { manifest: TEMPLATE } = (await makeGenome()).genome

describe('10⁵ random lineage graphs', () => {
  const template = TEMPLATE
  const GRAPHS = 100_000

  interface Graph {
    readonly manifests: ReadonlyMap<string, GenomeManifest>
    readonly maxParents: number
    readonly maxDepth: number
  }

  function drawGraph(random: (below: number) => number): Graph {
    const size = 1 + random(14)
    // Most are honest: edges lead to older ones only. The others were forged.
    const isForged = random(3) === 0
    const maxParents = 1 + random(8)
    const manifests = new Map<string, GenomeManifest>()
    for (let i = 0; i < size; i++) {
      const count = i === 0 && !isForged ? 0 : random(Math.min(4, maxParents) + (random(20) === 0 ? 6 : 1))
      const parents = Array.from({ length: count }, () => (isForged ? random(size) : i - 1 - random(i))).map(String)
      if (random(60) === 0) parents.push('lost')
      const base = random(80) === 0 ? { ...template.base, hash: 'b'.repeat(64) } : template.base
      const createdAt = NOW + i * 1000 - (random(80) === 0 ? 3_600_000 : 0)
      manifests.set(String(i), { ...template, base, createdAt, parents })
    }
    return { manifests, maxParents, maxDepth: 1 + random(8) }
  }

  /** By the book: reach everything, count every parent, and take away what has none left (Kahn 1962). */
  function reference({ manifests, maxParents, maxDepth }: Graph, top: string) {
    const problems = new Set<string>()
    const reached = new Set([top])
    for (const id of reached) for (const parent of manifests.get(id)?.parents ?? []) reached.add(parent)
    for (const id of reached) {
      const manifest = manifests.get(id)
      if (!manifest) {
        problems.add('PARENT_UNKNOWN')
        continue
      }
      if (manifest.parents.length > maxParents) problems.add('TOO_MANY_PARENTS')
      for (const parent of manifest.parents) {
        const older = manifests.get(parent)
        if (!older) continue
        const isLate = older.createdAt > manifest.createdAt + DEFAULT_RULES.clockSkewMs
        if (isLate || older.base.hash !== manifest.base.hash) problems.add('PARENT_UNFIT')
      }
    }
    const depths = new Map<string, number>()
    for (let before = -1; depths.size > before;) {
      before = depths.size
      for (const id of reached) {
        const parents = manifests.get(id)?.parents ?? []
        if (depths.has(id) || !parents.every((parent) => depths.has(parent))) continue
        depths.set(id, Math.max(-1, ...parents.map((parent) => depths.get(parent) ?? 0)) + 1)
      }
    }
    const isRing = depths.size < reached.size
    // Along a ring the way is without end: which of the two is said depends on how long the ring is.
    if (isRing) problems.add('CYCLE').add('TOO_DEEP')
    else if ((depths.get(top) ?? 0) > maxDepth) problems.add('TOO_DEEP')
    reached.delete(top)
    return { problems, ancestors: reached, depth: depths.get(top) ?? 0, isRing }
  }

  test('are judged as a plain reference judges them', () => {
    const random = createRandom(1)
    const counted = new Map<string, number>()
    for (let i = 0; i < GRAPHS; i++) {
      const graph = drawGraph(random)
      const top = String(graph.manifests.size - 1)
      const find = (id: string) => {
        const manifest = graph.manifests.get(id)
        return manifest ? { id, manifest } : null
      }
      const manifest = graph.manifests.get(top) as GenomeManifest
      const found = walkAncestry(top, manifest, find, graph, DEFAULT_RULES.clockSkewMs)
      const { problems, ancestors, depth } = reference(graph, top)
      const code = 'code' in found ? found.code : 'PASSED'
      counted.set(code, (counted.get(code) ?? 0) + 1)
      if ('code' in found) {
        if (!problems.has(found.code))
          throw new Error(`graph ${i}: ${found.code}, but there is ${[...problems].join()}`)
      } else if (problems.size > 0 || found.depth !== depth || found.ancestors.size !== ancestors.size) {
        throw new Error(`graph ${i}: passed at depth ${found.depth}, but there is ${[...problems].join()} at ${depth}`)
      }
    }
    // Each of them was there often enough to mean something.
    for (const code of ['PASSED', 'CYCLE', 'TOO_DEEP', 'TOO_MANY_PARENTS', 'PARENT_UNKNOWN', 'PARENT_UNFIT']) {
      expect(counted.get(code) ?? 0, code).toBeGreaterThan(500)
    }
  })
})

describe('mutated files', () => {
  const good = encodeAdapterTensors(CONFIG, trainedAdapter(1))
  const { directory, data } = entriesOf(good)
  const context = contextWith({ base: { hash: BASE, config: CONFIG } })
  const unsigned = { family: CONFIG.family, rank: LORA.rank, alpha: LORA.alpha, rankStabilised: false }
  const SANE: readonly GateCode[] = ['PASSED', 'FORMAT_INVALID', 'FORMAT_UNSUPPORTED', 'SHAPE_MISMATCH', 'NOT_FINITE']

  async function judgeFile(tensors: Uint8Array) {
    const file = {
      sender: null,
      announcement: null,
      content: null,
      manifest: null,
      unsigned,
      tensors,
      claim: null,
      again: false,
    }
    const candidate = openCandidate(file, plainVerifier)
    return { finding: await format.judge(candidate, context), candidate }
  }

  /** A thing that the format has a rule about, put wrong. */
  function damage(random: (below: number) => number): Uint8Array {
    const names = Object.keys(directory).filter((name) => name !== '__metadata__')
    const name = names[random(names.length)] as string
    const entry = directory[name] as { dtype: string; shape: readonly number[]; data_offsets: readonly number[] }
    const odd = [-1, 0, 0.5, 1, 3, 1024, 2 ** 31, 2 ** 32, 2 ** 53, 1e308][random(10)] as number
    const text = JSON.stringify(directory)
    const changes: readonly (() => Directory | string)[] = [
      () => ({
        ...directory,
        [name]: { ...entry, shape: entry.shape.map((size, i) => (i === random(2) ? odd : size)) },
      }),
      () => ({
        ...directory,
        [name]: { ...entry, data_offsets: entry.data_offsets.map((at, i) => (i === 0 ? at + odd : at)) },
      }),
      () => ({ ...directory, [name]: { ...entry, data_offsets: entry.data_offsets.map((at) => at + odd) } }),
      () => ({
        ...directory,
        [name]: { ...entry, dtype: ['F16', 'F64', 'U8', 'Q4', '', '__proto__'][random(6)] as string },
      }),
      () => Object.fromEntries(Object.entries(directory).filter(([key]) => key !== name)),
      () => text.replace(name, names[random(names.length)] as string),
      () => text.slice(0, random(text.length)),
      () => `${text.slice(0, 1)}${JSON.stringify(name)}:${JSON.stringify(entry)},${text.slice(1)}`,
      () => text.replace('{"dtype"', `{${'"x":{'.repeat(random(3000))}"dtype"`),
    ]
    return safetensorsOf((changes[random(changes.length)] as () => Directory | string)(), data)
  }

  test('20,000 of them end in a finding, and what passes is still the whole adapter', async () => {
    const random = createRandom(2)
    const modules = [...trainedAdapter(1).modules.keys()].sort()
    const headerBytes = good.length - data.length
    const counted = new Map<string, number>()
    for (let i = 0; i < 20_000; i++) {
      let tensors: Uint8Array
      if (i % 2 === 0) tensors = damage(random)
      else {
        tensors = Uint8Array.from(good)
        for (let flips = 1 + random(3); flips > 0; flips--) tensors[random(headerBytes)]! ^= 1 << random(8)
        if (random(4) === 0) tensors = tensors.subarray(0, tensors.length - random(headerBytes))
      }
      const { finding, candidate } = await judgeFile(tensors)
      counted.set(finding.code, (counted.get(finding.code) ?? 0) + 1)
      if (!SANE.includes(finding.code)) throw new Error(`file ${i} ended in ${finding.code}: ${finding.message}`)
      if (finding.outcome !== 'passed') continue
      const updates = await candidate.updates()
      expect([...updates.keys()].sort()).toEqual(modules)
    }
    expect(counted.get('FORMAT_INVALID') ?? 0).toBeGreaterThan(10_000)
    expect(counted.get('PASSED') ?? 0).toBeGreaterThan(0)
  })
})

test(
  'arrivals with bits turned anywhere are refused by a layer, never by a fault of one',
  { timeout: 60_000 },
  async () => {
    const run = { noiseMultiplier: 1, sampleRate: 0.01, steps: 100, delta: 1e-5, clipNorm: 0.5 }
    const { epsilon } = rdpEpsilon({ sigma: run.noiseMultiplier, q: run.sampleRate }, run.steps, run.delta)
    const statement = {
      mechanism: 'dp-sgd',
      sampling: 'poisson',
      unit: 'document',
      epsilonRdp: epsilon,
      ...run,
    } as const
    const made = await makeGenome({ privacy: statement })
    const claim = await makeClaim({ ...run, epsilon, genome: bytesOf(made.genome.id) })
    const arrival = arrivalOf(made, { claim })
    expect((await judgeArrival(arrival, contextWith())).outcome).toBe('incomplete')
    const random = createRandom(3)
    const turnOne = (bytes: Uint8Array) => {
      const at = random(bytes.length)
      return bytes.map((byte, i) => (i === at ? byte ^ (1 + random(255)) : byte))
    }
    const { content, manifest } = arrival
    if (!content || !manifest) throw new Error('nothing to turn')
    for (let i = 0; i < 240; i++) {
      const changes = [
        () => ({ tensors: turnOne(arrival.tensors) }),
        () => ({ manifest: turnOne(manifest) }),
        () => ({ content: { ...content, manifest: turnOne(content.manifest) } }),
        () => ({ content: { ...content, leaves: turnOne(content.leaves) } }),
        () => ({ claim: { ...claim, claim: turnOne(claim.claim) } }),
        () => ({ claim: { ...claim, signature: turnOne(claim.signature) } }),
      ]
      const { outcome, layers } = await judgeArrival(
        { ...arrival, ...(changes[i % changes.length] as () => object)() },
        contextWith(),
      )
      expect(outcome).toBe('refused')
      expect(layers.map(({ finding }) => finding.code)).not.toContain('INTERNAL')
    }
  },
)

describe('hidden copies', () => {
  const { copyCosine } = DEFAULT_RULES.lineage
  const VICTIMS = 60
  const isCopy = (copy: Adapter, victim: Adapter) =>
    isNearCopy(compareAdapter(updatesOf(copy), []).with(updatesOf(victim), copyCosine), copyCosine)

  test('are found whatever was done to their factors, and unrelated ones are not', () => {
    for (let seed = 0; seed < VICTIMS; seed++) {
      const victim = trainedAdapter(seed, { ...LORA, rank: 1 + (seed % 8) })
      const hidden = [
        victim,
        rescaled(victim, 0.01 * (1 + seed), true),
        flipped(victim),
        shuffled(victim),
        turned(victim, seed),
      ]
      for (const copy of hidden) {
        const { cosine } = compareAdapter(updatesOf(copy), []).with(updatesOf(victim), copyCosine)
        expect(cosine).toBeGreaterThan(0.9999)
      }
      expect(isCopy(flipped(noisy(turned(victim, seed), 0.3, 1000 + seed)), victim)).toBe(true)
      expect(isCopy(trainedAdapter(5000 + seed, victim.lora), victim)).toBe(false)
    }
  })

  test('are hidden by noise of the work’s own strength, as the cosine says', () => {
    const found = (strength: number) =>
      Array.from({ length: VICTIMS }, (_, seed) =>
        isCopy(noisy(trainedAdapter(seed), strength, 900 + seed), trainedAdapter(seed)),
      ).filter(Boolean).length / VICTIMS
    const shares = [0.1, 0.4, 0.6, 0.9, 1.2].map(found)
    console.log(
      `copies found under noise of 0.1, 0.4, 0.6, 0.9 and 1.2 times their strength: ${shares.map((share) => `${Math.round(100 * share)} %`).join(', ')}`,
    )
    // 1 / √(1 + s²) is 0.8 at s = 0.75.
    expect(shares.slice(0, 3)).toEqual([1, 1, 1])
    expect(shares.at(-1)).toBe(0)
  })

  test('are not seen in what the trainer made of different texts', async () => {
    const { config } = await openToy(new Uint8Array(await readFile(TOY)))
    const cosines: number[] = []
    const explained: number[] = []
    for (let seed = 0; seed < 10; seed++) {
      const zoo = await readZoo(config, seed)
      const honest = ([ROOT, ...HONEST] as const).map((member) => zooUpdates(zoo.get(member) as Adapter))
      for (const [i, one] of honest.entries()) {
        const comparison = compareAdapter(one, [])
        const others = honest.filter((_, other) => other !== i)
        explained.push(comparison.explainedBy(others))
        for (const other of others) {
          const likeness = comparison.with(other, copyCosine)
          expect(isNearCopy(likeness, copyCosine)).toBe(false)
          cosines.push(likeness.cosine)
        }
      }
    }
    console.log(
      `honest adapters: cosines up to ${Math.max(...cosines).toFixed(2)}, explained by others ${Math.max(...explained).toFixed(2)}`,
    )
    expect(Math.max(...cosines)).toBeLessThan(copyCosine / 2)
    expect(Math.max(...explained)).toBeLessThan(copyCosine ** 2 / 2)
  })

  test('in merges of up to eight are found among sixteen, unless their parents are named', () => {
    for (let count = 2; count <= 8; count++) {
      const adapters = Array.from({ length: 16 }, (_, i) => trainedAdapter(200 + i, { ...LORA, rank: 2 }))
      const parents = adapters.slice(0, count)
      const weights = parents.map((_, i) => 1 + i / count)
      const child = updatesOf(merged(parents, weights))
      const alike = adapters
        .map(updatesOf)
        .filter((updates) => compareAdapter(child, []).with(updates, copyCosine).cosine >= 0.2)
        .slice(0, 8)
      expect(compareAdapter(child, []).explainedBy(alike)).toBeGreaterThan(copyCosine ** 2)
      expect(compareAdapter(child, parents.map(updatesOf)).explainedBy(adapters.slice(count).map(updatesOf))).toBe(0)
    }
  })
})

describe('the privacy reference', () => {
  interface Row {
    readonly sigma: number
    readonly q: number
    readonly steps: number
    readonly delta: number
    readonly epsilonRdp: number
    readonly epsilonPld: number
  }
  const { rows } = JSON.parse(
    readFileSync(new URL('../vectors/privacy/dp-reference.json', import.meta.url), 'utf8'),
  ) as { readonly rows: readonly Row[] }

  const codeOf = async ({ sigma, q, steps, delta }: Row, epsilonRdp: number, epsilonPld?: number) => {
    const statement: PrivacyStatement = {
      mechanism: 'dp-sgd',
      sampling: 'poisson',
      noiseMultiplier: sigma,
      sampleRate: q,
      clipNorm: 1,
      steps,
      delta,
      epsilonRdp,
      ...(epsilonPld !== undefined && { epsilonPld }),
      unit: 'document',
    }
    return (await judge(privacy, arrivalOf(await makeGenome({ privacy: statement })))).code
  }

  test.each(rows)('σ $sigma, q $q, $steps steps', async (row) => {
    const up = 1 + 2e-6
    expect(await codeOf(row, row.epsilonRdp * up)).toBe('PASSED')
    expect(await codeOf(row, row.epsilonRdp * 0.999)).toBe('EPSILON_FALSE')
    expect(await codeOf({ ...row, steps: 2 * row.steps }, row.epsilonRdp)).toBe('EPSILON_FALSE')
  })

  test('by the privacy loss distribution is held to that', async () => {
    const row = { sigma: 1, q: 0.01, steps: 400, delta: 1e-5, epsilonRdp: 0, epsilonPld: 0 }
    const epsilon = rdpEpsilon(row, row.steps, row.delta).epsilon
    const tighter = pldEpsilon(row, row.steps, row.delta)
    expect(tighter).toBeLessThan(epsilon)
    expect(await codeOf(row, epsilon, tighter)).toBe('PASSED')
    expect(await codeOf(row, epsilon, 0.99 * tighter)).toBe('EPSILON_FALSE')
    expect(await codeOf(row, tighter, tighter)).toBe('EPSILON_FALSE')
  })
})
