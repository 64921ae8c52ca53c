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
  Object.assign(globalThis, module.globals)
  return module.create([])
}
