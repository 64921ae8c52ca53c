// The GPU of a node: adapter, device, limits, and what every other file here needs of them. The adapter is handed in
// (a tab's, or that of Node's `webgpu` package), never looked up.

import { CentramError, errorMessage } from '#core/errors.ts'
import { createPipelineCache, type PipelineCache } from './pipeline-cache.ts'
import type { ShaderLibrary } from './shader-library.ts'

export interface GpuContextOptions {
  /** `navigator.gpu` in a tab; absent where the browser has none. */
  readonly gpu: GPU | undefined
  readonly shaders: ShaderLibrary
  readonly powerPreference?: GPUPowerPreference
  /** Told of errors that no one asked for: a dispatch the GPU refused would otherwise only answer nonsense. */
  readonly onError?: (error: CentramError) => void
  /** Lowers the largest storage binding, so that tests can force a matrix into slabs. */
  readonly maxBindingBytes?: number
}

/** What the page shows of an adapter, and what a profile is remembered by. */
export interface GpuInfo {
  readonly vendor: string
  readonly architecture: string
  readonly device: string
  readonly description: string
  readonly isFallback: boolean
  readonly subgroups: boolean
  readonly shaderF16: boolean
  readonly timestampQuery: boolean
  readonly maxBufferBytes: number
  readonly maxBindingBytes: number
  readonly maxWorkgroupStorageBytes: number
  readonly maxInvocations: number
}

export interface GpuContext {
  readonly device: GPUDevice
  readonly info: GpuInfo
  readonly shaders: ShaderLibrary
  readonly pipelines: PipelineCache
  /** Resolves (never rejects) with `GPU_LOST` when the device is gone; not when `dispose` was called. */
  readonly lost: Promise<CentramError>
  /** Bytes of the buffers now allocated through `allocate`. */
  readonly allocatedBytes: number
  /** A small zeroed storage buffer for bindings a variant does not read. */
  readonly placeholder: GPUBuffer
  /** A zeroed buffer. Throws `GPU_OUT_OF_MEMORY` with the size and a remedy. */
  allocate(label: string, bytes: number, usage: GPUBufferUsageFlags): Promise<GPUBuffer>
  /** Destroys a buffer that `allocate` made. */
  release(buffer: GPUBuffer): void
  /** Runs `work` and throws what the GPU had against it: validation as `GPU_FAILED`, memory as `GPU_OUT_OF_MEMORY`. */
  checked<T>(what: string, work: () => T): Promise<Awaited<T>>
  dispose(): void
}

const MIB = 1024 * 1024

/** Bytes as a person reads them. */
function inMiB(bytes: number): string {
  return bytes >= MIB ? `${(bytes / MIB).toFixed(bytes >= 100 * MIB ? 0 : 1)} MiB` : `${bytes} bytes`
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))

function outOfMemory(what: string, bytes: number, held: number, cause?: unknown): CentramError {
  return new CentramError(
    'GPU_OUT_OF_MEMORY',
    `The GPU has no room for ${what} (${inMiB(bytes)}; ${inMiB(held)} are in use by this node). ` +
      'Choose a smaller model, a smaller quantisation or a shorter context, close other tabs that use the GPU, ' +
      'or share the model so that other devices hold part of it.',
    { cause },
  )
}

/** Requests adapter and device. Throws `GPU_UNAVAILABLE` with the reason and the remedy. */
export async function createGpuContext(options: GpuContextOptions): Promise<GpuContext> {
  if (!options.gpu) {
    throw new CentramError(
      'GPU_UNAVAILABLE',
      'This browser offers no WebGPU here. Use a recent Chrome, Edge, Firefox or Safari, and open the page over ' +
        'HTTPS or on localhost: WebGPU exists only in a secure context.',
    )
  }
  const adapter = await options.gpu.requestAdapter({ powerPreference: options.powerPreference ?? 'high-performance' })
  if (!adapter) {
    throw new CentramError(
      'GPU_UNAVAILABLE',
      'The browser knows WebGPU but found no usable GPU. Turn on hardware acceleration in its settings, update the ' +
        'graphics driver, and look at chrome://gpu for what is blocked.',
    )
  }
  const limits = adapter.limits
  const optional: GPUFeatureName[] = ['subgroups', 'shader-f16', 'timestamp-query']
  const features = optional.filter((feature) => adapter.features.has(feature))
  let device: GPUDevice
  try {
    device = await adapter.requestDevice({
      label: 'centram',
      requiredFeatures: features,
      requiredLimits: {
        maxBufferSize: limits.maxBufferSize,
        maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
        maxStorageBuffersPerShaderStage: Math.min(limits.maxStorageBuffersPerShaderStage, 10),
        maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
        maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
        maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
      },
    })
  } catch (cause) {
    throw new CentramError(
      'GPU_UNAVAILABLE',
      `The GPU was found but could not be opened (${errorMessage(cause)}). Reload the page; if it stays, restart the browser.`,
      { cause },
    )
  }
  return wrapDevice(adapter, device, options)
}

function wrapDevice(adapter: GPUAdapter, device: GPUDevice, options: GpuContextOptions): GpuContext {
  const { info, features, limits } = adapter
  const sizes = new Map<GPUBuffer, number>()
  let allocatedBytes = 0
  let disposed = false

  const lost = new Promise<CentramError>((resolve) => {
    void device.lost.then((reason) => {
      if (disposed) return
      resolve(
        new CentramError(
          'GPU_LOST',
          `The GPU was lost (${reason.message || reason.reason}). The browser took it away, perhaps because of a ` +
            'driver reset, memory pressure or sleep. Reload the model to go on.',
        ),
      )
    })
  })

  device.addEventListener('uncapturederror', ({ error }) => {
    options.onError?.(new CentramError('GPU_FAILED', `The GPU refused a command: ${error.message}`))
  })

  /** Errors of `work`, with the scopes closed at once so that concurrent callers do not mix. */
  async function checked<T>(what: string, bytes: number, work: () => T): Promise<Awaited<T>> {
    device.pushErrorScope('validation')
    device.pushErrorScope('out-of-memory')
    let result: T | undefined
    let thrown: Error | undefined
    try {
      result = work()
    } catch (error) {
      thrown = asError(error)
    }
    const memory = device.popErrorScope()
    const validation = device.popErrorScope()
    const [memoryError, validationError] = await Promise.all([memory, validation])
    // createBuffer with mappedAtCreation throws RangeError where the memory is missing.
    if (thrown instanceof RangeError) throw outOfMemory(what, bytes, allocatedBytes, thrown)
    if (thrown) throw thrown
    if (memoryError) throw outOfMemory(what, bytes, allocatedBytes, new Error(memoryError.message))
    if (validationError) {
      throw new CentramError('GPU_FAILED', `The GPU refused ${what}: ${validationError.message}`)
    }
    return await (result as T)
  }

  const context: GpuContext = {
    device,
    info: {
      vendor: info.vendor,
      architecture: info.architecture,
      device: info.device,
      description: info.description,
      isFallback: (info as { isFallbackAdapter?: boolean }).isFallbackAdapter ?? false,
      subgroups: features.has('subgroups'),
      shaderF16: features.has('shader-f16'),
      timestampQuery: features.has('timestamp-query'),
      maxBufferBytes: limits.maxBufferSize,
      maxBindingBytes: Math.min(
        limits.maxStorageBufferBindingSize,
        limits.maxBufferSize,
        options.maxBindingBytes ?? Infinity,
      ),
      maxWorkgroupStorageBytes: limits.maxComputeWorkgroupStorageSize,
      maxInvocations: limits.maxComputeInvocationsPerWorkgroup,
    },
    shaders: options.shaders,
    pipelines: createPipelineCache(device, options.shaders),
    lost,
    get allocatedBytes() {
      return allocatedBytes
    },
    placeholder: device.createBuffer({
      label: 'placeholder',
      size: 256,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
    }),
    async allocate(label, bytes, usage) {
      const size = Math.max(16, Math.ceil(bytes / 16) * 16)
      if (size > limits.maxBufferSize) throw outOfMemory(label, size, allocatedBytes)
      const buffer = await checked(label, size, () => device.createBuffer({ label, size, usage }))
      sizes.set(buffer, size)
      allocatedBytes += size
      return buffer
    },
    release(buffer) {
      allocatedBytes -= sizes.get(buffer) ?? 0
      sizes.delete(buffer)
      buffer.destroy()
    },
    checked: (what, work) => checked(what, 0, work),
    dispose() {
      disposed = true
      for (const buffer of sizes.keys()) buffer.destroy()
      sizes.clear()
      allocatedBytes = 0
      device.destroy()
    },
  }
  return context
}
