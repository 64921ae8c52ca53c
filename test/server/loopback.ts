// A server on a free loopback port over a throw-away folder, and raw requests that no client library tidies up.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Broker } from '../../signaling-server/broker.ts'
import { createModelLibrary } from '../../signaling-server/model-library.ts'
import {
  startServer,
  type RunningServer,
  type ServerOptions,
  type SignallingService,
} from '../../signaling-server/server.ts'

export interface Loopback {
  readonly server: RunningServer
  /** `http://127.0.0.1:port`, without a slash at its end. */
  readonly origin: string
  readonly folder: string
  write(path: string, content: string | Uint8Array): Promise<string>
  close(): Promise<void>
}

export async function startLoopback(
  overrides: {
    signalling?: SignallingService
    extras?: string[]
    createBroker?: () => Broker
    ledger?: NonNullable<ServerOptions['ledger']>
    doors?: NonNullable<ServerOptions['doors']>
    apiRate?: NonNullable<ServerOptions['apiRate']>
  } = {},
): Promise<Loopback> {
  const folder = await mkdtemp(join(tmpdir(), 'centram-server-'))
  const write = async (path: string, content: string | Uint8Array) => {
    const target = join(folder, path)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, content)
    return target
  }
  const server = await startServer({
    port: 0,
    host: '127.0.0.1',
    webFolder: join(folder, 'web'),
    models: createModelLibrary({
      builtIn: [join(folder, 'web', 'models', 'toy')],
      folders: [join(folder, 'models')],
      extras: (overrides.extras ?? []).map((path) => join(folder, path)),
    }),
    signalling: overrides.signalling ?? silentSignalling(),
    ...(overrides.ledger && { ledger: overrides.ledger }),
    ...(overrides.doors && { doors: overrides.doors }),
    ...(overrides.apiRate && { apiRate: overrides.apiRate }),
    ...(overrides.createBroker && { createBroker: overrides.createBroker }),
    version: '1.2.3',
  })
  return {
    server,
    origin: `http://127.0.0.1:${server.port}`,
    folder,
    write,
    async close() {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export function silentSignalling(counts = { nodes: 0, rooms: 0 }): SignallingService {
  return {
    handleUpgrade: (_request, socket) => void socket.destroy(),
    counts: () => counts,
    roomSizes: () => [],
    traffic: () => [],
    close: () => Promise.resolve(),
  }
}

/** Sends exactly these bytes and returns all that comes back until the server closes the connection. */
export async function sendRaw(port: number, request: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
    // A reset after the answer is the server's way of not reading the rest; what it said counts.
    socket.on('error', () => undefined)
  })
}
