// Entry of a tab's worker: builds the surroundings of a node (GPU, storage, clock, randomness, sockets, links) and exposes
// its API to the page.

import './tab/trusted-types.ts'
import { expose } from 'comlink'
import { config } from 'zod/v4/core'
import { createVerifier, type Ed25519Subtle } from '#core/crypto/identity.ts'
import { systemClock } from './net/clock.ts'
import { createPageTransport } from './net/page-transport.ts'
import { createPortChannel } from './net/port-channel.ts'
import { createRtcChannel } from './net/rtc-channel.ts'
import type { NodeBoot } from './node/api.ts'
import { keepErrorCodes } from './node/comlink-errors.ts'
import { createNode } from './node/node.ts'
import type { Surroundings } from './node/surroundings.ts'
import { openTabGpu } from './tab/gpu.ts'
import { openAesGcm } from './tab/aes-gcm.ts'
import { adoptSeed, openTabIdentity, prepareSuccessor } from './tab/identity.ts'
import { openTabBlobs, openTabRecords } from './tab/storage.ts'
import { connectWebSocket } from './tab/web-socket.ts'

const GIB = 1024 ** 3

// Otherwise zod tries whether it may compile its checks, which the page's policy refuses and the browser reports.
config({ jitless: true })

function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length))
}

/** On an address that is not secure there are no locks; then there is no shared storage to guard either. */
async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  const locks = (navigator as { locks?: LockManager }).locks
  return locks ? await locks.request(`centram-${name}`, work) : await work()
}

async function surround({ settings, slot, links }: NodeBoot): Promise<Surroundings> {
  const subtle = (crypto as { subtle?: unknown }).subtle as Ed25519Subtle | undefined
  // The page's signals wait in the port until the transport listens.
  const transport = createPageTransport(links, { rtc: createRtcChannel, port: createPortChannel })
  const records = await openTabRecords()
  const memory = (navigator as { deviceMemory?: number }).deviceMemory
  return {
    settings,
    identity: await openTabIdentity({ slot, records, subtle, random }),
    successor: () => prepareSuccessor({ slot, records, subtle, random }),
    adopt: (seed) => adoptSeed({ slot, records, subtle }, seed),
    ...(subtle !== undefined && { aesGcm: openAesGcm(crypto.subtle) }),
    verifier: await createVerifier(subtle),
    openGpu: openTabGpu,
    engines: {
      wllama: async (model) => (await import('./tab/engines.ts')).openWllama(model),
      onnx: async (model) => (await import('./tab/engines.ts')).openOnnx(model),
      webllm: async (model) => (await import('./tab/engines.ts')).openWebllm(model),
    },
    ...(memory === undefined ? {} : { deviceMemoryBytes: memory * GIB }),
    transport,
    connect: connectWebSocket,
    records,
    blobs: await openTabBlobs(),
    withLock,
    fetch: (url, init) => fetch(url, init),
    clock: systemClock,
    wallTime: () => Math.round(performance.timeOrigin + performance.now()),
    random,
    // Absent on addresses that are not secure.
    ...((crypto as { subtle?: unknown }).subtle !== undefined && {
      sha256: async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)),
    }),
  }
}

async function start(boot: NodeBoot): Promise<void> {
  keepErrorCodes()
  const { api } = await createNode(await surround(boot))
  expose(api, boot.api)
}

addEventListener(
  'message',
  ({ data }: MessageEvent<NodeBoot>) => {
    // Thrown outside the promise, so that the page hears of it as the worker's `error`.
    start(data).catch((error: unknown) =>
      setTimeout(() => {
        throw error
      }),
    )
  },
  { once: true },
)
