// Drives mergekit-bench.py: one request a line, one answer a line.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { CentramError } from '#core/errors.ts'
import type { MergekitVersions, MergeTimes } from './merge-figures.ts'

const SCRIPT = fileURLToPath(new URL('./mergekit-bench.py', import.meta.url))
const versionsSchema = z.object({ mergekit: z.string(), torch: z.string(), threads: z.number() })
const timesSchema = z.object({ milliseconds: z.number(), processorMs: z.number() })
const answerSchema = z.union([timesSchema, z.object({ error: z.string() })])
/** Of what Python complained about, to explain a failure. */
const MAX_COMPLAINT = 2_000

export interface MergekitRequest {
  readonly operator: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly base: string | null
  readonly inputs: readonly string[]
  readonly out: string
  /** 0 for as many as torch takes by itself. */
  readonly threads: number
}

export interface Mergekit {
  readonly versions: MergekitVersions
  /** How long it took, or what it said instead. */
  merge(request: MergekitRequest): Promise<MergeTimes | string>
  stop(): void
}

/** Throws `BAD_ARGUMENT` for a Python that cannot import mergekit. */
export async function startMergekit(python: string): Promise<Mergekit> {
  const child = spawn(python, [SCRIPT], { stdio: ['pipe', 'pipe', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (bytes: Buffer) => {
    complaint = (complaint + bytes.toString()).slice(-MAX_COMPLAINT)
  })
  const failed = new Promise<never>((_resolve, reject) => {
    const fail = (why: string) =>
      reject(
        new CentramError(
          'BAD_ARGUMENT',
          `${python} could not run mergekit (${why}). Install it there with \`pip install mergekit\`, or leave out --python.\n${complaint}`,
        ),
      )
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code) => fail(`it ended with code ${code ?? 'none'}`))
  })
  // Whoever waits for a line hears of it; nobody else has to.
  failed.catch(() => undefined)
  const lines: AsyncIterator<string> = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<unknown> => {
    const line = await Promise.race([lines.next(), failed])
    return line.done === true ? failed : (JSON.parse(line.value) as unknown)
  }
  const versions = versionsSchema.parse(await next())
  return {
    versions,
    async merge(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`)
      const answer = answerSchema.parse(await next())
      return 'error' in answer ? answer.error : answer
    },
    stop: () => void child.kill(),
  }
}
