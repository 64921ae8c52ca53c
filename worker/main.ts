// Entry of a tab's worker: builds the surroundings of a node (GPU, storage, clock, randomness, sockets, links) and exposes
// its API to the page.

import { expose } from 'comlink'
import type { NodeBoot } from './node/api.ts'
import { keepErrorCodes } from './node/comlink-errors.ts'

addEventListener(
  'message',
  ({ data }: MessageEvent<NodeBoot>) => {
    keepErrorCodes()
    expose({}, data.api)
  },
  { once: true },
)
