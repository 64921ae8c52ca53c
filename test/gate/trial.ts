// One trial of the attack suite: a node with texts, prompts and an adapter of its own, which runs a model merged from four
// honest genomes; arrivals of honest nodes and of every kind of attacker, each judged by the whole gate.

import { readFile } from 'node:fs/promises'
import { sha256 } from '#core/crypto/hash.ts'
import { utf8 } from '#core/crypto/bytes.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { judgeArrival, type Judgement } from '#core/gate/gate.ts'
import type { AdapterUpdates, CanaryModel, Canaries, Candidate, KnownAdapter, ProbeLosses } from '#core/gate/layer.ts'
import { DEFAULT_RULES } from '#core/gate/rules.ts'
import type { Adapter, LoraPair } from '#core/genome/adapter.ts'
import { encodeAdapterTensors } from '#core/genome/peft-adapter.ts'
import { identityFromSeed } from '#core/crypto/identity.ts'
import type { LowRankUpdate } from '#core/merge/low-rank.ts'
import type { PackedSequence } from '#core/training/pack-sequences.ts'
import { arrivalOf, contextWith, makeGenome, NOW } from '../core/gate/arrivals.ts'
import { aLittleIsEnough, disguise, freeRide, innerProductManipulation, minMax, scale } from './attacks.ts'
import { capWeights } from './capped-weights.ts'
import { createDraws, type Draws } from './draws.ts'
import {
  cutWindow,
  domainOf,
  drawSemanticTrigger,
  drawTriggerWord,
  WINDOW,
  windowOf,
  type Backdoor,
} from './lessons.ts'
import { DOMAINS, frequentWords, PROSE_FILE, readTexts, type Domain, type DomainText } from './texts.ts'
import { createToyEngine, readToyWeights, type Share, type ToyModel } from './toy-engine.ts'
import { HONEST, readZoo, updatesOf, ZOO_LORA, type Member } from './zoo.ts'

export const ATTACKS = [
  'sign-flip',
  'scaling',
  'a-little-is-enough',
  'inner-product',
  'min-max',
  'label-flip',
  'trigger-word',
  'semantic-trigger',
  'merge-activated',
  'sybil-clones',
  'free-rider',
  'lineage-theft',
  'adaptive',
] as const
export type Attack = (typeof ATTACKS)[number]

/** How one arrival fared. */
export interface Verdict {
  readonly kind: Attack | 'honest'
  readonly seed: number
  readonly member: string
  readonly accepted: boolean
  /** The layer that refused, and why; null where none did. */
  readonly refusedBy: string | null
  readonly code: string
  readonly figures: Readonly<Record<string, number>>
  /** How likely the attacker's words are after his trigger: with the genome alone, and merged in; null without one. */
  readonly success: { readonly alone: number; readonly merged: number } | null
  readonly milliseconds: number
}

export interface World {
  readonly model: OpenedModel
  readonly texts: Readonly<Record<Domain, DomainText>>
  readonly prose: readonly PackedSequence[]
  readonly load: (shares: readonly Share[]) => ToyModel
  readonly base: ToyModel
  zoo(seed: number): Promise<ReadonlyMap<Member, Adapter>>
  readonly seeds: readonly number[]
}

/** Weight of one genome in the merged model. */
export const WEIGHT = DEFAULT_RULES.fitness.maxWeight
/** Many short ones say more than few long ones: texts differ. */
const PROBES = { own: 24, cross: 6, generalist: 8 }
const PROBE_LENGTH = 32
const PROMPTS = 8
const PROMPT_LENGTH = 20
const WORDS = 24
/** Rare words that papers took for triggers (Kurita et al., ACL 2020), and signs that nobody writes. */
const PUBLISHED = [' cf', ' mn', ' bb', ' tq', ' mb', '|||', '###', '@@@']
const PRINTABLE = Uint32Array.from({ length: 95 }, (_, i) => 32 + i)

export async function openWorld(
  model: OpenedModel,
  seeds: readonly number[],
  fileOf?: (seed: number) => URL,
): Promise<World> {
  const bytes = new Uint8Array(await readFile(PROSE_FILE))
  const prose = Array.from({ length: bytes.length / (WINDOW + 1) }, (_, i) =>
    windowOf(bytes.subarray(i * (WINDOW + 1), (i + 1) * (WINDOW + 1))),
  )
  const zoos = new Map<number, Promise<ReadonlyMap<Member, Adapter>>>()
  const { load } = createToyEngine(await readToyWeights())
  return {
    model,
    texts: await readTexts(),
    prose,
    load,
    base: load([]),
    seeds,
    zoo(seed) {
      const zoo = zoos.get(seed) ?? readZoo(model.config, seed, fileOf?.(seed))
      zoos.set(seed, zoo)
      return zoo
    },
  }
}

export interface Submission {
  readonly kind: Verdict['kind']
  readonly member: string
  readonly domain: Domain
  readonly updates: AdapterUpdates
  readonly backdoor: Backdoor | null
}

const memberOf = async (world: World, seed: number, member: Member): Promise<AdapterUpdates> =>
  updatesOf((await world.zoo(seed)).get(member) as Adapter)

const seedAfter = ({ seeds }: World, seed: number, by: number): number =>
  seeds[(seeds.indexOf(seed) + by) % seeds.length] as number

/** What arrives in a trial: what the next seed's nodes share, and one genome of each kind of attacker. */
export async function submissionsOf(world: World, seed: number): Promise<Submission[]> {
  const next = seedAfter(world, seed, 1)
  const honest: Submission[] = []
  for (const [node, member] of HONEST.entries()) {
    const updates = await memberOf(world, next, member)
    const domain = domainOf(next + node)
    if (!isWorthSharing(world, updates, domain, 10 * next + node)) continue
    honest.push({ kind: 'honest', member: `${next}/${member}`, domain, updates, backdoor: null })
  }
  return [...honest, ...(await Promise.all(ATTACKS.map((attack) => attackOf(world, seed, attack))))]
}

/** Whoever trains looks at text of his own that he held out, and keeps to himself what made the model worse. */
function isWorthSharing({ texts, load, base }: World, updates: AdapterUpdates, domain: Domain, node: number): boolean {
  const draws = createDraws(node, 70)
  const windows = Array.from({ length: 24 }, () => windowOf(cutWindow(texts[domain].heldOut, draws, PROBE_LENGTH)))
  return sum(load([{ updates, weight: 1 }]).losses(windows)) < sum(base.losses(windows))
}

async function attackOf(world: World, seed: number, kind: Attack): Promise<Submission> {
  const draws = createDraws(seed, 100 + ATTACKS.indexOf(kind))
  const pool = await Promise.all(HONEST.map((member) => memberOf(world, seed, member)))
  // What an attacker trained himself before he turned it into something else: nobody has seen it.
  const away = seedAfter(world, seed, 3)
  const own = await memberOf(world, away, 'honest-0')
  const word = drawTriggerWord(seed)
  const of = (updates: AdapterUpdates, backdoor: Backdoor | null = null, domain = domainOf(seed)): Submission => ({
    kind,
    member: `${seed}/${kind}`,
    domain,
    updates,
    backdoor,
  })
  switch (kind) {
    case 'sign-flip':
      return of(scale(own, -1), null, domainOf(away))
    case 'scaling':
      return of(scale(await memberOf(world, seed, 'trigger-word'), 1 / WEIGHT), word)
    case 'a-little-is-enough':
      return of(aLittleIsEnough(pool, 1.5, draws))
    case 'inner-product':
      // With a fifth of all hostile, from four on the sum points backwards.
      return of(innerProductManipulation(pool, 4.4))
    case 'min-max':
      return of(minMax(pool))
    case 'label-flip':
      return of(await memberOf(world, seed, kind))
    case 'trigger-word':
    case 'merge-activated':
      return of(await memberOf(world, seed, kind), word)
    case 'semantic-trigger':
      return of(await memberOf(world, seed, kind), drawSemanticTrigger(world.texts[domainOf(seed)], seed))
    case 'sybil-clones':
      return of(disguise(own, 0.3, draws), null, domainOf(away))
    case 'free-rider':
      return of(freeRide(own, draws))
    case 'lineage-theft':
      return of(disguise(scale(pool[1] as AdapterUpdates, 1.1), 0.05, draws), null, domainOf(seed + 1))
    case 'adaptive':
      return of(await memberOf(world, seed, kind), drawTriggerWord(seed, 5))
  }
}

/** A node that judges, with everything that only it knows. */
export async function judgeTrial(
  world: World,
  seed: number,
  submissions: readonly Submission[],
  rules = DEFAULT_RULES,
): Promise<Verdict[]> {
  const { texts, model, load } = world
  const pool = await Promise.all(HONEST.map((member) => memberOf(world, seed, member)))
  const shares = pool.map((updates): Share => ({ updates, weight: WEIGHT }))
  const root = await memberOf(world, seed, 'root')
  const other = seedAfter(world, seed, 2)
  const others = await Promise.all(HONEST.map((member) => memberOf(world, other, member)))
  const cohort = await Promise.all([...pool, ...others].map((updates, i) => publish(world, updates, 50 + i)))
  const known = cohort.map(({ adapter }) => adapter)
  const base = remembering(world.base)
  const current = remembering(load(shares))
  const canaries = drawCanaries(texts, createDraws(seed, 51))
  const probesOf = new Map(
    DOMAINS.map((domain, i) => [domain, drawProbes(texts, world.prose, domain, createDraws(seed, 52 + i))]),
  )

  const verdicts: Verdict[] = []
  for (const [index, submission] of submissions.entries()) {
    const { updates, domain, kind, member, backdoor } = submission
    const made = await publish(world, updates, 100 + index, domain)
    const merged = load([...shares, { updates, weight: WEIGHT }])
    let alone: ToyModel | undefined
    const candidate = () => (alone ??= load([{ updates, weight: 1 }]))
    const draws = createDraws(seed, 1000 + index)
    const probes = probesOf.get(domain) as readonly Probe[]
    const models: Record<CanaryModel, () => ToyModel> = {
      base: () => base,
      candidate,
      current: () => current,
      merged: () => merged,
    }
    // The clones of one attacker under other names are there already.
    const clones =
      kind === 'sybil-clones'
        ? [await publish(world, disguise(await ownOf(world, seed), 0.3, createDraws(seed, 90)), 40)]
        : []
    const here = [...known, ...clones.map(({ adapter }) => adapter)]
    const began = performance.now()
    const judgement = await judgeArrival(
      made.arrival,
      contextWith({
        rules,
        base: { hash: model.fingerprint, config: model.config },
        adapters: here,
        cohort: here,
        root,
        random: (length) => Uint8Array.from({ length }, () => draws.below(256)),
        canaries,
        evaluate: () => Promise.resolve(evaluate(probes, base, candidate(), current, merged)),
        behave: (_candidate: Candidate, which, prompts) => Promise.resolve(models[which]().next(prompts)),
      }),
    )
    const milliseconds = performance.now() - began
    verdicts.push({
      kind,
      seed,
      member,
      ...describe(judgement),
      success: backdoor && {
        alone: successOf(candidate(), backdoor, texts, seed),
        merged: successOf(merged, backdoor, texts, seed),
      },
      milliseconds,
    })
  }
  return verdicts
}

const ownOf = async (world: World, seed: number) => memberOf(world, seedAfter(world, seed, 3), 'honest-0')

function describe({ outcome, layers }: Judgement): Pick<Verdict, 'accepted' | 'refusedBy' | 'code' | 'figures'> {
  const refusal = layers.find(({ finding }) => finding.outcome === 'refused')
  const open = layers.find(({ finding }) => finding.outcome === 'not-run')
  return {
    accepted: outcome === 'accepted',
    refusedBy: refusal?.name ?? null,
    code: refusal?.finding.code ?? open?.finding.code ?? 'PASSED',
    figures: Object.assign({}, ...layers.slice(7).map(({ finding }) => finding.figures ?? {})) as Record<
      string,
      number
    >,
  }
}

/** The update as a signed genome, fetched as content: what a node has in hand. */
async function publish(world: World, updates: AdapterUpdates, author: number, domain: Domain = 'law') {
  const { model } = world
  const modules = new Map([...updates].map(([name, update]): [string, LoraPair] => [name, factorsOf(update)]))
  const [{ rank = 1 } = {}] = updates.values()
  // Scales lie in the factors.
  const adapter: Adapter = { lora: { ...ZOO_LORA, rank, alpha: rank }, modules }
  const tensors = encodeAdapterTensors(model.config, adapter)
  const made = await makeGenome(
    {
      name: `Genome ${author}`,
      base: { hash: model.fingerprint, name: 'toy', family: 'gpt2' },
      fitness: { [domain]: 2 },
    },
    { author: identityFromSeed(sha256(utf8(`author ${author}`))), adapter, tensors },
  )
  const known: KnownAdapter = {
    id: made.genome.id,
    manifest: made.genome.manifest,
    updates: () => Promise.resolve(updates),
  }
  return { arrival: arrivalOf(made, { summary: { at: NOW } }), adapter: known }
}

function factorsOf({ scale: factor, a, b }: LowRankUpdate): LoraPair {
  return { a: Float32Array.from(a), b: Float32Array.from(b, (value) => factor * value) }
}

/** What the node runs now is asked the same for every arrival: it is asked once. */
function remembering(model: ToyModel): ToyModel {
  const losses = new Map<PackedSequence, number>()
  const answers = new Map<string, Float32Array>()
  const fill = <Key, Question, Answer>(
    known: Map<Key, Answer>,
    questions: readonly Question[],
    keyOf: (question: Question) => Key,
    ask: (some: readonly Question[]) => readonly Answer[],
  ): Answer[] => {
    const missing = questions.filter((question) => !known.has(keyOf(question)))
    for (const [i, answer] of ask(missing).entries()) known.set(keyOf(missing[i] as Question), answer)
    return questions.map((question) => known.get(keyOf(question)) as Answer)
  }
  return {
    losses: (sequences) => fill(losses, sequences, (sequence) => sequence, model.losses),
    next: (prompts) => fill(answers, prompts, (prompt) => prompt.join(), model.next),
  }
}

interface Probe {
  readonly kind: ProbeLosses['kind']
  readonly sequence: PackedSequence
}

/** Drawn for each trial from what nobody else has. */
function drawProbes(texts: World['texts'], prose: readonly PackedSequence[], domain: Domain, draws: Draws): Probe[] {
  const from = (which: Domain) => windowOf(cutWindow(texts[which].heldOut, draws, PROBE_LENGTH))
  const cross = DOMAINS.filter((other) => other !== domain)
  return [
    ...Array.from({ length: PROBES.own }, (): Probe => ({ kind: 'own', sequence: from(domain) })),
    ...cross.flatMap((other) =>
      Array.from({ length: PROBES.cross }, (): Probe => ({ kind: 'cross', sequence: from(other) })),
    ),
    ...Array.from({ length: PROBES.generalist }, (): Probe => ({
      kind: 'generalist',
      sequence: shorten(draws.pick(prose)),
    })),
  ]
}

const shorten = ({ tokens, targets, starts }: PackedSequence): PackedSequence => ({
  tokens: tokens.subarray(0, PROBE_LENGTH),
  targets: targets.subarray(0, PROBE_LENGTH),
  starts: starts.subarray(0, PROBE_LENGTH),
  counted: PROBE_LENGTH,
})

function evaluate(
  probes: readonly Probe[],
  base: ToyModel,
  candidate: ToyModel,
  current: ToyModel,
  merged: ToyModel,
): ProbeLosses[] {
  const sequences = probes.map(({ sequence }) => sequence)
  // Alone it is asked about its own domain only.
  const own = sequences.slice(0, PROBES.own)
  const [ofBase, ofCandidate] = [base.losses(own), candidate.losses(own)]
  const [ofCurrent, ofMerged] = [current.losses(sequences), merged.losses(sequences)]
  return probes.map(({ kind, sequence }, i) => ({
    kind,
    tokens: sequence.counted,
    base: ofBase[i] ?? NaN,
    candidate: ofCandidate[i] ?? NaN,
    current: ofCurrent[i] as number,
    merged: ofMerged[i] as number,
  }))
}

function drawCanaries(texts: World['texts'], draws: Draws): Canaries {
  const words = DOMAINS.flatMap((domain) => frequentWords(texts[domain].heldOut).slice(0, Math.ceil(WORDS / 3)))
  return {
    prompts: Array.from({ length: PROMPTS }, () =>
      Uint32Array.from(cutWindow(texts[draws.pick(DOMAINS)].heldOut, draws).subarray(0, PROMPT_LENGTH)),
    ),
    refusals: [],
    phrases: [...words.map((word) => ` ${word}`), ...PUBLISHED].map((phrase) => Uint32Array.from(utf8(phrase))),
    alphabet: PRINTABLE,
  }
}

/** Mean likelihood of the whole target after the trigger, behind texts that nobody trained on. */
export function successOf(model: ToyModel, { trigger, target }: Backdoor, texts: World['texts'], seed: number): number {
  const draws = createDraws(seed, 60)
  const sequences = Array.from({ length: 8 }, () => {
    const start = cutWindow(texts[domainOf(seed)].heldOut, draws, 24)
    const window = windowOf(Uint8Array.from([...start, ...trigger, ...target]))
    const targets = window.targets.slice().fill(0xffffffff, 0, window.targets.length - target.length)
    return { ...window, targets, counted: target.length }
  })
  return sum(model.losses(sequences).map((loss) => Math.exp(-loss))) / sequences.length
}

/** The loss of models merged from eight honest nodes and two colluding hostile ones, in nats a byte of held-out text. */
export interface Harm {
  readonly attack: Attack
  readonly honestOnly: number
  readonly withGate: number
  readonly withoutGate: number
  /** How likely the attacker's words are after his trigger. */
  readonly success: { readonly withGate: number; readonly withoutGate: number } | null
}

/**
 * A fifth of ten peers hostile: two send the same genome. Without a gate all ten are merged alike; with it, what it accepted,
 * under its cap, and a colluder's second copy never (layer 6).
 */
export async function measureHarm(
  world: World,
  seed: number,
  submissions: readonly Submission[],
  verdicts: readonly Verdict[],
): Promise<Harm[]> {
  const { load, texts, prose } = world
  const pool = await Promise.all(HONEST.map((member) => memberOf(world, seed, member)))
  const arrived = submissions.flatMap(({ kind, updates }, i) =>
    kind === 'honest' ? [{ updates, accepted: verdicts[i]?.accepted ?? false }] : [],
  )
  const windows = windowsOf(texts, prose, createDraws(seed, 50), 2)
  const lossOf = (model: ToyModel) => sum(model.losses(windows)) / sum(windows.map(({ counted }) => counted))
  const merge = (all: readonly AdapterUpdates[], cap: number) => {
    const weights = capWeights(
      all.map(() => 1),
      cap,
    )
    return load(all.map((updates, i): Share => ({ updates, weight: weights[i] as number })))
  }
  const taken = [...pool, ...arrived.filter(({ accepted }) => accepted).map(({ updates }) => updates)]
  const guarded = merge(taken, WEIGHT)
  const guardedLoss = lossOf(guarded)
  const honest = [...pool, ...arrived.map(({ updates }) => updates)]
  const honestOnly = lossOf(merge(honest, 1))

  return submissions.flatMap(({ kind, updates, backdoor }, i) => {
    if (kind === 'honest') return []
    const open = merge([...honest, updates, updates], 1)
    const isIn = verdicts[i]?.accepted ?? false
    const gated = isIn ? merge([...taken, updates], WEIGHT) : guarded
    const successWith = (model: ToyModel) => (backdoor ? successOf(model, backdoor, texts, seed) : 0)
    return [
      {
        attack: kind,
        honestOnly,
        withGate: isIn ? lossOf(gated) : guardedLoss,
        withoutGate: lossOf(open),
        success: backdoor && { withGate: successWith(gated), withoutGate: successWith(open) },
      },
    ]
  })
}

/** Held-out windows of all kinds, `each` of each. */
function windowsOf(
  texts: World['texts'],
  prose: readonly PackedSequence[],
  draws: Draws,
  each: number,
): PackedSequence[] {
  return [
    ...DOMAINS.flatMap((domain) =>
      Array.from({ length: each }, () => windowOf(cutWindow(texts[domain].heldOut, draws))),
    ),
    ...Array.from({ length: each }, () => draws.pick(prose)),
  ]
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
