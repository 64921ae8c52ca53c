// Fuzzes in a thread of its own, with little memory: says which input it is about before it begins, counts what is
// allocated, and tells what came of a batch.

import { parentPort, workerData } from 'node:worker_threads'
import { CentramError } from '#core/errors.ts'
import { createDice } from '../simulation/random.ts'
import { createTargets, type TargetName } from './targets.ts'

export interface FuzzJob {
  readonly target: TargetName
  readonly seed: string
  readonly from: number
  readonly count: number
}

export interface FuzzReport {
  readonly taken: number
  readonly refused: number
  /** Most bytes that one input made the product ask for at once or in sum, beside its own size. */
  readonly mostAllocated: number
  readonly slowestMs: number
  readonly findings: readonly string[]
}

export interface FuzzData {
  readonly root: string
  /** The number of the input at work. */
  readonly progress: Int32Array
}

/** What a file of so many bytes may make the product allocate, in sum over all that it does with it. */
const allowance = (bytes: number) => 64 * bytes + 64 * 2 ** 20

let allocated = 0

/** Counts the bytes of every typed array and buffer that is made by its length from here on. */
function countAllocations(): void {
  const names = [
    'ArrayBuffer',
    'Uint8Array',
    'Int8Array',
    'Uint16Array',
    'Int16Array',
    'Uint32Array',
    'Int32Array',
    'Float32Array',
    'Float64Array',
    'BigUint64Array',
    'BigInt64Array',
  ] as const
  const globals = globalThis as unknown as Record<string, new (...values: unknown[]) => object>
  for (const name of names) {
    const original = globals[name]!
    const size = (original as unknown as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1
    globals[name] = new Proxy(original, {
      construct(target, values: unknown[], newTarget: unknown) {
        const [first] = values
        if (typeof first === 'number') allocated += first * size
        const made: unknown = newTarget === globals[name] ? target : newTarget
        return Reflect.construct(target, values, made as new () => object)
      },
    })
  }
}

async function run({ target, seed, from, count }: FuzzJob, { root, progress }: FuzzData): Promise<FuzzReport> {
  const make = createTargets(root)[target]
  const findings: string[] = []
  let taken = 0
  let refused = 0
  let mostAllocated = 0
  let slowestMs = 0
  for (let index = from; index < from + count; index++) {
    Atomics.store(progress, 0, index)
    const input = make(createDice(`${seed} ${target} ${index}`))
    allocated = 0
    const began = performance.now()
    try {
      await input.run()
      taken++
    } catch (error) {
      refused++
      if (!(error instanceof CentramError) || error.code === 'INTERNAL') {
        findings.push(`${target} ${index}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
      }
    }
    slowestMs = Math.max(slowestMs, performance.now() - began)
    mostAllocated = Math.max(mostAllocated, allocated)
    if (allocated > allowance(input.bytes)) {
      findings.push(`${target} ${index}: an input of ${input.bytes} bytes made it allocate ${allocated}`)
    }
    if (findings.length >= 10) break
  }
  return { taken, refused, mostAllocated, slowestMs, findings }
}

if (parentPort) {
  const port = parentPort
  countAllocations()
  port.on('message', (job: FuzzJob) => {
    void run(job, workerData as FuzzData).then(
      (report) => port.postMessage(report),
      (error: unknown) =>
        port.postMessage({
          taken: 0,
          refused: 0,
          mostAllocated: 0,
          slowestMs: 0,
          findings: [String(error instanceof Error ? error.stack : error)],
        } satisfies FuzzReport),
    )
  })
}
