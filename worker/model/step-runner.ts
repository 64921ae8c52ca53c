// Runs a step: the columns of one session, or decode columns of several side by side, in one command buffer and one submit.
// What a column becomes does not depend on whose columns run beside it.

import { CentramError } from '#core/errors.ts'
import { orderScores } from '#core/sampling/sampler.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import type { GpuContext } from '../gpu/context.ts'
import type { Dispatch } from '../gpu/dispatch.ts'
import type { StepBuffer } from '../gpu/step-buffer.ts'
import type { ReadRequest, Submitter } from '../gpu/submit.ts'
import { writeTensor } from '../gpu/tensor.ts'
import type { Activations } from './activations.ts'
import type { AdapterSet } from './adapter-set.ts'
import type { Head } from './head.ts'
import type { KernelSet } from './kernel-set.ts'
import type { EmbeddingLayer } from './embedding.ts'
import {
  TOP_CANDIDATES,
  type ColumnOutput,
  type OutputKind,
  type ResultColumns,
  type StepFamily,
  type StepInput,
  type StepOutput,
} from './shard.ts'
import { joinLists, type HeadUse, type SessionLists, type StepLists } from './step-lists.ts'
import { stepMode, type StepMode } from './step-mode.ts'

/** What the sessions of a shard have in common. */
export interface ShardParts {
  readonly gpu: GpuContext
  readonly config: ModelConfig
  readonly submitter: Submitter
  readonly activations: Activations
  readonly kernels: KernelSet
  readonly embedding: EmbeddingLayer | null
  readonly head: Head | null
  readonly adapters: AdapterSet
  readonly lists: StepLists
  /** Why the shard can no longer be used. */
  failure(): CentramError | null
}

/** A session as steps see it. */
export interface SessionLane {
  /** Names the session's columns to its kernels. */
  readonly segment: StepBuffer
  lists(mode: StepMode): Promise<SessionLists>
  checkUsable(): void
  /** Settles when every earlier step of the session was submitted. */
  submitted: Promise<unknown>
}

/** One session's columns of a step. */
export interface StepPart {
  readonly lane: SessionLane
  readonly input: StepInput
  readonly position: number
  readonly columns: number
  readonly output: OutputKind | 'none'
  readonly results: ResultColumns
}

type PartOutput = Promise<StepOutput | undefined>

/** Sessions share the buffers, so a step's inputs are written and its work is submitted with nothing in between. */
export function runStep(parts: ShardParts, family: StepFamily, columns: readonly StepPart[]): PartOutput[] {
  const { gpu, config, submitter, activations, head, adapters, lists } = parts
  const total = columns.reduce((sum, part) => sum + part.columns, 0)
  const mode = stepMode(family, total)
  const use = headUse(columns, mode)
  const lanes = columns.map(({ lane }) => lane)

  const running = Promise.all(lanes.map((lane) => lane.submitted)).then(async () => {
    for (;;) {
      const { version } = adapters
      const shared = await lists.shared(mode)
      const own = await Promise.all(columns.map((part) => part.lane.lists(stepMode(family, part.columns))))
      const last = use && head ? await lists.head(use) : NOTHING
      // Adapters that were exchanged meanwhile took their buffers with them.
      if (version !== adapters.version) continue
      for (const lane of lanes) lane.checkUsable()
      const isProven = [shared, ...own, last].map(prove).every(Boolean)
      const run = () => submit(joinLists(shared, own, last))
      // Wrapped, so that the next step waits for the submit and not for the result.
      return { result: isProven ? run() : gpu.checked('a step of the model', run) }
    }
  })
  const submitted = running.catch(() => undefined)
  for (const lane of lanes) lane.submitted = submitted
  const reads = readsOf()
  const done = running.then(({ result }) => result)
  return columns.map(async (part, index): PartOutput => {
    try {
      const bytes = await done
      if (head && part.output === 'none') {
        if (bytes.length === 0) await submitter.idle()
        part.lane.checkUsable()
        return undefined
      }
      return readPart(part, index, bytes)
    } catch (error) {
      throw parts.failure() ?? error
    }
  })

  /** Where the part's columns begin among all. */
  function offsetOf(index: number): number {
    return columns.slice(0, index).reduce((sum, part) => sum + part.columns, 0)
  }

  function submit(list: Parameters<Submitter['run']>[0]): Promise<ArrayBuffer[]> {
    const tokens = new Uint32Array(total)
    for (const [index, { lane, input, position, columns: count }] of columns.entries()) {
      const first = offsetOf(index)
      lane.segment.write({ position, columns: count, first })
      if ('tokens' in input) tokens.set(input.tokens, first)
      else writeTensor(gpu, activations.hidden, input.hidden, first * config.width)
    }
    activations.step.write({ position: 0, columns: total, ...(parts.embedding && { tokens }) })
    return submitter.run(
      list,
      reads.map(({ read }) => read),
    )
  }

  /** What has to come back from the GPU, and for which part; all tokens of a step come in one piece. */
  function readsOf(): { read: ReadRequest; part: number | 'tokens' | 'hidden' }[] {
    if (!head) return [{ read: { buffer: activations.hidden.buffer, bytes: total * config.width * 4 }, part: 'hidden' }]
    if (use && 'states' in use) {
      return [{ read: { buffer: activations.normed.buffer, bytes: total * config.width * 4 }, part: 'hidden' }]
    }
    const bytes = config.vocabularySize * 4
    const wanted: { read: ReadRequest; part: number | 'tokens' }[] = []
    if (use?.argMax) {
      wanted.push({ read: { buffer: head.best, bytes: (use.columns === 'last' ? 1 : total) * 8 }, part: 'tokens' })
    }
    for (const [index, { output, results, columns: count }] of columns.entries()) {
      if (output !== 'top' && output !== 'logits') continue
      const number = results === 'each' ? count : 1
      const first = use?.columns === 'last' ? 0 : offsetOf(index) + count - number
      const read = { buffer: head.logits.buffer, offset: first * bytes, bytes: number * bytes }
      wanted.push({ read, part: index })
    }
    return wanted
  }

  function readPart(part: StepPart, index: number, all: readonly ArrayBuffer[]): StepOutput {
    const first = offsetOf(index)
    const bytes = (what: number | 'tokens' | 'hidden') =>
      all[reads.findIndex((read) => read.part === what)] ?? new ArrayBuffer(0)
    if (!head) {
      const values = new Float32Array(bytes('hidden'))
      const { width } = config
      return { kind: 'hidden', hidden: values.slice(first * width, (first + part.columns) * width) }
    }
    if (part.output === 'states') {
      return { kind: 'states', columns: part.columns, states: new Float32Array(bytes('hidden')) }
    }
    const number = part.results === 'each' ? part.columns : 1
    const isToken = part.output === 'token'
    const from = isToken && use?.columns !== 'last' ? first + part.columns - number : 0
    const size = isToken ? 8 : config.vocabularySize * 4
    const source = bytes(isToken ? 'tokens' : index)
    const outputs = Array.from({ length: number }, (_, column) =>
      readColumn(part.output, source.slice((from + column) * size, (from + column + 1) * size), config.vocabularySize),
    )
    const [only] = outputs
    return part.results === 'last' && only ? only : { kind: 'columns', columns: outputs }
  }
}

const NOTHING: readonly Dispatch[] = []

/** Lists that ran once without complaint: later runs differ in nothing that the GPU validates. */
const proven = new WeakSet<object>()

function prove(list: object): boolean {
  if (proven.has(list)) return true
  proven.add(list)
  return false
}

/** The last column alone where nobody wants more. */
function headUse(columns: readonly StepPart[], mode: StepMode): HeadUse | null {
  if (columns.every(({ output }) => output === 'none')) return null
  const [first] = columns
  if (first?.output === 'states') return { columns: mode, states: true }
  const isLast = columns.length === 1 && first?.results === 'last'
  return { columns: isLast ? 'last' : mode, argMax: columns.some(({ output }) => output === 'token') }
}

function readColumn(output: OutputKind | 'none', bytes: ArrayBuffer, vocabularySize: number): ColumnOutput {
  if (output === 'logits') return { kind: 'logits', logits: new Float32Array(bytes) }
  if (output === 'top') {
    const { ids, logits } = orderScores({ logits: new Float32Array(bytes) })
    return { kind: 'top', ids: ids.slice(0, TOP_CANDIDATES), logits: logits.slice(0, TOP_CANDIDATES) }
  }
  const [token = 0] = new Uint32Array(bytes, 0, 1)
  const [logit = NaN] = new Float32Array(bytes, 4, 1)
  if (Number.isFinite(logit) && token < vocabularySize) return { kind: 'token', token }
  throw new CentramError(
    'GPU_FAILED',
    'The GPU gave no usable token: its logits are not finite. Reload the model; if it happens again, the file is ' +
      'damaged or the graphics driver computes wrongly.',
  )
}
