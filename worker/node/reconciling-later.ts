// The comparing of sets, fetched when there is somebody to compare with.

import { once } from './once.ts'
import type { Reconciling, ReconcilingOptions } from './reconciling.ts'

export function createReconcilingLater(options: ReconcilingOptions): Reconciling {
  const open = once(async () => (await import('./reconciling.ts')).createReconciling(options))
  let isBegun = false
  let isClosed = false

  async function ask(work: (reconciling: Reconciling) => void | Promise<void>): Promise<void> {
    isBegun = true
    const reconciling = await open()
    if (!isClosed) await work(reconciling)
  }
  /** Where its code cannot be had, this node only hears what others tell of themselves. */
  const quietly = (work: (reconciling: Reconciling) => void) => void ask(work).catch(() => undefined)

  return {
    onOpen: (...told) => ask((reconciling) => reconciling.onOpen(...told)),
    onFrame: (...told) => ask((reconciling) => reconciling.onFrame(...told)),
    onDone: (...told) => ask((reconciling) => reconciling.onDone(...told)),
    onPeerOpen: (peer) => quietly((reconciling) => reconciling.onPeerOpen(peer)),
    onPeerLost: (peer) => quietly((reconciling) => reconciling.onPeerLost(peer)),
    close() {
      isClosed = true
      if (isBegun)
        void open().then(
          (reconciling) => reconciling.close(),
          () => undefined,
        )
    },
  }
}
