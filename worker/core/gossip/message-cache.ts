// Recent news by id: told of for a few heartbeats, and kept a while longer for those who ask.

import type { BodyOf } from '../protocol/registry.ts'
import type { GossipParameters } from './parameters.ts'

export interface CachedNews {
  readonly topic: string
  /** As it came. */
  readonly body: BodyOf<'GOSSIP_PUBLISH'>
}

export interface MessageCache {
  put(id: string, news: CachedNews): void
  get(id: string): CachedNews | undefined
  /** Ids of a topic's news of the last heartbeats, the newest first. */
  recent(topic: string): readonly string[]
  /** Once a heartbeat. */
  shift(): void
  clear(): void
}

export function createMessageCache(
  parameters: Pick<GossipParameters, 'gossipBeats' | 'keptBeats' | 'keptBytes'>,
): MessageCache {
  // In order of age, as a map keeps it.
  const kept = new Map<string, CachedNews & { readonly beat: number }>()
  let beat = 0
  let bytes = 0
  const drop = (id: string) => {
    bytes -= kept.get(id)?.body.news.length ?? 0
    kept.delete(id)
  }
  return {
    put(id, news) {
      if (kept.has(id)) return
      kept.set(id, { ...news, beat })
      bytes += news.body.news.length
      for (const oldest of kept.keys()) {
        if (bytes <= parameters.keptBytes) break
        drop(oldest)
      }
    },
    get: (id) => kept.get(id),
    recent: (topic) =>
      [...kept]
        .filter(([, news]) => news.topic === topic && beat - news.beat < parameters.gossipBeats)
        .map(([id]) => id)
        .reverse(),
    shift() {
      beat++
      for (const [id, news] of kept) {
        if (beat - news.beat < parameters.keptBeats) break
        drop(id)
      }
    },
    clear() {
      kept.clear()
      bytes = 0
    },
  }
}
