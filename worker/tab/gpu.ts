// The GPU of a tab, or why there is none and what a person can do about it.

import { CentramError, errorMessage } from '#core/errors.ts'
import { bundledShaders } from '../gpu/bundled-shaders.ts'
import { createGpuContext, type GpuContext } from '../gpu/context.ts'
import type { GpuProblem, GpuState } from '../node/api.ts'

type NoGpu = Extract<GpuState, { kind: 'none' }>

export async function openTabGpu(): Promise<GpuContext | NoGpu> {
  if (!isSecureContext) {
    return explain(
      'insecure-context',
      'This address is neither HTTPS nor localhost, so the browser gives the page no GPU and no storage.',
      'Open it as http://localhost on the computer that serves it, or have it served over HTTPS.',
    )
  }
  const gpu = (navigator as { gpu?: GPU }).gpu
  if (!gpu) {
    return explain(
      'no-webgpu',
      'This browser has no WebGPU, which the models compute with.',
      'Use Chrome or Edge 113, Safari 26, Firefox 141 (145 on a Mac), or newer; on Linux turn WebGPU on in the browser’s flags.',
    )
  }
  try {
    return await createGpuContext({ gpu, shaders: bundledShaders })
  } catch (error) {
    if (!(error instanceof CentramError) || error.code !== 'GPU_UNAVAILABLE') {
      return explain('no-adapter', `The GPU could not be opened: ${errorMessage(error)}`, 'Restart the browser.')
    }
    return explain(
      'no-adapter',
      'The browser knows WebGPU but lets this page have no GPU.',
      'Turn graphics acceleration on in the browser’s settings, update the graphics driver, then restart the browser.',
    )
  }
}

function explain(reason: GpuProblem, message: string, remedy: string): NoGpu {
  return { kind: 'none', reason, message, remedy }
}
