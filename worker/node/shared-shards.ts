// This node's GPU for several askers: layers that two plans want of one model are loaded once, and all steps take turns.

import { createShardPool } from '../hyperlink/shard-pool.ts'
import type { StepScheduler } from '../hyperlink/step-scheduler.ts'
import type { ShardLoader } from './shard-loader.ts'

/** `loader`, whose shards wait for their turn at `scheduler`. */
export function shareShards(loader: ShardLoader, self: string, scheduler: StepScheduler): ShardLoader {
  const pool = createShardPool(scheduler)
  return {
    ...loader,
    async load(model, range, options) {
      const { asker, profile, signal, onProgress } = options
      if (asker === undefined) {
        const shard = await loader.load(model, range, options)
        const lent = scheduler.lend(shard, self)
        return {
          ...lent,
          dispose() {
            lent.dispose()
            shard.dispose()
          },
        }
      }
      const key = [model.fingerprint, range.first, range.last, profile].join('/')
      return pool.acquire({
        key,
        asker,
        signal,
        onProgress,
        load: (abort, onPart) => loader.load(model, range, { profile, signal: abort, onProgress: onPart }),
      })
    },
  }
}
