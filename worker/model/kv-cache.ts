// The keys and values of one session: a pair of tensors a layer, and the rotation angles its positions need.

import { CentramError } from '#core/errors.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { GpuContext } from '../gpu/context.ts'
import { createRopeTable } from '../gpu/kernels/rope.ts'
import { createTensor, destroyTensor, type Tensor } from '../gpu/tensor.ts'
import type { LayerCache } from './block.ts'
import { cacheBytes } from './shard-tensors.ts'

export interface KvCache {
  /** One for each layer of the range, in order. */
  readonly layers: readonly LayerCache[]
  dispose(): void
}

/** Throws `GPU_OUT_OF_MEMORY`, having freed what it took. */
export async function createKvCache(
  gpu: GpuContext,
  config: ModelConfig,
  range: LayerRange,
  positions: number,
): Promise<KvCache> {
  const elements = positions * config.kvHeads * config.headDim
  if (elements * 4 > gpu.info.maxBindingBytes) {
    throw new CentramError(
      'GPU_OUT_OF_MEMORY',
      `A context of ${positions} positions needs ${Math.ceil((elements * 4) / 2 ** 20)} MiB in one piece for a layer's ` +
        `keys, and this GPU binds at most ${Math.floor(gpu.info.maxBindingBytes / 2 ** 20)} MiB. Choose a shorter context.`,
    )
  }
  const made: Tensor[] = []
  const dispose = () => {
    for (const tensor of made) destroyTensor(gpu, tensor)
    made.length = 0
  }
  const keep = (tensor: Tensor) => {
    made.push(tensor)
    return tensor
  }
  try {
    const ropeTable = config.rope && keep(await createRopeTable(gpu, config.rope, positions))
    const layers: LayerCache[] = []
    for (let layer = range.first; layer < range.last; layer++) {
      layers.push({
        keys: keep(await createTensor(gpu, `keys of layer ${layer}`, elements)),
        values: keep(await createTensor(gpu, `values of layer ${layer}`, elements)),
        ...(ropeTable && { ropeTable }),
      })
    }
    return { layers, dispose }
  } catch (error) {
    dispose()
    throw error
  }
}

/** Bytes that `createKvCache` takes. */
export function kvCacheBytes(config: ModelConfig, range: LayerRange, positions: number): number {
  const table = config.rope ? positions * config.rope.dimensions * 4 : 0
  return cacheBytes(config, positions) * (range.last - range.first) + table
}
