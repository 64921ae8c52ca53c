// Puts the server together from its parts, for `start`, `demo` and `bench` alike.

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { createBroker } from '../broker.ts'
import { createClientAddress, type ProxyTrust } from '../client-address.ts'
import { createDoorService } from '../door/socket.ts'
import { createModelLibrary, type ModelLibraryOptions } from '../model-library.ts'
import type { OpenLedgerCopy } from '../ledger/open.ts'
import { startServer, type RunningServer } from '../server.ts'
import { clock, createSignallingService } from '../signal-socket.ts'
import type { Cluster } from '../signalling/cluster.ts'
import type { ServerCertificate } from '../tls/certificate.ts'
import type { TurnOptions } from '../turn.ts'
import { modelFolder } from './model-files.ts'
import { WEB_FOLDER, readVersion } from './project.ts'

export interface LaunchOptions {
  /** 0 picks a free one. */
  readonly port: number
  readonly host: string
  /** Models on offer; by default the built-in one and the cache of `centram model get`. */
  readonly models?: ModelLibraryOptions
  /** A built page other than the web app. */
  readonly webFolder?: string
  /** TURN servers that nodes are granted the use of. */
  readonly turn?: TurnOptions
  /** Offers PeerJS's broker too. */
  readonly broker?: boolean
  /** Proxies in front of it whose header names the client. */
  readonly trust?: ProxyTrust
  /** Address of a Redis by which several processes share their rooms. */
  readonly redis?: string
  /** Serves HTTPS. */
  readonly tls?: ServerCertificate
  /** The copy of the ledger to offer, which is closed with the server. */
  readonly ledger?: OpenLedgerCopy | null
}

export function defaultModels(): ModelLibraryOptions {
  return { builtIn: [join(WEB_FOLDER, 'models', 'toy')], folders: [modelFolder()] }
}

export async function launchServer(options: LaunchOptions): Promise<RunningServer> {
  const clientAddress = createClientAddress(options.trust)
  const cluster = options.redis === undefined ? undefined : await openCluster(options.redis)
  return startServer({
    port: options.port,
    host: options.host,
    webFolder: options.webFolder ?? WEB_FOLDER,
    models: createModelLibrary(options.models ?? defaultModels()),
    signalling: await createSignallingService({}, options.turn, clientAddress, cluster),
    ...(options.broker === true && { createBroker: () => createBroker(clientAddress) }),
    ...(options.tls && { tls: options.tls }),
    doors: { service: await createDoorService(clientAddress), addressOf: clientAddress },
    ...(options.ledger && { ledger: { ...options.ledger, addressOf: clientAddress, now: () => performance.now() } }),
    version: readVersion(),
    addressOf: clientAddress,
  })
}

/** Its package is read only where it is wanted. */
async function openCluster(url: string): Promise<Cluster> {
  const { openRedisCluster } = await import('../signalling/redis-cluster.ts')
  return openRedisCluster({ url, clock, random: (length) => new Uint8Array(randomBytes(length)), report: console.warn })
}
