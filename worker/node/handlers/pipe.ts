// Handlers of the pipe family: stages held for others, and this node's own pipeline.

import type { ShardServer } from '../../hyperlink/shard-server.ts'
import type { Swarm } from '../../net/swarm.ts'
import type { ActiveModel } from '../active-model.ts'

export function handlePipe(swarm: Swarm, shards: ShardServer, active: ActiveModel): void {
  swarm.handle('PIPE_PLAN', (peer, body) => shards.onPlan(peer, body))
  swarm.handle('PIPE_COMMIT', (peer, body) => shards.onCommit(peer, body))
  swarm.handle('PIPE_LOAD_STATUS', (peer, body) => active.pipeline()?.onLoadStatus(peer, body))
  swarm.handle('PIPE_ACTIVATION', (peer, body, tail) => shards.onActivation(peer, body, tail))
  swarm.handle('PIPE_LOGITS', (peer, body, tail) => active.pipeline()?.onLogits(peer, body, tail))
  swarm.handle('PIPE_KV_TRIM', (peer, body) => shards.onTrim(peer, body))
}
