// Worlds spread over worker threads. A thread that dies or hangs is a finding, with the seed that it was about.

import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { RunOptions } from './run-world.ts'
import type { ThreadAnswer } from './thread.ts'

export interface PoolOptions {
  readonly bundle: string
  readonly threads?: number
  /** Real seconds that one world may take. */
  readonly patience?: number
}

/** Runs the worlds that `next` gives until it gives none; `take` may end it all by returning false. */
export async function runPool(
  { bundle, threads = availableParallelism(), patience = 240 }: PoolOptions,
  next: () => RunOptions | undefined,
  take: (answer: ThreadAnswer) => boolean,
): Promise<void> {
  let ended = false
  await Promise.all(
    Array.from({ length: threads }, async () => {
      let worker = createWorker(bundle)
      for (let options = next(); options !== undefined && !ended; options = next()) {
        const answer = await runOne(worker, options, patience)
        if (!take(answer)) ended = true
        // What a violation left behind must not reach the next world.
        if (answer.violation !== null) {
          await worker.terminate()
          worker = createWorker(bundle)
        }
      }
      await worker.terminate()
    }),
  )
}

const createWorker = (bundle: string) =>
  new Worker(bundle, {
    execArgv: ['--enable-source-maps'],
    resourceLimits: { maxOldGenerationSizeMb: 1024, maxYoungGenerationSizeMb: 64 },
  })

function runOne(worker: Worker, options: RunOptions, patience: number): Promise<ThreadAnswer> {
  return new Promise((resolve) => {
    const settle = (answer: ThreadAnswer): void => {
      clearTimeout(timer)
      worker.off('message', settle)
      worker.off('error', onError)
      resolve(answer)
    }
    const onError = (error: Error) => settle(broken(options, `the thread died: ${error.stack ?? error.message}`))
    const timer = setTimeout(() => {
      void worker.terminate()
      settle(broken(options, `the world took more than ${patience} real seconds: something runs in a circle`))
    }, patience * 1000)
    worker.on('message', settle)
    worker.on('error', onError)
    worker.postMessage(options)
  })
}

const broken = ({ seed }: RunOptions, violation: string): ThreadAnswer => ({
  seed,
  traceHash: '',
  steps: 0,
  virtualMs: 0,
  nodes: 0,
  faults: 0,
  faultsByKind: {},
  asked: 0,
  right: 0,
  stopped: 0,
  ended: {},
  abandoned: 0,
  messagesHandled: 0,
  streams: 0,
  streamsWhole: 0,
  streamBytes: 0,
  violation,
  trace: [],
  seconds: 0,
})
