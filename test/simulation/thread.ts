// What a worker thread runs: worlds, one after another, as it is told.

import { parentPort } from 'node:worker_threads'
import { runWorld, type RunOptions, type RunReport } from './run-world.ts'

export type ThreadAnswer = RunReport & { readonly seconds: number }

parentPort?.on('message', (options: RunOptions) => {
  void run(options)
})

export { runWorld }

async function run(options: RunOptions): Promise<void> {
  const stray: string[] = []
  const onStray = (error: unknown) =>
    stray.push(`unhandled rejection: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  process.on('unhandledRejection', onStray)
  const began = performance.now()
  const report = await runWorld(options)
  process.off('unhandledRejection', onStray)
  const violation = report.violation ?? stray[0] ?? null
  parentPort?.postMessage({ ...report, violation, seconds: (performance.now() - began) / 1000 } satisfies ThreadAnswer)
}
