// This node's GPU, as the rest of the node uses it: opened once, measured once per adapter, and asked to load layers.

import type { Timer } from '#core/clock.ts'
import { CentramError } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { PlacementNode } from '#core/pipeline/place-layers.ts'
import { chooseProfile } from '../gpu/choose-profile.ts'
import type { GpuContext } from '../gpu/context.ts'
import { formatProfile, parseProfile, supportsProfile, type KernelProfile } from '../gpu/profile.ts'
import { loadShard } from '../model/load-shard.ts'
import type { Shard } from '../model/shard.ts'
import { createWeightStore } from '../model/weight-store.ts'
import type { GpuState } from './api.ts'
import type { Surroundings } from './surroundings.ts'

export interface ShardLoader {
  /** Opens the GPU if that has not happened yet. Throws `GPU_UNAVAILABLE` with the reason and the remedy. */
  start(): Promise<void>
  state(): GpuState
  /** What this node brings to a placement. */
  offer(): PlacementNode
  /** The kernel shapes this adapter is fastest with, as text. */
  profile(): string
  /** The GPU itself, for training. Throws `GPU_UNAVAILABLE`. */
  gpu(): GpuContext
  /** Loads layers with the asker's kernel shapes; `onProgress` is told the part done, from 0 to 1. */
  load(model: OpenedModel, range: LayerRange, options: ShardLoadOptions): Promise<Shard>
  close(): void
}

export interface ShardLoadOptions {
  readonly profile: string
  readonly signal: AbortSignal
  /** Whose plan wants the layers, which others may share; absent for this node's own, whose adapters change them. */
  readonly asker?: string
  onProgress(part: number, bytes: number): void
}

/** What a measurement leaves behind, by adapter. */
interface RememberedProfile {
  readonly profile: string
  readonly bytesPerSecond: number
}

const GIB = 2 ** 30
/** How long weights that nobody holds stay on the GPU. */
const KEEP_IDLE_MS = 20_000
/** Raised when kernels change enough that an old measurement means nothing. */
const MEASUREMENT = 1

export function createShardLoader(
  surroundings: Pick<Surroundings, 'openGpu' | 'records' | 'deviceMemoryBytes' | 'clock'>,
  self: string,
  onState: (state: GpuState) => void,
): ShardLoader {
  let state: GpuState = { kind: 'starting' }
  let gpu: GpuContext | null = null
  let profile: KernelProfile | null = null
  let starting: Promise<void> | null = null
  let freeing: Timer | null = null
  /** Weights stay a while after their shard: a model that is placed anew loads only the layers that it did not have. */
  const store = createWeightStore(() => {
    freeing ??= surroundings.clock.setTimeout(() => {
      freeing = null
      store.free()
    }, KEEP_IDLE_MS)
  })

  function show(next: GpuState): void {
    state = next
    onState(next)
  }

  async function open(): Promise<void> {
    const opened = await surroundings.openGpu()
    if ('kind' in opened) {
      show(opened)
      return
    }
    gpu = opened
    const remembered = await measure(opened)
    profile = parseProfile(remembered.profile)
    const { info } = opened
    show({
      kind: 'ready',
      vendor: info.vendor,
      architecture: info.architecture,
      description: info.description || info.device,
      software:
        info.isFallback ||
        /swiftshader|llvmpipe|lavapipe/i.test(`${info.vendor} ${info.architecture} ${info.description}`),
      features: Object.entries({ subgroups: info.subgroups, 'shader-f16': info.shaderF16 })
        .filter(([, present]) => present)
        .map(([name]) => name),
      maxBufferBytes: info.maxBufferBytes,
      budgetBytes: budgetOf(surroundings.deviceMemoryBytes),
      bytesPerSecond: remembered.bytesPerSecond,
    })
    void opened.lost.then((reason) => {
      gpu = null
      profile = null
      const remedy = 'Reload the page. If it happens again, close other tabs that use the GPU, or load a smaller model.'
      show({ kind: 'none', reason: 'device-lost', message: reason.message, remedy })
    })
  }

  async function measure(context: GpuContext): Promise<RememberedProfile> {
    const { vendor, architecture, device, description } = context.info
    const key = ['profile', MEASUREMENT, vendor, architecture, device, description].join('/')
    const known = await surroundings.records.get('settings', key)
    if (isRemembered(known) && supportsProfile(context, parseProfile(known.profile))) return known
    const { profile: chosen, weightBytesPerSecond } = await chooseProfile(context)
    const remembered = { profile: formatProfile(chosen), bytesPerSecond: weightBytesPerSecond }
    await surroundings.records.put('settings', key, remembered)
    return remembered
  }

  return {
    state: () => state,
    start() {
      starting ??= open()
      return starting.then(() => {
        if (!gpu) throw unavailable(state)
      })
    },
    offer() {
      if (state.kind !== 'ready') throw unavailable(state)
      return { id: self, budgetBytes: state.budgetBytes, bytesPerSecond: state.bytesPerSecond }
    },
    profile() {
      if (!profile) throw unavailable(state)
      return formatProfile(profile)
    },
    gpu() {
      if (!gpu) throw unavailable(state)
      store.free()
      return gpu
    },
    async load(model, range, { profile: wanted, signal, onProgress }) {
      if (!gpu) throw unavailable(state)
      return loadShard(gpu, model, range, {
        profile: parseProfile(wanted),
        signal,
        store,
        onProgress: (done, total) => onProgress(total > 0 ? done / total : 1, done),
      })
    },
    close() {
      if (freeing !== null) surroundings.clock.clearTimeout(freeing)
      store.free()
      gpu?.dispose()
      gpu = null
    },
  }
}

function isRemembered(value: unknown): value is RememberedProfile {
  if (typeof value !== 'object' || value === null) return false
  const { profile, bytesPerSecond } = value as Partial<RememberedProfile>
  if (typeof profile !== 'string' || typeof bytesPerSecond !== 'number' || !(bytesPerSecond > 0)) return false
  try {
    parseProfile(profile)
    return true
  } catch {
    return false
  }
}

/**
 * What the node offers for weights and caches. WebGPU does not tell a card's memory, so this goes by the device's: half of
 * it, and 2 GiB where the browser does not say.
 */
function budgetOf(deviceMemoryBytes: number | undefined): number {
  return deviceMemoryBytes === undefined ? 2 * GIB : Math.max(GIB, deviceMemoryBytes / 2)
}

function unavailable(state: GpuState): CentramError {
  return new CentramError(
    'GPU_UNAVAILABLE',
    state.kind === 'none'
      ? `${state.message} ${state.remedy}`
      : 'The GPU is still being opened; try again in a moment.',
  )
}
