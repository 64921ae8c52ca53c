// WebGPU in Node.js, by the npm package `webgpu` (Dawn): the GPU that a headless node computes with, or why there is none.

import { existsSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { CentramError, errorMessage } from '#core/errors.ts'
import type { GpuState } from '../../worker/node/api.ts'
import { createGpuContext, type GpuContext } from '../../worker/gpu/context.ts'
import type { ShaderLibrary } from '../../worker/gpu/shader-library.ts'

interface GpuModule {
  create(flags: readonly string[]): unknown
  /** GPUBufferUsage and its like, which browsers have as globals. */
  readonly globals: object
}

/** `software` computes on the processor by SwiftShader: slow, for tests and for machines without a graphics driver. */
export type GpuChoice = 'auto' | 'software' | 'none'

type NoGpu = Extract<GpuState, { kind: 'none' }>

/** Where Debian and Chromium's own packages put the driver that makes a Vulkan device of the processor. */
const SWIFTSHADER = [
  '/usr/lib/chromium/vk_swiftshader_icd.json',
  '/usr/lib/chromium-browser/vk_swiftshader_icd.json',
  '/opt/google/chrome/vk_swiftshader_icd.json',
]
const SHADERS = new URL('../../shaders/', import.meta.url)

/** The shader texts as they lie in the project's folder; each is read once, since pipelines are kept. */
export const diskShaders: ShaderLibrary = (name) => readFileSync(new URL(`${name}.wgsl`, SHADERS), 'utf8')

/** @param name of the module, or its path. */
export async function openNodeGpu(name: string): Promise<unknown> {
  const module = await import(name).then(
    (loaded: unknown) => loaded as GpuModule,
    (cause: unknown) => {
      throw new CentramError(
        'GPU_UNAVAILABLE',
        `Node.js has no WebGPU of its own, and the optional package "${name}" could not be loaded ` +
          `(${errorMessage(cause).split('\n')[0]}). Run \`npm ci --include=optional\` in the project’s folder.`,
        { cause },
      )
    },
  )
  // Vulkan's loader complains without one, though nothing is shown on a screen.
  process.env['XDG_RUNTIME_DIR'] ??= tmpdir()
  Object.assign(globalThis, module.globals, { setImmediate: askLater })
  return module.create([])
}

/** The GPU of a headless node, or why it has none. */
export async function openHeadlessGpu(choice: GpuChoice): Promise<GpuContext | NoGpu> {
  if (choice === 'none') {
    return none(
      'It was started with --gpu none.',
      'It seeds models, keeps the ledger and relays; start it without that to compute.',
    )
  }
  if (choice === 'software') {
    const driver = SWIFTSHADER.find((path) => existsSync(path))
    if (driver === undefined) {
      return none(
        'There is no SwiftShader, which makes a GPU of the processor.',
        'Install Chromium (`apt-get install chromium`), which brings it, or start with --gpu auto.',
      )
    }
    process.env['VK_ICD_FILENAMES'] = driver
  }
  try {
    const gpu = (await openNodeGpu('webgpu')) as GPU
    return await createGpuContext({ gpu, shaders: diskShaders })
  } catch (error) {
    if (error instanceof CentramError && errorMessage(error).startsWith('Node.js')) {
      return none(errorMessage(error), 'Without it the node seeds and relays, and computes nothing.')
    }
    return none(
      'No GPU was found that Vulkan, Metal or Direct3D 12 offers to this process.',
      choice === 'software'
        ? 'Install Vulkan’s loader (on Debian `libvulkan1`), which finds SwiftShader for this process.'
        : 'Install Vulkan’s loader and the graphics driver (on Debian `libvulkan1` with `mesa-vulkan-drivers` or the vendor’s) and ' +
            'let this user open /dev/dri, or start with --gpu software.',
    )
  }
}

function none(message: string, remedy: string): NoGpu {
  return { kind: 'none', reason: 'no-adapter', message, remedy }
}

/**
 * Dawn asks in a loop of `setImmediate` whether the GPU is done, which keeps a core busy that a GPU on the processor wants
 * itself. Once a millisecond is enough.
 */
function askLater(callback: (...args: unknown[]) => void, ...args: unknown[]): NodeJS.Timeout {
  return setTimeout(callback, 1, ...args)
}
