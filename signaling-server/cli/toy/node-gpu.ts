// WebGPU in Node.js, by the npm package `webgpu` (Dawn). It is large, and wanted for this alone, so it is no dependency.

import { CentramError } from '#core/errors.ts'

interface GpuModule {
  create(flags: readonly string[]): unknown
  /** GPUBufferUsage and its like, which browsers have as globals. */
  readonly globals: object
}

/** @param name of the module, or its path. */
export async function openNodeGpu(name: string): Promise<unknown> {
  const module = await import(name).then(
    (loaded: unknown) => loaded as GpuModule,
    (cause: unknown) => {
      throw new CentramError(
        'GPU_UNAVAILABLE',
        `Node.js has no WebGPU of its own, and "${name}" could not be loaded. Run \`npm install --no-save webgpu\` and ` +
          'this again.',
        { cause },
      )
    },
  )
  Object.assign(globalThis, module.globals, { setImmediate: askLater })
  return module.create([])
}

/**
 * Dawn asks in a loop of `setImmediate` whether the GPU is done, which keeps a core busy that a GPU on the processor wants
 * itself. Once a millisecond is enough.
 */
function askLater(callback: (...args: unknown[]) => void, ...args: unknown[]): NodeJS.Timeout {
  return setTimeout(callback, 1, ...args)
}
