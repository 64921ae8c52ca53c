// A model's ONNX graph in a session of ONNX Runtime, and the cache that goes from step to step on the GPU.

import * as ort from 'onnxruntime-web/webgpu'
import wasmUrl from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { readGraphWeights } from './onnx-weights.ts'
import { cacheNames, graphOf } from './onnx-graph.ts'
import { writeOnnx } from './onnx-file.ts'

export interface OnnxSession {
  /** Tokens whose keys and values the cache holds. */
  readonly tokens: readonly number[]
  /** Adds tokens to the cache; the logits after the last of them, `[vocabularySize]`. */
  step(tokens: readonly number[]): Promise<Float32Array>
  /** Empties the cache. */
  reset(): void
  /** Gives the GPU's memory back. */
  close(): Promise<void>
}

// One thread: the work is the GPU's.
ort.env.wasm.numThreads = 1
ort.env.wasm.wasmPaths = { wasm: new URL(wasmUrl, location.href).href }
ort.env.logLevel = 'error'

/** Its attention computes wrong numbers where subgroups are smaller than this (as of 1.30); without subgroups it takes another way. */
const LEAST_SUBGROUP = 16
const LIMITS = [
  'maxBufferSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupStorageSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
] as const

/** A device for adapters that ONNX Runtime would open wrongly; else it opens its own. */
async function openDevice(): Promise<{ readonly device: GPUDevice } | null> {
  const adapter = await navigator.gpu.requestAdapter()
  const smallest = (adapter?.info as { subgroupMinSize?: number } | undefined)?.subgroupMinSize
  if (!adapter || smallest === undefined || smallest >= LEAST_SUBGROUP) return null
  const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]))
  return { device: await adapter.requestDevice({ requiredLimits }) }
}

/** For up to `positions` positions. `onProgress` gets the share of the weights that was read. */
export async function openOnnxSession(
  model: Pick<OpenedModel, 'config' | 'tensors' | 'sources'>,
  positions: number,
  onProgress?: (share: number) => void,
): Promise<OnnxSession> {
  const { config } = model
  const names = Array.from({ length: config.layers }, (_, layer) => cacheNames(layer)).flat()
  const externalData: { path: string; data: Uint8Array }[] = []
  for await (const { name, values } of readGraphWeights(model, positions)) {
    externalData.push({ path: name, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) })
    onProgress?.(externalData.length / (model.tensors.size + 3))
  }
  const session = await ort.InferenceSession.create(writeOnnx(graphOf(config, positions)), {
    executionProviders: [{ name: 'webgpu', ...((await openDevice()) ?? {}) }],
    externalData,
    preferredOutputLocation: Object.fromEntries(names.map(({ present }) => [present, 'gpu-buffer' as const])),
  })
  // Freed here: the session has its own copy on the GPU.
  externalData.length = 0

  const nothing = (): ort.Tensor =>
    new ort.Tensor('float32', new Float32Array(0), [1, config.kvHeads, 0, config.headDim])
  let cache = new Map(names.map(({ past }) => [past, nothing()]))
  let held: number[] = []

  function swap(next: ReadonlyMap<string, ort.Tensor>): void {
    for (const tensor of cache.values()) tensor.dispose()
    cache = new Map(next)
  }

  return {
    get tokens() {
      return held
    },
    async step(tokens) {
      const length = held.length + tokens.length
      const ids = BigInt64Array.from(tokens, BigInt)
      const results = await session.run({
        input_ids: new ort.Tensor('int64', ids, [1, ids.length]),
        ...(!config.rope && {
          position_ids: new ort.Tensor(
            'int64',
            ids.map((_, at) => BigInt(held.length + at)),
            [1, ids.length],
          ),
        }),
        seqlens_k: new ort.Tensor('int32', Int32Array.of(length - 1), [1]),
        total_sequence_length: new ort.Tensor('int32', Int32Array.of(length), []),
        ...Object.fromEntries(cache),
      })
      swap(new Map(names.map(({ past, present }) => [past, results[present] as ort.Tensor])))
      held = [...held, ...tokens]
      return (results['logits'] as ort.Tensor).data as Float32Array
    },
    reset() {
      swap(new Map(names.map(({ past }) => [past, nothing()])))
      held = []
    },
    close: () => session.release(),
  }
}
