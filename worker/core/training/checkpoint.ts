// A training run on disk: every parameter with its optimiser state, and the step they belong to, as one safetensors file.
// Resuming from it gives the bits of a run that never stopped.

import { CentramError } from '#core/errors.ts'
import { createMemorySource } from '#core/formats/byte-source.ts'
import { isJsonObject, parseJsonObject } from '#core/formats/json-file.ts'
import { layOutSafetensors } from '#core/formats/safetensors-writer.ts'
import { readSafetensors } from '#core/formats/safetensors.ts'

export interface Checkpoint {
  /** Steps done. */
  readonly step: number
  /** What the run follows from; a checkpoint of another run is refused. */
  readonly run: string
  /** Row-major values by parameter. */
  readonly parameters: ReadonlyMap<string, CheckpointParameter>
}

export interface CheckpointParameter {
  readonly values: Float32Array
  readonly firstMoment: Float32Array
  readonly secondMoment: Float32Array
}

const PARTS = ['values', 'firstMoment', 'secondMoment'] as const
const MAGIC = 'centram training checkpoint 1'

export function encodeCheckpoint({ step, run, parameters }: Checkpoint): Uint8Array<ArrayBuffer> {
  const values = new Map<string, Float32Array>()
  for (const [name, parameter] of parameters) {
    for (const part of PARTS) values.set(`${name}/${part}`, parameter[part])
  }
  const plans = [...values].map(([name, { length }]) => ({ name, dtype: 'F32', shape: [length] }))
  const layout = layOutSafetensors(plans, { kind: MAGIC, step: String(step), run })
  const bytes = new Uint8Array(layout.size)
  bytes.set(layout.header)
  for (const { name, offset } of layout.entries) {
    const part = values.get(name)
    if (part) bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), offset)
  }
  return bytes
}

/** Throws `FORMAT_INVALID`, `FORMAT_TRUNCATED`. */
export async function decodeCheckpoint(bytes: Uint8Array): Promise<Checkpoint> {
  const { entries, header } = await readSafetensors(createMemorySource('checkpoint', bytes))
  const metadata = parseJsonObject('checkpoint', header.subarray(8))['__metadata__']
  const { kind, step, run } = isJsonObject(metadata) ? metadata : {}
  if (kind !== MAGIC || typeof run !== 'string' || typeof step !== 'string' || !/^\d{1,15}$/.test(step)) {
    throw invalid('it is no checkpoint of a training run')
  }
  const parameters = new Map<string, Partial<Record<(typeof PARTS)[number], Float32Array>>>()
  for (const { name, dtype, offset, byteLength } of entries) {
    const split = name.lastIndexOf('/')
    const part = PARTS.find((known) => known === name.slice(split + 1))
    if (split < 1 || part === undefined || dtype !== 'F32') throw invalid(`it holds "${name.slice(0, 128)}"`)
    const parameter = parameters.get(name.slice(0, split)) ?? {}
    parameter[part] = new Float32Array(bytes.slice(offset, offset + byteLength).buffer)
    parameters.set(name.slice(0, split), parameter)
  }
  const whole = [...parameters].map(([name, { values, firstMoment, secondMoment }]): [string, CheckpointParameter] => {
    if (!values || !firstMoment || !secondMoment) throw invalid(`a part of ${name} is missing`)
    return [name, { values, firstMoment, secondMoment }]
  })
  return { step: Number(step), run, parameters: new Map(whole) }
}

function invalid(problem: string): CentramError {
  return new CentramError('FORMAT_INVALID', `The checkpoint cannot be used: ${problem}. Start the training anew.`)
}
