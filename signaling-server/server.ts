// The one server process on one port: routes over HTTP, the signalling service behind /signal, nodes that are doors behind
// /door, a PeerJS broker behind /broker.

import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Server as SocketServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { DOOR_PATH } from '#core/door/messages.ts'
import { CentramError } from '#core/errors.ts'
import type { MessageTraffic } from '#core/protocol/traffic.ts'
import type { Rate } from '#core/protocol/rates.ts'
import type { Broker } from './broker.ts'
import { createClientAddress, type ClientAddress } from './client-address.ts'
import type { DoorService } from './door/socket.ts'
import type { LedgerRouteOptions } from './http/ledger-routes.ts'
import { createRoutes } from './http/routes.ts'
import { createWebApp } from './http/web-app.ts'
import type { ModelLibrary } from './model-library.ts'
import type { OpenAiOptions } from './openai/routes.ts'
import type { ServerCertificate } from './tls/certificate.ts'
import { createOnePort } from './tls/one-port.ts'

/** What the server needs of the signalling service. */
export interface SignallingService {
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  counts(): { readonly nodes: number; readonly rooms: number }
  /** Members of each room, largest first. */
  roomSizes(): readonly number[]
  /** Messages sent and verified since it began, by type. */
  traffic(): readonly MessageTraffic[]
  close(): Promise<void>
}

export interface ServerOptions {
  /** 0 picks a free one. */
  readonly port: number
  readonly host: string
  /** The built web app. */
  readonly webFolder: string
  readonly models: ModelLibrary
  readonly signalling: SignallingService
  /** Makes a PeerJS broker, where one is offered: once the port is had, for its timers keep a process alive. */
  readonly createBroker?: () => Broker
  readonly version: string
  /** Whose request it is; the peer of the connection where absent. */
  readonly addressOf?: ClientAddress
  /** Of the REST API, for one address. */
  readonly apiRate?: Rate
  /** Serves HTTPS, and sends whoever comes by plain HTTP there. */
  readonly tls?: ServerCertificate
  /** The copy of the ledger, where one is kept; closed with the server. */
  readonly ledger?: LedgerRouteOptions & { close(): void }
  /** Nodes that answer for programs outside, and OpenAI's API for those. */
  readonly doors?: { readonly service: DoorService; readonly addressOf: OpenAiOptions['addressOf'] }
}

export interface RunningServer {
  /** Where a browser on this machine finds it. */
  readonly url: string
  readonly port: number
  /** What its signalling sent and verified, by type. */
  traffic(): readonly MessageTraffic[]
  /** Ends connections and resolves once the port is free. */
  stop(): Promise<void>
}

/** Open responses get this long to finish before a stop cuts them. */
const STOP_GRACE_MS = 1_000

/** Starts listening; a taken port or a foreign host is an error that names the remedy. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const startedAt = process.hrtime.bigint()
  const { signalling, doors } = options
  let broker: Broker | null = null
  const routes = createRoutes({
    webApp: createWebApp(options.webFolder),
    models: options.models,
    rest: {
      version: options.version,
      models: options.models,
      countPeers: () => signalling.counts(),
      roomSizes: () => signalling.roomSizes(),
      traffic: () => signalling.traffic(),
      uptimeSeconds: () => Number((process.hrtime.bigint() - startedAt) / 1_000_000_000n),
      addressOf: options.addressOf ?? createClientAddress(),
      now: () => performance.now(),
      ...(options.apiRate && { rate: options.apiRate }),
      ...(options.ledger && { ledger: options.ledger }),
    },
    ...(doors && {
      openAi: {
        doors: doors.service,
        addressOf: doors.addressOf,
        now: () => performance.now(),
        wallTime: Date.now,
      },
    }),
  })
  const respond = getRequestListener(routes.fetch)
  const answer: RequestListener = (request, response) => {
    if (broker?.isPath(pathOf(request))) broker.handleRequest(request, response)
    else void respond(request, response)
  }
  const { server, listener } = options.tls ? createOnePort(options.tls, answer) : alone(createServer(answer))
  server.on('upgrade', (request, socket, head) => {
    // A browser may drop the connection at any moment; without a listener that would end the process.
    socket.on('error', () => socket.destroy())
    if (pathOf(request) === '/signal') signalling.handleUpgrade(request, socket, head)
    else if (doors && pathOf(request) === DOOR_PATH) doors.service.handleUpgrade(request, socket, head)
    else if (broker?.isPath(pathOf(request))) broker.handleUpgrade(request, socket, head)
    else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  })
  await listen(listener, options.port, options.host).catch((error: unknown) => {
    options.ledger?.close()
    throw error
  })
  broker = options.createBroker?.() ?? null
  const { port } = listener.address() as AddressInfo

  let stopping: Promise<void> | undefined
  async function stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => listener.close(() => resolve()))
    broker?.close()
    doors?.service.close()
    await signalling.close()
    server.closeIdleConnections()
    const cut = setTimeout(() => server.closeAllConnections(), STOP_GRACE_MS)
    await closed
    clearTimeout(cut)
    options.ledger?.close()
  }

  return {
    url: `${options.tls ? 'https' : 'http'}://${displayHost(options.host)}:${port}/`,
    port,
    traffic: () => signalling.traffic(),
    stop: () => (stopping ??= stop()),
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/'
}

function displayHost(host: string): string {
  if (['127.0.0.1', '::1', '0.0.0.0', '::', 'localhost'].includes(host)) return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}

/** One that listens for itself. */
const alone = (server: Server) => ({ server, listener: server })

async function listen(server: SocketServer, port: number, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explainListenError(error, port, host)))
    server.listen(port, host, resolve)
  })
}

function explainListenError(error: NodeJS.ErrnoException, port: number, host: string): Error {
  const remedies: Record<string, string> = {
    EADDRINUSE:
      `Port ${port} is taken, perhaps by a Centram that runs already: open http://${displayHost(host)}:${port}/ and see, ` +
      `or choose another port with \`npm start -- --port ${port + 1}\`.`,
    EACCES: `Port ${port} needs administrator rights: choose one above 1023, such as \`npm start -- --port 9740\`.`,
    EADDRNOTAVAIL: `No network interface of this machine has the address ${host}: use --host 127.0.0.1 or 0.0.0.0.`,
    ENOTFOUND: `The host name ${host} is not known: use --host 127.0.0.1 or 0.0.0.0.`,
  }
  const remedy = remedies[error.code ?? '']
  return remedy === undefined ? error : new CentramError('BAD_ARGUMENT', remedy, { cause: error })
}
