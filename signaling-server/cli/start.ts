// `centram start`: builds the web app where needed, serves until it is told to stop.

import { spawn } from 'node:child_process'
import { checkModelPath } from '../model-library.ts'
import { defaultModels, launchServer } from './launch.ts'
import { ensureWebApp } from './web-build.ts'

export interface StartOptions {
  readonly port: number
  readonly host: string
  readonly models?: string
  readonly modelFile: readonly string[]
  readonly open: boolean
}

export async function runStart(options: StartOptions): Promise<void> {
  for (const path of options.modelFile) await checkModelPath(path)
  await ensureWebApp(console.log)
  const defaults = defaultModels()
  const server = await launchServer({
    port: options.port,
    host: options.host,
    models: {
      ...defaults,
      folders: [...(options.models === undefined ? [] : [options.models]), ...defaults.folders],
      extras: options.modelFile,
    },
  })
  console.log(`Centram is running at ${server.url}`)
  if (!['127.0.0.1', 'localhost', '::1'].includes(options.host)) {
    console.log(
      'Other machines reach it too, but browsers allow WebGPU only over HTTPS there: put a TLS proxy in front of it.',
    )
  }
  console.log('Press Ctrl-C to stop.')
  if (options.open && hasDesktop()) openInBrowser(server.url)

  const stop = () => {
    // A second Ctrl-C ends at once, by the default handling that `once` leaves in place.
    console.log('\nStopping…')
    void server.stop()
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
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
