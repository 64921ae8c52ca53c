// Spreads damaged inputs over threads, and watches them: an input that takes too long, or a thread that dies of it, is a
// finding with the number that makes it again.

import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { TargetName } from './targets.ts'
import type { FuzzData, FuzzJob, FuzzReport } from './thread.ts'

export interface FuzzOptions {
  readonly bundle: string
  readonly root: string
  readonly seed: string
  /** Inputs of each target. */
  readonly counts: Readonly<Record<TargetName, number>>
  readonly threads?: number
}

export interface FuzzResult {
  readonly inputs: number
  readonly findings: readonly string[]
  readonly byTarget: ReadonlyMap<
    TargetName,
    { taken: number; refused: number; mostAllocated: number; slowestMs: number }
  >
}

const BATCH = 500
/** Real milliseconds without the next input. A busy machine stands still for a second or two; a parser never does. */
const HANG_MS = 20_000
const HEAP_MB = 512

export async function fuzz({
  bundle,
  root,
  seed,
  counts,
  threads = availableParallelism(),
}: FuzzOptions): Promise<FuzzResult> {
  const jobs: FuzzJob[] = []
  for (const [target, count] of Object.entries(counts) as [TargetName, number][]) {
    for (let from = 0; from < count; from += BATCH)
      jobs.push({ target, seed, from, count: Math.min(BATCH, count - from) })
  }
  const findings: string[] = []
  const byTarget = new Map<TargetName, { taken: number; refused: number; mostAllocated: number; slowestMs: number }>()
  let inputs = 0
  await Promise.all(
    Array.from({ length: threads }, async () => {
      let thread = createThread(bundle, root)
      for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
        const report = await runJob(thread, job)
        if (report.died) {
          await thread.worker.terminate()
          thread = createThread(bundle, root)
        }
        findings.push(...report.findings)
        inputs += report.taken + report.refused
        const sum = byTarget.get(job.target) ?? { taken: 0, refused: 0, mostAllocated: 0, slowestMs: 0 }
        sum.taken += report.taken
        sum.refused += report.refused
        sum.mostAllocated = Math.max(sum.mostAllocated, report.mostAllocated)
        sum.slowestMs = Math.max(sum.slowestMs, report.slowestMs)
        byTarget.set(job.target, sum)
      }
      await thread.worker.terminate()
    }),
  )
  return { inputs, findings, byTarget }
}

interface Thread {
  readonly worker: Worker
  readonly progress: Int32Array
}

function createThread(bundle: string, root: string): Thread {
  const progress = new Int32Array(new SharedArrayBuffer(4))
  const workerData: FuzzData = { root, progress }
  const worker = new Worker(bundle, {
    workerData,
    execArgv: ['--enable-source-maps'],
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  })
  return { worker, progress }
}

function runJob({ worker, progress }: Thread, job: FuzzJob): Promise<FuzzReport & { readonly died: boolean }> {
  return new Promise((resolve) => {
    let last = -1
    let since = performance.now()
    const settle = (report: FuzzReport, died: boolean): void => {
      clearInterval(watch)
      worker.off('message', onMessage)
      worker.off('error', onError)
      resolve({ ...report, died })
    }
    const dead = (what: string) =>
      settle(
        {
          taken: 0,
          refused: 0,
          mostAllocated: 0,
          slowestMs: 0,
          findings: [`${job.target} ${Atomics.load(progress, 0)} (seed ${job.seed}): ${what}`],
        },
        true,
      )
    const onMessage = (report: FuzzReport) => settle(report, false)
    const onError = (error: Error) => dead(`the thread died: ${error.message}`)
    const watch = setInterval(() => {
      const now = Atomics.load(progress, 0)
      if (now !== last) {
        last = now
        since = performance.now()
      } else if (performance.now() - since > HANG_MS) dead(`no end after ${HANG_MS / 1000} s`)
    }, 500)
    worker.on('message', onMessage)
    worker.on('error', onError)
    worker.postMessage(job)
  })
}
