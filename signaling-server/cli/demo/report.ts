// The demo's verdict: what the comparison proves, as one JSON object and as lines for a person.

import type { AnswerResult } from '../node-state.ts'
import { formatBytes, formatMs, formatTable } from '../format.ts'
import type { Comparison } from './comparison.ts'

export interface DemoReport {
  readonly model: string
  readonly modelTitle: string
  readonly modelBytes: number
  readonly prompt: string
  readonly chat: boolean
  readonly tabs: number
  readonly adapter: string
  readonly baseline: RunReport
  readonly split: RunReport
  /** Sum over the shards of the median time that one token takes on each. */
  readonly computeMs: number
  /** Median time of one token on the wire: all that is not computing. */
  readonly networkMs: number
  readonly tokensEqual: boolean
  /** SHA-256 over all logits, step by step. */
  readonly logitsEqual: boolean
  /** Steps whose logits were compared. */
  readonly stepsCompared: number
  /** The first step that differs, from 0; absent when none does. */
  readonly firstDifference?: number
  readonly layers: readonly LayerReport[]
  /** Payload of one hidden state on its way to the next shard, in f32. */
  readonly bytesPerHop: number
  readonly bytesSent: number
  readonly verdict: 'PASS' | 'FAIL'
}

export interface RunReport {
  readonly tokens: readonly number[]
  readonly text: string
  readonly msPerToken: number
  readonly prefillMs: number
  readonly promptTokens: number
  readonly finish: string
}

export interface LayerReport {
  readonly tab: string
  readonly node: string
  readonly first: number
  /** The last layer held (inclusive). */
  readonly last: number
  readonly bytes: number
  readonly computeMs: number
}

export interface DemoSettings {
  readonly prompt: string
  readonly chat: boolean
  readonly tabs: number
}

/** What every failed run reports, as far as it came. */
export interface FailureReport extends Partial<DemoReport> {
  readonly verdict: 'FAIL'
  readonly error: { readonly code: string; readonly message: string }
}

export function createReport(comparison: Comparison, settings: DemoSettings): DemoReport {
  const { baseline, split, model, nodes } = comparison
  const tokensDiffer = firstDifference(baseline.tokens, split.tokens)
  const logitsDiffer = firstDifference(baseline.logitsDigests, split.logitsDigests)
  const tokensEqual = tokensDiffer === null && baseline.tokens.length > 0
  // One digest per token on both sides, or the logits were not all compared.
  const complete = [baseline, split].every((run) => run.logitsDigests.length === run.tokens.length)
  const logitsEqual = complete && logitsDiffer === null && baseline.logitsDigests.length > 0
  const differences = [tokensDiffer, logitsDiffer].filter((index) => index !== null)
  return {
    model: model.id,
    modelTitle: model.title,
    modelBytes: model.sizeBytes,
    ...settings,
    adapter: comparison.adapter,
    baseline: describeRun(baseline),
    split: describeRun(split),
    computeMs: roundMs(split.computeMs.reduce((sum, ms) => sum + ms, 0)),
    networkMs: roundMs(split.networkMs),
    tokensEqual,
    logitsEqual,
    stepsCompared: Math.min(baseline.logitsDigests.length, split.logitsDigests.length),
    ...(differences.length > 0 ? { firstDifference: Math.min(...differences) } : {}),
    layers: split.stages.map((stage, index) => ({
      tab: `tab ${nodes.indexOf(stage.nodeId) + 1}`,
      node: stage.nodeId,
      first: stage.range.first,
      last: stage.range.last - 1,
      bytes: stage.bytes,
      computeMs: roundMs(split.computeMs[index] ?? 0),
    })),
    bytesPerHop: model.width * Float32Array.BYTES_PER_ELEMENT,
    bytesSent: split.bytesSent,
    verdict: tokensEqual && logitsEqual ? 'PASS' : 'FAIL',
  }
}

/** The report for a person, without the verdict line. */
export function describeReport(report: DemoReport): string[] {
  const { baseline, split, computeMs, networkMs } = report
  const share = (part: number) => `${Math.round((100 * part) / Math.max(computeMs + networkMs, Number.MIN_VALUE))} %`
  return [
    '',
    ...formatTable(
      ['', 'per token', 'prefill', 'tokens'],
      [
        ['one tab', formatMs(baseline.msPerToken), formatMs(baseline.prefillMs), String(baseline.tokens.length)],
        [`${report.tabs} tabs`, formatMs(split.msPerToken), formatMs(split.prefillMs), String(split.tokens.length)],
      ],
    ),
    '',
    ...formatTable(
      ['layers', 'held by', 'weights', 'per token', 'share'],
      [
        ...report.layers.map((layer) => [
          layer.first === layer.last ? `${layer.first}` : `${layer.first} to ${layer.last}`,
          `${layer.tab} (${layer.node.slice(0, 8)})`,
          formatBytes(layer.bytes),
          formatMs(layer.computeMs),
          share(layer.computeMs),
        ]),
        ['network', '', `${formatBytes(report.bytesPerHop)} a hop`, formatMs(networkMs), share(networkMs)],
      ],
    ),
    '',
    `The answer: ${JSON.stringify(split.text)}`,
    `Tokens ${report.tokensEqual ? 'equal' : 'DIFFER'}, logits ${report.logitsEqual ? 'equal bit for bit' : 'DIFFER'}, ` +
      `${report.stepsCompared} steps compared` +
      (report.firstDifference === undefined ? '.' : `; the first difference is at step ${report.firstDifference}.`),
  ]
}

function describeRun(run: AnswerResult): RunReport {
  const { tokens, text, msPerToken, prefillMs, promptTokens, finish } = run
  return { tokens, text, msPerToken: roundMs(msPerToken), prefillMs: roundMs(prefillMs), promptTokens, finish }
}

/** Browsers' clocks tick in 0.1 ms or less; further digits are noise of the subtraction. */
function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

/** Index of the first place where the two differ (in length too), or null. */
function firstDifference<T>(a: readonly T[], b: readonly T[]): number | null {
  const length = Math.max(a.length, b.length)
  for (let index = 0; index < length; index++) if (a[index] !== b[index]) return index
  return null
}
