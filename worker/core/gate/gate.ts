// The gate: ten layers in their order, the first refusal ends it, and what a layer throws is a refusal. It changes nothing:
// what it leaves behind comes back as records, and the node keeps them. Arrivals are judged one after another.

import { toHex } from '#core/crypto/bytes.ts'
import { errorMessage } from '#core/errors.ts'
import { openCandidate } from '#core/gate/candidate.ts'
import {
  notRun,
  refused,
  type Arrival,
  type Candidate,
  type Finding,
  type GateContext,
  type GateLayer,
  type GateOutcome,
  type LayerName,
} from '#core/gate/layer.ts'
import { GATE_LAYERS } from '#core/gate/layers.ts'
import type { GateRecords } from '#core/gate/records.ts'

export interface LayerReport {
  readonly name: LayerName
  readonly finding: Finding
  /** Milliseconds that the layer took. */
  readonly cost: number
}

export interface Judgement {
  /** Hex id of the genome that was judged, else of the one that was announced; null for a file without either. */
  readonly genome: string | null
  readonly outcome: GateOutcome
  /** Ten, in their order. */
  readonly layers: readonly LayerReport[]
  /** To be kept, and handed in with the next arrival. */
  readonly records: GateRecords
}

export async function judgeArrival(
  arrival: Arrival,
  context: GateContext,
  layers: readonly GateLayer[] = GATE_LAYERS,
): Promise<Judgement> {
  const candidate = openCandidate(arrival, context.verify)
  const reports: LayerReport[] = []
  let refusal: LayerName | null = null
  for (const layer of layers) {
    const begun = context.elapsed()
    const finding: Finding =
      refusal === null
        ? await askLayer(layer, candidate, context)
        : notRun('NOT_REACHED', `It was refused before this, by the layer "${refusal}".`)
    reports.push({ name: layer.name, finding, cost: context.elapsed() - begun })
    if (finding.outcome === 'refused') refusal = layer.name
  }
  const isWhole = reports.every(({ finding }) => finding.outcome === 'passed')
  const outcome = refusal !== null ? 'refused' : isWhole ? 'accepted' : 'incomplete'
  return {
    genome: await idOf(candidate),
    outcome,
    layers: reports,
    records: await rememberArrival(candidate, context, layers, reports, outcome),
  }
}

async function askLayer(layer: GateLayer, candidate: Candidate, context: GateContext): Promise<Finding> {
  try {
    return await layer.judge(candidate, context)
  } catch (error) {
    return refused('INTERNAL', `The layer "${layer.name}" failed, so it refuses: ${errorMessage(error)}`)
  }
}

async function rememberArrival(
  candidate: Candidate,
  context: GateContext,
  layers: readonly GateLayer[],
  reports: readonly LayerReport[],
  outcome: GateOutcome,
): Promise<GateRecords> {
  let { records } = context
  for (const [i, layer] of layers.entries()) {
    const finding = reports[i]?.finding
    if (!layer.remember || !finding || finding.code === 'NOT_REACHED') continue
    records = { ...records, ...(await layer.remember(candidate, { ...context, records }, { finding, outcome })) }
  }
  return records
}

async function idOf(candidate: Candidate): Promise<string | null> {
  const announced = candidate.announcement ? toHex(candidate.announcement.summary.genome) : null
  try {
    return (await candidate.genome())?.id ?? announced
  } catch {
    return announced
  }
}
