// Nodes that share contents over links of memory, on a test's own time.

import { makeChunkTree, type ChunkTree } from '#core/content/manifest.ts'
import { hashChunk } from '#core/content/chunk-tree.ts'
import { concatBytes } from '#core/crypto/bytes.ts'
import type { Swarm } from '../../../worker/net/swarm.ts'
import { createContentExchange, type ContentExchange } from '../../../worker/node/content-exchange.ts'
import { offeredBytes, type ContentHolding, type OfferedContent } from '../../../worker/node/content-holding.ts'
import type { SeedingLimits } from '../../../worker/node/content-seeder.ts'
import { handleContent } from '../../../worker/node/handlers/content.ts'
import type { OriginSource } from '../../../worker/storage/origin-source.ts'
import { createSimulation, ROOM, type Simulation } from '../net/simulation.ts'
import { noise } from '../storage/fixtures.ts'

export const CHUNK = 4096

/** A content of small chunks. */
export interface Sample extends OfferedContent {
  readonly tree: ChunkTree
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** One file of so many chunks, the last one short. */
export function sampleOf(chunks: number, seed = 1): Sample {
  const bytes = noise(chunks * CHUNK - 100, seed)
  const leaves = Array.from({ length: chunks }, (_, i) => hashChunk(bytes.subarray(i * CHUNK, (i + 1) * CHUNK)))
  const file = offeredBytes('model.gguf', bytes)
  return { kind: 'model', files: [file], tree: makeChunkTree('model', [file], CHUNK, concatBytes(...leaves)), bytes }
}

export interface ContentNode {
  readonly id: string
  readonly swarm: Swarm
  readonly exchange: ContentExchange
  limits: SeedingLimits
  /** Found beside what it offers. */
  holding: ContentHolding | undefined
  /** Names of the content messages that it was sent, in order. */
  readonly received: string[]
}

export interface ContentSwarm {
  readonly simulation: Simulation
  join(name: string): Promise<ContentNode>
  /** Resolves once all have links to one another. */
  linked(): Promise<void>
  /** A node without an exchange, which sends what a test wants. */
  joinBare(name: string): Promise<Swarm>
}

export async function createContentSwarm(): Promise<ContentSwarm> {
  const simulation = await createSimulation()
  const swarms: Swarm[] = []
  const enter = async (name: string) => {
    const swarm = await simulation.createNode(name)
    swarms.push(swarm)
    swarm.join(ROOM)
    return swarm
  }
  return {
    simulation,
    joinBare: enter,
    async join(name) {
      const swarm = await enter(name)
      const received: string[] = []
      const node: ContentNode = {
        id: swarm.id,
        swarm,
        exchange: createContentExchange({
          swarm,
          clock: simulation.clock,
          limits: () => node.limits,
          find: async (id) => (node.holding?.tree.id === id ? node.holding : undefined),
        }),
        limits: { enabled: true, bytesPerSecond: null },
        holding: undefined,
        received,
      }
      handleContent(
        {
          ...swarm,
          onPeerOpen: swarm.onPeerOpen,
          onPeerLost: swarm.onPeerLost,
          handle: (message, handler) =>
            swarm.handle(message, (peer, body, tail) => {
              received.push(message)
              return handler(peer, body, tail)
            }),
        },
        node.exchange,
      )
      return node
    },
    async linked() {
      const all = () =>
        swarms.every((swarm) => swarm.peers().filter(({ link }) => link === 'open').length === swarms.length - 1)
      await simulation.clock.until(all, 30_000, 'every link')
    },
  }
}

export interface CountingOrigin {
  open(): Promise<OriginSource>
  fetched: number
  opened: number
  /** Called before every read. */
  before: ((offset: number, length: number) => void | Promise<void>) | undefined
}

export function originOf(bytes: Uint8Array): CountingOrigin {
  const origin: CountingOrigin = {
    fetched: 0,
    opened: 0,
    before: undefined,
    async open() {
      origin.opened++
      return {
        name: 'model.gguf',
        key: 'https://models.example/model.gguf',
        size: bytes.length,
        async read(offset, length) {
          await origin.before?.(offset, length)
          origin.fetched += length
          return bytes.slice(offset, offset + length)
        },
      }
    },
  }
  return origin
}
