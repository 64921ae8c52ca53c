// Entry of the benchmark page's worker: times the kernels on this tab's GPU and posts each row as it comes.

import { errorMessage } from '#core/errors.ts'
import { benchKernels, type KernelBenchRow } from './gpu/kernel-bench.ts'
import { openTabGpu } from './tab/gpu.ts'

/** What the worker posts; `done` or `failed` is the last. */
export type KernelBenchMessage =
  | { readonly type: 'row'; readonly row: KernelBenchRow }
  | { readonly type: 'done'; readonly adapter: string }
  | { readonly type: 'failed'; readonly message: string }

async function run(post: (message: KernelBenchMessage) => void): Promise<void> {
  const gpu = await openTabGpu()
  if ('kind' in gpu) {
    post({ type: 'failed', message: `${gpu.message} ${gpu.remedy}` })
    return
  }
  try {
    await benchKernels(gpu, { onRow: (row) => post({ type: 'row', row }) })
    const { vendor, architecture, description } = gpu.info
    post({ type: 'done', adapter: [vendor, architecture, description].filter(Boolean).join(' ') })
  } catch (error) {
    post({ type: 'failed', message: errorMessage(error) })
  } finally {
    gpu.dispose()
  }
}

addEventListener('message', () => void run((message) => postMessage(message)), { once: true })
