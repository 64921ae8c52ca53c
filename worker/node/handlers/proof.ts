// Handlers of the proof family.

import type { PeerHandler } from '../../net/handler-table.ts'
import type { Swarm } from '../../net/swarm.ts'
import type { LogExchange } from '../log-exchange.ts'
import type { Reconciling } from '../reconciling.ts'
import type { Witnesses } from '../witnesses.ts'

export function handleProof(
  swarm: Swarm,
  exchange: LogExchange,
  reconciling: Reconciling,
  witnesses: Witnesses,
  forks: { readonly onFork: PeerHandler<'PROOF_FORK'> },
): void {
  swarm.handle('PROOF_HEAD', exchange.onHead)
  swarm.handle('PROOF_RANGE_REQUEST', exchange.onRangeRequest)
  swarm.handle('PROOF_RANGE', exchange.onRange)
  swarm.handle('PROOF_RECON_OPEN', reconciling.onOpen)
  swarm.handle('PROOF_RECON_FRAME', reconciling.onFrame)
  swarm.handle('PROOF_RECON_DONE', reconciling.onDone)
  swarm.handle('PROOF_WITNESS', witnesses.onWitness)
  swarm.handle('PROOF_FORK', forks.onFork)
}
