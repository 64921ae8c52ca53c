// The tiny models under test/vectors/models in the browser: their files as sources, what transformers says of them, and
// short ways to run them.

import { expect } from 'vitest'
import { createMemorySource, type ByteSource } from '#core/formats/byte-source.ts'
import { openModel } from '#core/formats/open-model.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import { bundledShaders } from '../../../worker/gpu/bundled-shaders.ts'
import { createGpuContext, type GpuContext } from '../../../worker/gpu/context.ts'
import { BASE_PROFILE, type KernelProfile } from '../../../worker/gpu/profile.ts'
import { loadShard } from '../../../worker/model/load-shard.ts'
import { PREFILL_CHUNK, type OutputKind, type Shard, type ShardSession } from '../../../worker/model/shard.ts'

const urls = import.meta.glob<string>('../../vectors/models/*/*', { query: '?url', import: 'default', eager: true })

const nameAndFile = (path: string) => path.split('/').slice(-2) as [name: string, file: string]

export const FIXTURES = [...new Set(Object.keys(urls).map((path) => nameAndFile(path)[0]))].sort()

export interface Fixture {
  readonly model: OpenedModel
  readonly prompt: readonly number[]
  readonly longPrompt: readonly number[]
  readonly greedy: readonly number[]
  /** After each token of `prompt`. */
  readonly logits: readonly Float32Array[]
  /** After the whole of `longPrompt`. */
  readonly longLogits: Float32Array
}

export async function loadFixture(name: string, wrap = (source: ByteSource) => source): Promise<Fixture> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>()
  for (const [path, url] of Object.entries(urls)) {
    const [folder, file] = nameAndFile(path)
    if (folder === name) files.set(file, new Uint8Array(await (await fetch(url)).arrayBuffer()))
  }
  const golden = JSON.parse(new TextDecoder().decode(files.get('golden.json'))) as {
    prompt: number[]
    longPrompt: number[]
    greedy: number[]
    vocabulary: number
  }
  const all = new Float32Array(files.get('logits.f32')?.buffer ?? new ArrayBuffer(0))
  const row = (index: number) => all.subarray(index * golden.vocabulary, (index + 1) * golden.vocabulary)
  expect(all.length).toBe((golden.prompt.length + 1) * golden.vocabulary)
  files.delete('golden.json')
  files.delete('logits.f32')
  const sources = [...files].map(([file, bytes]) => wrap(createMemorySource(`${name}/${file}`, bytes)))
  return {
    model: await openModel(sources),
    prompt: golden.prompt,
    longPrompt: golden.longPrompt,
    greedy: golden.greedy,
    logits: golden.prompt.map((_, index) => row(index)),
    longLogits: row(golden.prompt.length),
  }
}

export function openGpu(maxBindingBytes?: number): Promise<GpuContext> {
  return createGpuContext({
    gpu: navigator.gpu,
    shaders: bundledShaders,
    ...(maxBindingBytes !== undefined && { maxBindingBytes }),
  })
}

export function loadWhole(gpu: GpuContext, model: OpenedModel, profile: KernelProfile = BASE_PROFILE): Promise<Shard> {
  return loadShard(gpu, model, { first: 0, last: model.config.layers }, { profile })
}

/** What hands tokens through one shard or several. */
export interface Runner {
  prefill(tokens: readonly number[]): Promise<Float32Array>
  decode(tokens: readonly number[]): Promise<Float32Array>
  trim(length: number): void
  dispose(): void
}

/** The shards of `ranges`, run one after another in one process, as a runner that answers with logits. */
export async function runShards(gpu: GpuContext, model: OpenedModel, ranges: readonly LayerRange[]): Promise<Runner> {
  const shards: Shard[] = []
  for (const range of ranges) shards.push(await loadShard(gpu, model, range, { profile: BASE_PROFILE }))
  const sessions: ShardSession[] = []
  for (const shard of shards) sessions.push(await shard.openSession(model.config.contextLength))

  async function step(tokens: readonly number[], family: 'prefill' | 'decode'): Promise<Float32Array> {
    let input: { tokens: Uint32Array } | { hidden: Float32Array } = { tokens: Uint32Array.from(tokens) }
    for (const [index, session] of sessions.entries()) {
      const isLast = index === sessions.length - 1
      const output = await session.step(input, family, isLast ? 'logits' : 'none')
      if (isLast && output?.kind === 'logits') return output.logits
      if (output?.kind !== 'hidden') throw new Error(`expected hidden states, got ${output?.kind}`)
      // Through bytes, as over a wire.
      input = { hidden: new Float32Array(new Uint8Array(output.hidden.buffer).slice().buffer) }
    }
    throw new Error('no logits')
  }

  return {
    async prefill(tokens) {
      let logits = new Float32Array(0)
      for (let first = 0; first < tokens.length; first += PREFILL_CHUNK) {
        logits = new Float32Array(await step(tokens.slice(first, first + PREFILL_CHUNK), 'prefill'))
      }
      return logits
    },
    decode: (tokens) => step(tokens, 'decode'),
    trim: (length) => {
      for (const session of sessions) session.trim(length)
    },
    dispose: () => {
      for (const shard of shards) shard.dispose()
    },
  }
}

export const wholeOf = (model: OpenedModel): LayerRange => ({ first: 0, last: model.config.layers })

export async function stepTokens<K extends OutputKind>(
  session: ShardSession,
  tokens: readonly number[],
  family: 'prefill' | 'decode',
  output: K,
) {
  const result = await session.step({ tokens: Uint32Array.from(tokens) }, family, output)
  if (result?.kind !== output) throw new Error(`asked for ${output}, got ${result?.kind}`)
  return result as Extract<typeof result, { kind: K }>
}

/** Fails unless every value is within 1e-4, absolutely or relatively. */
export function expectClose(got: Float32Array, wanted: Float32Array): void {
  expect(got.length).toBe(wanted.length)
  let worst = 0
  let at = 0
  for (const [index, value] of got.entries()) {
    const expected = wanted[index] ?? NaN
    const excess = Math.abs(value - expected) / (1e-4 * Math.max(1, Math.abs(expected)))
    if (!(excess <= worst)) {
      worst = excess
      at = index
    }
  }
  expect(worst, `logit ${at} is ${got[at]}, transformers says ${wanted[at]}`).toBeLessThanOrEqual(1)
}

/** Fails unless both hold the same bits. */
export function expectSameBits(got: Float32Array, wanted: Float32Array): void {
  expect(new Uint32Array(got.slice().buffer)).toEqual(new Uint32Array(wanted.slice().buffer))
}
