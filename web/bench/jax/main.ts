// The page of the training step in jax-js, which `npm run bench` builds for itself and the web app does not carry.

import '../../node/trusted-types.ts'
import { offerWorker } from '../ask-worker.ts'

offerWorker(
  'centramTrain',
  () => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'jax-js' }),
)
