// Whole nodes of a pipeline without a GPU or a network: each asks with its own active model and holds stages for the others.
// Frames arrive in order between any two nodes, in tasks of their own.

import { toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { CentramError } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { TensorEntry } from '#core/formats/tensor-entry.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { PlacementNode } from '#core/pipeline/place-layers.ts'
import type { SamplingOptions } from '#core/sampling/sampler.ts'
import { runAnswer, type Answer } from '../../../worker/hyperlink/answer.ts'
import type { StretchLength } from '../../../worker/hyperlink/cache-path.ts'
import {
  createLastingSession,
  type AnswerStart,
  type LastingSession,
} from '../../../worker/hyperlink/lasting-session.ts'
import type { PipePort } from '../../../worker/hyperlink/pipe-port.ts'
import { createShardServer, type ShardServer } from '../../../worker/hyperlink/shard-server.ts'
import { createActiveModel, type ActiveModel, type ActiveModelOptions } from '../../../worker/node/active-model.ts'
import { createPipeHandlers, createPipePort, type PipeHandlers } from '../../../worker/node/handlers/pipe.ts'
import { createFakeShard, FAKE_CONFIG, type FakeShard } from './fake-shard.ts'

export const MODEL_ID = 'fake'
/** What one layer takes on a node: weights, and a cache of the whole context. */
export const LAYER_BYTES = 1000

export interface FakeNode {
  readonly index: number
  readonly id: string
  readonly server: ShardServer
  readonly active: ActiveModel
  /** Everything it ever loaded, for itself and for others. */
  readonly shards: FakeShard[]
  readonly lasting: LastingSession
  readonly budgetBytes: number
}

export interface FakeSwarmOptions {
  /** Layers each node has room for; the number of nodes. */
  readonly room: readonly number[]
  readonly keptBytes?: number
  /** Told every frame as it is sent. */
  onFrame?(name: string, from: number, to: number): void
}

/** As many layers as the fake shard has, with nothing beside them. */
const MODEL: OpenedModel = {
  format: 'gguf',
  config: { ...FAKE_CONFIG, kvHeads: 0 },
  tensors: new Map(
    Array.from({ length: FAKE_CONFIG.layers }, (_, layer): [string, TensorEntry] => {
      const name = `blk.${layer}.weight`
      const where = { source: 0, offset: 0, byteLength: LAYER_BYTES }
      return [name, { name, dtype: 'F32', shape: [1, 1], ...where }]
    }),
  ),
  sources: [],
  tokenizer: { kind: 'bytes' },
  templateTokens: {},
  fingerprint: 'f'.repeat(64),
}

export function createFakeSwarm({ room, keptBytes, onFrame }: FakeSwarmOptions) {
  const nodes: FakeNode[] = []
  const gone = new Set<string>()
  const silent = new Set<string>()
  const ways = new Map<string, Promise<void>>()
  const tables = new Map<string, PipeHandlers>()
  const indexOf = (id: string) => nodes.findIndex((node) => node.id === id)

  const send = (self: string): PipePort['send'] => {
    return (peer, name, body, tail) => {
      if (gone.has(peer)) throw new CentramError('PEER_LEFT', `There is no open link to node ${indexOf(peer)}.`)
      onFrame?.(name, indexOf(self), indexOf(peer))
      const copy = structuredClone(body)
      const bytes = tail?.slice()
      const way = `${self}/${peer}`
      const before = ways.get(way) ?? Promise.resolve()
      const arrived = before.then(() => new Promise<void>((resolve) => setTimeout(resolve, 0)))
      ways.set(
        way,
        arrived.then(() => {
          if ([self, peer].some((id) => gone.has(id) || silent.has(id))) return
          void tables.get(peer)?.[name](self, copy, bytes as never)
        }),
      )
    }
  }

  for (const [index, layers] of room.entries()) {
    const id = toHex(new Uint8Array(32).fill(index + 1))
    const shards: FakeShard[] = []
    const budgetBytes = layers * LAYER_BYTES
    const load = async (range: LayerRange) => {
      await new Promise((resolve) => setTimeout(resolve, 0))
      const shard = createFakeShard(range, { chunky: true })
      shards.push(shard)
      return shard
    }
    const around = { nameOf: (peer: string) => `node ${indexOf(peer)}`, now: () => performance.now() }
    const port = createPipePort({ id, send: send(id) as never }, around, () => tables.get(id) as PipeHandlers)
    const offer = (): PlacementNode => ({ id, budgetBytes, bytesPerSecond: 1e6 })
    const fakes = {
      library: {
        open: async () => MODEL,
        reference: () => ({ title: 'fake', url: null, fingerprint: MODEL.fingerprint, sizeBytes: 1, content: null }),
        fetch: async () => undefined,
        setStatus: () => undefined,
      },
      shards: {
        start: async () => undefined,
        offer,
        profile: () => 'p',
        load: (_model: OpenedModel, range: LayerRange) => load(range),
      },
      adapters: { chosen: () => [] },
    } as unknown as Pick<ActiveModelOptions, 'library' | 'shards' | 'adapters'>
    let plans = 0
    const active = createActiveModel({
      port,
      ...fakes,
      helpers: () =>
        nodes
          .filter((node) => node.id !== id && !gone.has(node.id) && !silent.has(node.id))
          .map((node) => ({ id: node.id, budgetBytes: node.budgetBytes, bytesPerSecond: 1e6, roundTripMs: 1 })),
      gpuOf: () => 'fake',
      // Two bytes decide on an audit; the tests ask for theirs.
      random: (length) => new Uint8Array(length).fill(length === 2 ? 255 : ++plans + index * 16),
      onPlacement: () => undefined,
      onAdapters: () => undefined,
      onReady: () => undefined,
      onNotice: () => undefined,
    })
    const server = createShardServer({
      port,
      maxSessions: 2,
      ...(keptBytes !== undefined && { keptBytes }),
      onChange: () => undefined,
      loadShard: ({ range }) => load(range),
    })
    tables.set(id, createPipeHandlers(server, active))
    const lasting = createLastingSession(async () => (await active.ready(MODEL_ID)).session(0))
    nodes.push({ index, id, server, active, shards, lasting, budgetBytes })
  }

  function tellLost(id: string, message: string): void {
    for (const node of nodes) {
      if (gone.has(node.id) || node.id === id) continue
      node.active.onPeerLost(id, new CentramError('PEER_LEFT', message))
    }
  }

  return {
    nodes,
    node(index: number): FakeNode {
      const node = nodes[index]
      if (!node) throw new Error(`There is no node ${index}.`)
      return node
    },
    /** It is gone, and everybody notices at once. */
    kill(...indices: readonly number[]): void {
      for (const index of indices) gone.add(nodes[index]?.id ?? '')
      for (const index of indices) {
        const id = nodes[index]?.id ?? ''
        for (const node of nodes) if (!gone.has(node.id)) node.server.onPeerLost(id)
        tellLost(id, `node ${index} left`)
      }
    },
    /** Nothing comes from it or reaches it any more; the others are told, as by a heartbeat. */
    stall(index: number): void {
      const id = nodes[index]?.id ?? ''
      silent.add(id)
      tellLost(id, `node ${index} fell silent`)
    },
    /** It is back, as a tab that was opened again. */
    revive(index: number): void {
      gone.delete(nodes[index]?.id ?? '')
      nodes[index]?.server.close()
    },
    loseGpu(index: number): void {
      nodes[index]?.server.fail(new CentramError('GPU_LOST', 'The GPU was reset.'))
    },
    /** Which node holds each layer of node 0's plan. */
    layers(): readonly number[] {
      const stages = nodes[0]?.active.pipeline()?.plan.stages ?? []
      return stages.flatMap(({ nodeId, range }) => new Array<number>(range.last - range.first).fill(indexOf(nodeId)))
    },
  }
}

export type FakeSwarm = ReturnType<typeof createFakeSwarm>

export const PROMPT = Array.from({ length: 150 }, (_, index) => (index * 7) % FAKE_CONFIG.vocabularySize)

export interface AskHooks {
  onToken?(count: number): void
  onPrefill?(done: number): void
  onRecovery?(message: string): void
}

export interface AskOptions {
  readonly prompt?: readonly number[]
  readonly maxTokens?: number
  readonly goOnFrom?: AnswerStart['goOnFrom']
  readonly sampling?: SamplingOptions
  readonly endTokens?: ReadonlySet<number>
}

/** Node 0 answers; every logit of every step is hashed. */
export async function askFake(
  swarm: FakeSwarm,
  hooks: AskHooks = {},
  { prompt = PROMPT, maxTokens = 20, goOnFrom, sampling = {}, endTokens = new Set() }: AskOptions = {},
): Promise<Answer & { readonly path: readonly StretchLength[] }> {
  let count = 0
  const session = await swarm.node(0).lasting.begin({
    prompt,
    ...(goOnFrom && { goOnFrom }),
    fresh: false,
    isCancelled: () => false,
    onRecovery: ({ message }) => hooks.onRecovery?.(message),
    onRecovered: () => undefined,
  })
  const request = {
    prompt,
    maxTokens,
    goOnFrom: goOnFrom?.tokens,
    sampling,
    endTokens,
    digest: true,
  }
  const answer = await runAnswer(session, request, {
    onPrefill: (done) => hooks.onPrefill?.(done),
    onToken: () => hooks.onToken?.(++count),
    isCancelled: () => false,
    sha256: async (bytes) => sha256(bytes),
  })
  return { ...answer, path: session.path }
}
