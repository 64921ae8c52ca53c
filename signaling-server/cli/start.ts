// `centram start`: builds the web app where needed, serves until it is told to stop.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { checkModelPath } from '../model-library.ts'
import type { ProxyHeader } from '../client-address.ts'
import { readTurnOptions } from '../turn.ts'
import { CentramError, errorMessage } from '#core/errors.ts'
import { openLedgerCopy, type OpenLedgerCopy } from '../ledger/open.ts'
import { openOwnCertificate, readCertificate, type ServerCertificate } from '../tls/certificate.ts'
import { describeLan, lanAddresses, lanHosts } from './lan.ts'
import { defaultModels, launchServer } from './launch.ts'
import { dataFolder } from './project.ts'
import { ensureWebApp } from './web-build.ts'

export interface StartOptions {
  readonly port: number
  readonly host: string
  readonly models?: string
  readonly modelFile: readonly string[]
  readonly open: boolean
  readonly turn?: string
  readonly turnSecret?: string
  readonly broker: boolean
  readonly trustProxy: readonly string[]
  readonly proxyHeader: ProxyHeader
  /** File of the copy of the ledger; false for none. */
  readonly ledger: string | false
  readonly redis?: string
  /** Serves the network, over HTTPS. */
  readonly lan: boolean
  /** A certificate and its key, as PEM files. */
  readonly cert?: string
  readonly key?: string
}

export async function runStart(options: StartOptions): Promise<void> {
  const turn = readTurnOptions(options.turn, options.turnSecret)
  for (const path of options.modelFile) await checkModelPath(path)
  const addresses = options.lan ? lanAddresses() : []
  const tls = await openTls(options, addresses)
  await ensureWebApp(console.log)
  const defaults = defaultModels()
  const host = options.lan && isLocal(options.host) ? EVERY_NETWORK : options.host
  const server = await launchServer({
    port: options.port,
    host,
    ...(tls && { tls }),
    ...(options.redis !== undefined && { redis: options.redis }),
    ...(turn && { turn }),
    broker: options.broker,
    ledger: options.ledger === false ? null : await openLedger(options.ledger),
    trust: { proxies: options.trustProxy, header: options.proxyHeader },
    models: {
      ...defaults,
      folders: [...(options.models === undefined ? [] : [options.models]), ...defaults.folders],
      extras: options.modelFile,
    },
  })
  const [address] = addresses
  // Of this machine's names the one that others know too, so that invite links hold there.
  const url = address === undefined ? server.url : `https://${address}:${server.port}/`
  console.log(`Centram is running at ${url}`)
  if (address !== undefined) console.log(`\n${describeLan(url, tls?.authority)}\n`)
  else if (!isLocal(host) && !tls) {
    console.log(
      'Other machines reach it too, but browsers allow WebGPU only over HTTPS there: start it with --lan, or put a TLS proxy in front of it.',
    )
  }
  console.log('Press Ctrl-C to stop.')
  if (options.open && hasDesktop()) openInBrowser(url)

  const stop = () => {
    // A second Ctrl-C ends at once, by the default handling that `once` leaves in place.
    console.log('\nStopping…')
    // The broker's package has timers that nothing stops.
    void server.stop().then(() => process.exit())
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

/** Given ones before those made here; without --lan only given ones. */
async function openTls(
  { lan, cert, key }: StartOptions,
  addresses: readonly string[],
): Promise<ServerCertificate | null> {
  if (cert !== undefined && key !== undefined) return readCertificate(cert, key)
  if (cert !== undefined || key !== undefined) {
    throw new CentramError('BAD_ARGUMENT', 'A certificate and its private key go together: give both --cert and --key.')
  }
  if (!lan) return null
  if (addresses.length === 0) {
    throw new CentramError(
      'BAD_ARGUMENT',
      'This machine is in no network that others could reach it by: connect it, or start without --lan.',
    )
  }
  return openOwnCertificate(join(dataFolder(), 'tls'), lanHosts(addresses))
}

const EVERY_NETWORK = '0.0.0.0'
const isLocal = (host: string) => ['127.0.0.1', 'localhost', '::1'].includes(host)

/** The copy is an extra: a server without one serves all else. */
async function openLedger(path: string): Promise<OpenLedgerCopy | null> {
  try {
    return await openLedgerCopy(path)
  } catch (error) {
    console.warn(errorMessage(error))
    return null
  }
}

function hasDesktop(): boolean {
  const { env, platform } = process
  if (env['CI'] || env['SSH_CONNECTION']) return false
  return platform === 'darwin' || platform === 'win32' || Boolean(env['DISPLAY'] || env['WAYLAND_DISPLAY'])
}

function openInBrowser(url: string): void {
  const [command, ...args] =
    process.platform === 'darwin'
      ? ['open', url]
      : process.platform === 'win32'
        ? ['cmd', '/c', 'start', '', url]
        : ['xdg-open', url]
  const child = spawn(command, args, { stdio: 'ignore', detached: true })
  // No opener is no failure: the address is on the screen.
  child.on('error', () => undefined)
  child.unref()
}
