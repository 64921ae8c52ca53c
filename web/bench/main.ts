// The benchmark page: runs the kernels in a worker of their own when the command line calls, and hands its messages on; other
// workers run training steps and measure signatures as they are asked.

import '../node/trusted-types.ts'
import { offerWorker } from './ask-worker.ts'

// Shared with whoever drives the page: it starts the run and hears every message of the worker.
Object.assign(globalThis, {
  centramBench(listener: (message: unknown) => void) {
    const worker = new Worker(new URL('../../worker/bench.ts', import.meta.url), { type: 'module', name: 'bench' })
    worker.addEventListener('message', ({ data }: MessageEvent<unknown>) => listener(data))
    worker.addEventListener('error', ({ message }) =>
      listener({ type: 'failed', message: message || 'The benchmark worker could not be loaded.' }),
    )
    worker.postMessage('start')
  },
})

offerWorker(
  'centramTrain',
  () => new Worker(new URL('../../worker/training-bench.ts', import.meta.url), { type: 'module', name: 'training' }),
)

offerWorker(
  'centramSign',
  () => new Worker(new URL('../../worker/signature-bench.ts', import.meta.url), { type: 'module', name: 'signatures' }),
)
