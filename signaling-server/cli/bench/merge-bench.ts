// Figures of merging: our operators in Node.js, and mergekit on the same files where a Python that has it is named, turn
// by turn.

import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSafetensorsWriter, layOutSafetensors } from '#core/formats/safetensors-writer.ts'
import { planTensorMerge } from '#core/merge/merge-tensors.ts'
import type { GivenParameters } from '#core/merge/parameters.ts'
import { findOperator } from '#core/merge/registry.ts'
import { openTensorSet, readFloats } from '#core/merge/tensor-set.ts'
import { openFileSource } from '../file-source.ts'
import type { Watchdog } from '../watchdog.ts'
import { writeMergeFiles, type MergeFiles } from './merge-files.ts'
import type { MergeFigures, MergeRow, MergeTimes } from './merge-figures.ts'
import { startMergekit, type Mergekit } from './mergekit.ts'
import { spreadOf } from './spread.ts'

export interface MergeBenchOptions {
  /** A Python with mergekit. */
  readonly python?: string
  readonly repeats: number
  readonly watchdog: Watchdog
  readonly say: (line: string) => void
}

interface Job {
  readonly operator: string
  readonly base: boolean
  /** All but those of two ends, which take one. */
  readonly parents: number
  readonly given: GivenParameters
  /** Draws at random, each side in its own way: the results cannot be the same. */
  readonly random?: true
}

/** Rounds that are not counted: the first compile what the next ones run. */
const WARM_UP = 3

const WEIGHTS = [0.5, 0.3, 0.2]
const JOBS: readonly Job[] = [
  { operator: 'linear', base: false, parents: 3, given: { weight: WEIGHTS } },
  { operator: 'task_arithmetic', base: true, parents: 3, given: { weight: WEIGHTS } },
  { operator: 'slerp', base: true, parents: 1, given: { t: 0.4 } },
  { operator: 'nuslerp', base: true, parents: 2, given: { weight: [0.6, 0.4] } },
  { operator: 'multislerp', base: false, parents: 3, given: { weight: WEIGHTS } },
  { operator: 'karcher', base: false, parents: 3, given: {} },
  { operator: 'model_stock', base: true, parents: 3, given: {} },
  { operator: 'ties', base: true, parents: 3, given: { weight: WEIGHTS, density: 0.5 } },
  { operator: 'dare_ties', base: true, parents: 3, given: { weight: WEIGHTS, density: 0.5 }, random: true },
  { operator: 'della', base: true, parents: 3, given: { weight: WEIGHTS, density: 0.5, epsilon: 0.15 }, random: true },
  { operator: 'breadcrumbs', base: true, parents: 3, given: { weight: WEIGHTS, density: 0.9, gamma: 0.01 } },
  { operator: 'sce', base: true, parents: 3, given: { select_topk: 0.5 } },
  { operator: 'nearswap', base: true, parents: 1, given: { t: 0.001 } },
  { operator: 'arcee_fusion', base: true, parents: 1, given: {} },
]

/** As most models are stored. One of each kind is enough: what differs is reading and writing. */
const IN_BF16 = ['linear', 'slerp', 'ties']

export async function benchMerge(options: MergeBenchOptions): Promise<MergeFigures> {
  const { say, watchdog, python } = options
  const folder = await mkdtemp(join(tmpdir(), 'centram-merge-'))
  let mergekit: Mergekit | null = null
  try {
    const rows: MergeRow[] = []
    if (python !== undefined) mergekit = await watchdog.guard('mergekit to start', startMergekit(python))
    for (const dtype of ['F32', 'BF16'] as const) {
      const files = await writeMergeFiles(folder, dtype)
      for (const job of dtype === 'F32' ? JOBS : JOBS.filter(({ operator }) => IN_BF16.includes(operator))) {
        const row = await runJob(job, dtype, files, folder, mergekit, options)
        rows.push(row)
        say(`  ${dtype} ${job.operator}: ${Math.round(row.megabytesPerSecond.median)} MB/s`)
      }
    }
    return { mergekit: mergekit && mergekit.versions, rows }
  } finally {
    mergekit?.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function runJob(
  job: Job,
  dtype: string,
  files: MergeFiles,
  folder: string,
  mergekit: Mergekit | null,
  { repeats, watchdog }: MergeBenchOptions,
): Promise<MergeRow> {
  const parents = files.parents.slice(0, job.parents)
  const base = job.base ? files.base : null
  const out = join(folder, 'ours.safetensors')
  const theirOut = join(folder, 'theirs.safetensors')
  const request = {
    operator: job.operator,
    parameters: job.given,
    base,
    inputs: base === null ? parents : [base, ...parents],
    out: theirOut,
  }
  const ours: MergeTimes[] = []
  const theirs = { oneThread: [] as MergeTimes[], allThreads: [] as MergeTimes[] }
  let failure: string | undefined
  for (let repeat = 1 - WARM_UP; repeat <= repeats; repeat++) {
    const times = await merge(job, base, parents, out)
    if (repeat > 0) ours.push(times)
    for (const [list, threads] of [
      [theirs.oneThread, 1],
      [theirs.allThreads, 0],
    ] as const) {
      // What runs there is compiled already; one round is enough to have its files at hand.
      if (!mergekit || failure !== undefined || (repeat < 1 && repeat > 1 - WARM_UP)) break
      const answer = await watchdog.guard('mergekit to merge', mergekit.merge({ ...request, threads }))
      if (typeof answer === 'string') failure = answer
      else if (repeat > 0) list.push(answer)
    }
    watchdog.progress(`${job.operator} was merged`)
  }
  const megabytes = (request.inputs.length * files.bytes) / 1e6
  const rate = (list: readonly MergeTimes[]) =>
    spreadOf(list.map(({ milliseconds }) => (1000 * megabytes) / milliseconds))
  const { operator, random = false } = job
  const row = { operator, dtype, inputs: request.inputs.length, megabytes, random, megabytesPerSecond: rate(ours) }
  if (!mergekit) return row
  if (failure !== undefined) return { ...row, failure }
  const side = (list: readonly MergeTimes[]) => ({
    megabytesPerSecond: rate(list),
    ratio: spreadOf(list.map(({ milliseconds }, i) => milliseconds / ours[i]!.milliseconds)),
    processorRatio: spreadOf(list.map(({ processorMs }, i) => processorMs / ours[i]!.processorMs)),
  })
  return {
    ...row,
    mergekit: {
      oneThread: side(theirs.oneThread),
      allThreads: side(theirs.allThreads),
      difference: random ? null : await relativeDifference(out, theirOut),
    },
  }
}

/** As `centram merge` does it, without the hashes of the inputs: open, read, merge, write. */
async function merge(job: Job, base: string | null, parents: readonly string[], out: string): Promise<MergeTimes> {
  const start = performance.now()
  const processor = process.cpuUsage()
  const sources = await Promise.all([...(base === null ? [] : [base]), ...parents].map(openFileSource))
  const file = await open(out, 'w')
  try {
    const sets = await Promise.all(sources.map((source) => openTensorSet(source.name, [source])))
    const origin = base === null ? null : sets[0]!
    const others = base === null ? sets : sets.slice(1)
    const plan = await planTensorMerge(findOperator(job.operator), origin, others, job.given, 1)
    const layout = layOutSafetensors(plan.outputs)
    const writer = await createSafetensorsWriter(layout, async (bytes) => {
      await file.write(bytes)
    })
    await plan.run(layout.entries, writer.write, () => undefined)
    writer.finish()
  } finally {
    await Promise.all([file.close(), ...sources.map((source) => source.close())])
  }
  const { user, system } = process.cpuUsage(processor)
  return { milliseconds: performance.now() - start, processorMs: (user + system) / 1000 }
}

/** ‖ours − theirs‖ / ‖theirs‖ over all tensors. */
async function relativeDifference(ours: string, theirs: string): Promise<number> {
  const sources = await Promise.all([ours, theirs].map(openFileSource))
  try {
    const [first, second] = await Promise.all(sources.map((source) => openTensorSet(source.name, [source])))
    let difference = 0
    let size = 0
    for (const [name, tensor] of first!.tensors) {
      const a = await readFloats(tensor)
      const b = await readFloats(second!.tensors.get(name)!)
      for (let i = 0; i < a.length; i++) {
        difference += (a[i]! - b[i]!) ** 2
        size += b[i]! ** 2
      }
    }
    return Math.sqrt(difference / size)
  } finally {
    await Promise.all(sources.map((source) => source.close()))
  }
}
