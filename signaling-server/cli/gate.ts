// `centram gate`: judges genomes on disk, each as if it had come to a node that has the others. What wants a sender, a room, a
// GPU or private text is reported as not run, and what was not run was not passed.

import { basename, relative } from 'node:path'
import { performance } from 'node:perf_hooks'
import { plainVerifier } from '#core/crypto/identity.ts'
import type { CentramError } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { openCandidate } from '#core/gate/candidate.ts'
import { judgeArrival, type Judgement, type LayerReport } from '#core/gate/gate.ts'
import { GATE_VERSION } from '#core/gate/layer.ts'
import {
  LAYER_NAMES,
  notRun,
  refused,
  type Candidate,
  type GateContext,
  type GateLayer,
  type KnownAdapter,
} from '#core/gate/layer.ts'
import { GATE_LAYERS } from '#core/gate/layers.ts'
import { NO_RECORDS, type GateRecords } from '#core/gate/records.ts'
import { DEFAULT_RULES } from '#core/gate/rules.ts'
import type { SignedGenome } from '#core/genome/signed-genome.ts'
import { formatMs, formatTable } from './format.ts'
import { openGateInputs, withBaseModel, type GateInput } from './gate-inputs.ts'

export interface GateOptions {
  readonly base?: string
  readonly json: boolean
}

interface Judged {
  readonly path: string
  readonly genome: string | null
  readonly name: string | null
  readonly outcome: Judgement['outcome']
  readonly layers: readonly LayerReport[]
}

/** One that could be opened. */
interface Opened {
  readonly path: string
  readonly candidate: Candidate
  /** Null where it has none that holds. */
  readonly genome: SignedGenome | null
}

/** Layers that look at a genome by itself and at those before it; the others want to know who is worth comparing with. */
const ALONE = GATE_LAYERS.filter(({ name }) => name !== 'statistics' && name !== 'behaviour' && name !== 'fitness')

/** Returns the exit code: 1 where any was refused. */
export async function runGate(path: string, { base, json }: GateOptions): Promise<number> {
  const judged = await withBaseModel(base ?? null, async (model) =>
    judgeAll(await openGateInputs(path, model?.config.family ?? null, DEFAULT_RULES.maxBytes), model),
  )
  const lines = json ? [JSON.stringify(reportOf(judged))] : describeAll(path, judged)
  process.stdout.write(`${lines.join('\n')}\n`)
  return judged.some(({ outcome }) => outcome === 'refused') ? 1 : 0
}

async function judgeAll(inputs: readonly GateInput[], model: OpenedModel | null): Promise<readonly Judged[]> {
  const opened: Opened[] = []
  const judged = new Map<string, Judged>()
  for (const { path, arrival } of inputs) {
    if (arrival instanceof Error) judged.set(path, unopened(path, arrival))
    else {
      const candidate = openCandidate(arrival, plainVerifier)
      opened.push({ path, candidate, genome: await candidate.genome().catch(() => null) })
    }
  }
  // As they were made, so that whoever came first is not taken for the copy.
  const inOrder = opened.sort((a, b) => madeAt(a) - madeAt(b) || (a.path < b.path ? -1 : 1))
  const first = await judgeInOrder(inOrder, model, ALONE, () => [])
  const standing = inOrder.filter(({ path }) => first.get(path)?.outcome !== 'refused')
  const whole = await judgeInOrder(standing, model, GATE_LAYERS, ({ path }) =>
    standing.filter((other) => other.path !== path && hasSameBase(other, model)),
  )
  for (const one of inOrder) judged.set(one.path, whole.get(one.path) ?? withAllLayers(first.get(one.path) as Judged))
  return inputs.map(({ path }) => judged.get(path) as Judged)
}

async function judgeInOrder(
  opened: readonly Opened[],
  model: OpenedModel | null,
  layers: readonly GateLayer[],
  cohortOf: (one: Opened) => readonly Opened[],
): Promise<ReadonlyMap<string, Judged>> {
  const judged = new Map<string, Judged>()
  const before: KnownAdapter[] = []
  let records: GateRecords = NO_RECORDS
  for (const one of opened) {
    const { path, candidate, genome } = one
    const context = contextFor(one, opened, before, cohortOf(one), model, records)
    const judgement = await judgeArrival(candidate, context, layers)
    records = judgement.records
    judged.set(path, {
      path,
      genome: judgement.genome,
      name: genome?.manifest.name ?? null,
      outcome: judgement.outcome,
      layers: judgement.layers,
    })
    if (genome && judgement.outcome !== 'refused') {
      before.push({ id: genome.id, manifest: genome.manifest, updates: () => candidate.updates() })
    }
  }
  return judged
}

function contextFor(
  { genome }: Opened,
  all: readonly Opened[],
  before: readonly KnownAdapter[],
  cohort: readonly Opened[],
  model: OpenedModel | null,
  records: GateRecords,
): GateContext {
  const known = new Map(all.flatMap((other) => (other.genome ? [[other.genome.id, other.genome] as const] : [])))
  return {
    now: Date.now,
    elapsed: () => performance.now(),
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    verify: plainVerifier,
    rules: DEFAULT_RULES,
    records,
    keys: { status: () => 'current', isSame: (a, b) => a === b },
    scoreOf: () => 0,
    withdrawnAt: () => null,
    findGenome: (id) => known.get(id) ?? null,
    adapters: before.filter(({ manifest }) => manifest.base.hash === genome?.manifest.base.hash),
    base: model && { hash: model.fingerprint, config: model.config },
    cohort: cohort.map((other) => ({
      id: other.genome?.id ?? other.path,
      updates: () => other.candidate.updates(),
    })),
    root: null,
    evaluate: null,
    canaries: null,
    behave: null,
  }
}

const madeAt = ({ genome }: Opened): number => genome?.manifest.createdAt ?? Number.MAX_SAFE_INTEGER

/** A folder without a manifest is of the base model that it is judged for, or of nobody knows which. */
function hasSameBase({ genome }: Opened, model: OpenedModel | null): boolean {
  return genome === null ? model !== null : model === null || genome.manifest.base.hash === model.fingerprint
}

function unopened(path: string, error: CentramError): Judged {
  const finding = refused('WRONG_TYPE', error.message)
  const refusal = { name: 'admission' as const, finding, cost: 0 }
  return withAllLayers({ path, genome: null, name: null, outcome: 'refused', layers: [refusal] })
}

/** With the layers that were not reached. */
function withAllLayers(judged: Judged): Judged {
  const reached = new Map(judged.layers.map((report) => [report.name, report]))
  const layers = LAYER_NAMES.map(
    (name) => reached.get(name) ?? { name, finding: notRun('NOT_REACHED', 'It was refused before this.'), cost: 0 },
  )
  return { ...judged, layers }
}

function reportOf(judged: readonly Judged[]) {
  return {
    version: GATE_VERSION,
    genomes: judged.map(({ layers, ...rest }) => ({
      ...rest,
      layers: layers.map(({ name, finding, cost }) => ({ layer: name, ...finding, costMs: cost })),
    })),
    refused: judged.filter(({ outcome }) => outcome === 'refused').length,
  }
}

const MARKS = { passed: 'ok', refused: 'NO', 'not-run': '-' }
const OUTCOMES = { accepted: 'accepted', incomplete: 'not refused', refused: 'refused' }

function describeAll(folder: string, judged: readonly Judged[]): string[] {
  const [only] = judged
  if (judged.length === 1 && only) return describeOne(folder, only)
  const head = ['genome', 'verdict', ...LAYER_NAMES.map((name) => name.slice(0, 4)), 'why']
  const rows = judged.map((one) => [
    nameOf(folder, one),
    OUTCOMES[one.outcome],
    ...one.layers.map(({ finding }) => MARKS[finding.outcome]),
    refusalOf(one)?.finding.message ?? '',
  ])
  const count = judged.filter(({ outcome }) => outcome === 'refused').length
  return [...formatTable(head, rows), '', `${count} of ${judged.length} refused. ${EXPLANATION}`]
}

const EXPLANATION = 'What is marked "-" was not run here, and so was not passed either.'

function describeOne(folder: string, one: Judged): string[] {
  const rows = one.layers.map(({ name, finding, cost }) => [
    name,
    MARKS[finding.outcome],
    finding.code,
    finding.code === 'NOT_REACHED' ? '' : formatMs(cost),
    finding.message,
  ])
  return [
    `${nameOf(folder, one)}: ${OUTCOMES[one.outcome]}${one.genome === null ? '' : `  ${one.genome}`}`,
    ...formatTable(['layer', '', 'code', 'cost', 'finding'], rows),
    '',
    EXPLANATION,
  ]
}

function nameOf(folder: string, { path, name }: Judged): string {
  const place = relative(folder, path) || basename(path)
  return name === null ? place : `${place} "${name}"`
}

const refusalOf = ({ layers }: Judged): LayerReport | undefined =>
  layers.find(({ finding }) => finding.outcome === 'refused')
