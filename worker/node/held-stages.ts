// The stages that this node holds for others: opens the model that a plan names, fetches the layers, and loads them.

import { createShardServer, type ShardServer } from '../hyperlink/shard-server.ts'
import type { PipePort } from '../hyperlink/pipe-port.ts'
import type { ActiveModel } from './active-model.ts'
import type { NodeState } from './api.ts'
import { countColumns } from './counted-shard.ts'
import type { ModelLibrary } from './model-library.ts'
import type { ShardLoader } from './shard-loader.ts'

export interface HeldStagesOptions {
  readonly port: PipePort
  readonly library: ModelLibrary
  readonly shards: ShardLoader
  readonly active: Pick<ActiveModel, 'current'>
  /** Columns that were computed for a node. */
  onWork(owner: string, columns: number): void
  /** Throws while this node computes nothing for others. */
  requireHelping(): void
  /** What others have placed here. */
  onChange(held: NodeState['held']): void
}

/** Sessions one asker may hold open on this node. */
const MAX_SESSIONS = 4
/** Of loading a stage, the part that is fetching. */
const FETCHING = 0.8

export function createHeldStages({ port, library, shards, active, ...options }: HeldStagesOptions): ShardServer {
  const server = createShardServer({
    port,
    maxSessions: MAX_SESSIONS,
    onChange() {
      const others = server.held().filter(({ owner }) => owner !== port.self)
      options.onChange(others.map(({ owner, title, stages, ready }) => ({ ownerId: owner, title, stages, ready })))
    },
    async loadShard({ owner, model: reference, range, profile, signal, onProgress }) {
      if (owner !== port.self) options.requireHelping()
      await shards.start()
      const { modelId, model } = await library.resolve(reference, signal)
      const isForOthers = () => active.current()?.modelId !== modelId
      const onFetch = (done: number) => onProgress(done * FETCHING, 0)
      await library.fetch(modelId, range, { signal, onProgress: onFetch, forOthers: isForOthers() })
      const onLoad = (done: number) => onProgress(FETCHING + done * (1 - FETCHING), 0)
      const shard = await shards.load(model, range, { asker: owner, profile, signal, onProgress: onLoad })
      if (isForOthers()) library.setStatus(modelId, { status: 'listed', progress: 0 })
      return countColumns(shard, (columns) => options.onWork(owner, columns))
    },
  })
  return server
}
