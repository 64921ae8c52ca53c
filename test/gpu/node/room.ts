// Whole nodes in one page: real GPU, the built-in model, and a room, server and links of memory.

import { createVerifier, identityFromSeed } from '#core/crypto/identity.ts'
import { systemClock } from '../../../worker/net/clock.ts'
import { createMemoryNetwork } from '../../../worker/net/memory-transport.ts'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { createMemoryBlobs } from '../../../worker/storage/memory-blobs.ts'
import { createMemoryRecords } from '../../../worker/storage/records.ts'
import { createNode, type CentramNode } from '../../../worker/node/node.ts'
import type { CatalogueEntry, NodeApi, NodeState } from '../../../worker/node/api.ts'
import type { Surroundings } from '../../../worker/node/surroundings.ts'
import { createSignalling } from '../../../signaling-server/signalling/signalling.ts'
import { createRandom, createSocketPairs } from '../../worker/net/simulation.ts'
import { createLocks } from '../../worker/storage/fixtures.ts'
import { openGpu } from '../support/gpu.ts'

export const TOY: CatalogueEntry = {
  id: 'toy',
  title: 'Toy',
  url: 'models/toy/',
  origin: 'built-in',
  sizeBytes: 1_700_000,
}

export interface TestNode {
  readonly api: NodeApi
  readonly id: string
  state(): NodeState
  /** Resolves with the first state, now or later, that `accept` takes. */
  until(accept: (state: NodeState) => boolean, what: string): Promise<NodeState>
  /** Bytes this node fetched, by file name. */
  readonly fetched: Map<string, number>
  /** Falls silent, as a killed tab does. */
  kill(): void
  /** Takes the GPU away, as a driver reset does. */
  loseGpu(): void
  close(): void
}

export interface TestRoom {
  createNode(seed: number, options?: { light?: boolean; surroundings?: Partial<Surroundings> }): Promise<TestNode>
  close(): void
}

export async function createRoom(): Promise<TestRoom> {
  const verifier = await createVerifier(crypto.subtle)
  const network = createMemoryNetwork()
  const server = createSignalling({
    identity: identityFromSeed(new Uint8Array(32).fill(250)),
    verifier,
    clock: systemClock,
    random: createRandom(99),
    limits: {},
  })
  const sockets = createSocketPairs(() => server)
  const nodes: TestNode[] = []

  return {
    async createNode(seed, { light = false, surroundings = {} } = {}) {
      const fetched = new Map<string, number>()
      let gpu: GpuContext | null = null
      const node: CentramNode = await createNode({
        settings: { serverUrl: 'ws://memory/signal', pageUrl: 'http://centram.test/', catalogue: [TOY] },
        identity: identityFromSeed(new Uint8Array(32).fill(seed)),
        verifier,
        async openGpu() {
          if (light)
            return { kind: 'none', reason: 'no-webgpu', message: 'No WebGPU here.', remedy: 'Use another browser.' }
          gpu = await openGpu()
          return gpu
        },
        transport: network.createTransport(`node ${seed}`),
        connect: sockets.connect,
        records: createMemoryRecords(),
        blobs: createMemoryBlobs(),
        withLock: createLocks(),
        fetch: (url, init) => fetchByRange(url, init, fetched),
        clock: systemClock,
        wallTime: () => 1_790_000_000_000,
        random: createRandom(seed),
        ...surroundings,
      })
      const waiting = new Set<() => void>()
      let state: NodeState | null = null
      await node.api.watch((next) => {
        state = next
        for (const look of [...waiting]) look()
      })
      const present = (): NodeState => {
        if (!state) throw new Error('no state yet')
        return state
      }
      const made: TestNode = {
        api: node.api,
        id: present().id,
        state: present,
        fetched,
        until: (accept, what) =>
          new Promise((resolve, reject) => {
            const timer = setTimeout(() => {
              waiting.delete(look)
              reject(new Error(`waited 55 s for ${what}; the state is ${JSON.stringify(state)}`))
            }, 55_000)
            const look = () => {
              if (!accept(present())) return
              clearTimeout(timer)
              waiting.delete(look)
              resolve(present())
            }
            waiting.add(look)
            look()
          }),
        kill: () => network.kill(`node ${seed}`),
        loseGpu: () => gpu?.device.destroy(),
        close: () => node.close(),
      }
      nodes.push(made)
      return made
    },
    close() {
      for (const node of nodes) node.close()
    },
  }
}

/** The project's own model files with ranges, counted, whatever the test server makes of them. */
async function fetchByRange(
  url: string,
  init: RequestInit | undefined,
  fetched: Map<string, number>,
): Promise<Response> {
  const path = new URL(url).pathname
  const name = path.split('/').at(-1) ?? ''
  const whole = await fetch(`/web/public${path}`)
  const bytes = await whole.arrayBuffer()
  // A development server answers what it does not have with its page.
  if (!whole.ok || (whole.headers.get('Content-Type') ?? '').includes('html'))
    return new Response(null, { status: 404 })
  const range = /bytes=(\d+)-(\d*)/.exec(new Headers(init?.headers).get('Range') ?? '')
  const first = Number(range?.[1] ?? 0)
  const last = Math.min(range?.[2] ? Number(range[2]) : bytes.byteLength - 1, bytes.byteLength - 1)
  fetched.set(name, (fetched.get(name) ?? 0) + last - first + 1)
  return new Response(bytes.slice(first, last + 1), {
    status: 206,
    headers: { 'Content-Range': `bytes ${first}-${last}/${bytes.byteLength}`, ETag: '"1"' },
  })
}
