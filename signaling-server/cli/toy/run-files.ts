// What a training run keeps on disk: the latest checkpoint and the loss curve up to it, in one file that is replaced whole.

import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'

const pointSchema = z.object({
  step: z.int(),
  /** Mean over the steps since the point before, in nats a byte. */
  loss: z.number(),
  /** Of the sample that is held out, where it was measured. */
  heldOut: z.number().optional(),
  learningRate: z.number(),
  /** Of training so far, pauses not counted. */
  seconds: z.number(),
})
export type CurvePoint = z.infer<typeof pointSchema>

const headSchema = z.object({ curve: z.array(pointSchema), adapters: z.array(z.string()) })

export interface RunState {
  readonly curve: readonly CurvePoint[]
  /** Of every process that worked on it. */
  readonly adapters: readonly string[]
  /** Of the trainer. */
  readonly checkpoint: Uint8Array<ArrayBuffer>
}

/** Writes beside `path` and renames, so that `path` is always one whole state. */
export async function writeRun(path: string, { curve, adapters, checkpoint }: RunState): Promise<void> {
  const head = new TextEncoder().encode(`${JSON.stringify({ curve, adapters })}\n`)
  await mkdir(dirname(path), { recursive: true })
  const part = `${path}.part`
  const handle = await open(part, 'w')
  try {
    await handle.writeFile(head)
    await handle.writeFile(checkpoint)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(part, path)
}

/** The state that `writeRun` left, or null where there is none. */
export async function readRun(path: string): Promise<RunState | null> {
  const bytes = await readFile(path).catch(() => null)
  if (!bytes) return null
  const end = bytes.indexOf(0x0a)
  const head = headSchema.parse(JSON.parse(bytes.toString('utf8', 0, end)))
  return { ...head, checkpoint: new Uint8Array(bytes.subarray(end + 1)) }
}
