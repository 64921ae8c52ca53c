// The one server process on one port: routes over HTTP, and the signalling service behind /signal.

import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { createAdaptorServer } from '@hono/node-server'
import { CentramError } from '#core/errors.ts'
import { createRoutes } from './http/routes.ts'
import { createWebApp } from './http/web-app.ts'
import type { ModelLibrary } from './model-library.ts'

/** What the server needs of the signalling service. */
export interface SignallingService {
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  counts(): { readonly nodes: number; readonly rooms: number }
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
  readonly version: string
}

export interface RunningServer {
  /** Where a browser on this machine finds it. */
  readonly url: string
  readonly port: number
  /** Ends connections and resolves once the port is free. */
  stop(): Promise<void>
}

/** Open responses get this long to finish before a stop cuts them. */
const STOP_GRACE_MS = 1_000

/** Starts listening; a taken port or a foreign host is an error that names the remedy. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const startedAt = process.hrtime.bigint()
  const { signalling } = options
  const routes = createRoutes({
    version: options.version,
    webApp: createWebApp(options.webFolder),
    models: options.models,
    countPeers: () => signalling.counts(),
    uptimeSeconds: () => Number((process.hrtime.bigint() - startedAt) / 1_000_000_000n),
  })
  const server = createAdaptorServer({ fetch: routes.fetch, createServer }) as Server
  server.on('upgrade', (request, socket, head) => {
    // A browser may drop the connection at any moment; without a listener that would end the process.
    socket.on('error', () => socket.destroy())
    if (pathOf(request) === '/signal') signalling.handleUpgrade(request, socket, head)
    else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  })
  await listen(server, options.port, options.host)
  const { port } = server.address() as AddressInfo

  let stopping: Promise<void> | undefined
  async function stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    await signalling.close()
    server.closeIdleConnections()
    const cut = setTimeout(() => server.closeAllConnections(), STOP_GRACE_MS)
    await closed
    clearTimeout(cut)
  }

  return {
    url: `http://${displayHost(options.host)}:${port}/`,
    port,
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

async function listen(server: Server, port: number, host: string): Promise<void> {
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
