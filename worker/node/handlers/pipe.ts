// Handlers of the pipe family: stages held for others, and this node's own pipeline. A node that takes over a stage of its
// own pipeline is to itself what others are to it.

import type { PipeMessage, PipePort } from '../../hyperlink/pipe-port.ts'
import type { ShardServer } from '../../hyperlink/shard-server.ts'
import type { PeerHandler } from '../../net/handler-table.ts'
import type { Swarm } from '../../net/swarm.ts'
import type { ActiveModel } from '../active-model.ts'

export type PipeHandlers = { readonly [Name in PipeMessage]: PeerHandler<Name> }

export function createPipeHandlers(shards: ShardServer, active: ActiveModel): PipeHandlers {
  return {
    PIPE_PLAN: (peer, body) => shards.onPlan(peer, body),
    PIPE_COMMIT: (peer, body) => shards.onCommit(peer, body),
    PIPE_LOAD_STATUS: (peer, body) => active.pipeline()?.onLoadStatus(peer, body),
    PIPE_ACTIVATION: (peer, body, tail) => shards.onActivation(peer, body, tail),
    PIPE_LOGITS: (peer, body, tail) => active.pipeline()?.onLogits(peer, body, tail),
    PIPE_KV_TRIM: (peer, body) => shards.onTrim(peer, body),
    PIPE_AUDIT: (peer, body) => {
      if (body.digest === null) shards.onAudit(peer, body)
      else active.pipeline()?.onAudit(peer, body)
    },
    PIPE_FAILOVER: (peer, body) => shards.onFailover(peer, body),
  }
}

export function handlePipe(swarm: Swarm, handlers: PipeHandlers): void {
  swarm.handle('PIPE_PLAN', handlers.PIPE_PLAN)
  swarm.handle('PIPE_COMMIT', handlers.PIPE_COMMIT)
  swarm.handle('PIPE_LOAD_STATUS', handlers.PIPE_LOAD_STATUS)
  swarm.handle('PIPE_ACTIVATION', handlers.PIPE_ACTIVATION)
  swarm.handle('PIPE_LOGITS', handlers.PIPE_LOGITS)
  swarm.handle('PIPE_KV_TRIM', handlers.PIPE_KV_TRIM)
  swarm.handle('PIPE_AUDIT', handlers.PIPE_AUDIT)
  swarm.handle('PIPE_FAILOVER', handlers.PIPE_FAILOVER)
}

/** What goes to this node itself arrives in a task of its own, as from anybody, and needs no signature. */
export function createPipePort(
  swarm: Pick<Swarm, 'id' | 'send'>,
  around: Pick<PipePort, 'nameOf' | 'now'>,
  handlers: () => PipeHandlers,
): PipePort {
  const self = swarm.id
  return {
    self,
    ...around,
    send(peer, name, body, tail) {
      if (peer !== self) {
        swarm.send(peer, name, body, tail)
        return
      }
      const run = async () => handlers()[name](self, body, tail as never)
      void Promise.resolve().then(run)
    },
  }
}
