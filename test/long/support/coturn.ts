// Debian's TURN server on this machine, with a secret that it shares with ours.

import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, connect, type AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Coturn {
  readonly url: string
  readonly secret: string
  stop(): Promise<void>
}

const START_MS = 10_000

export async function startCoturn(secret: string): Promise<Coturn> {
  // Browsers gather no candidates on the loopback interface where there is another.
  const address = outwardAddress()
  const port = await freePort(address)
  const folder = await mkdtemp(join(tmpdir(), 'centram-coturn-'))
  const child = spawn(
    'turnserver',
    [
      ...['-n', '--no-cli', '--no-tls', '--no-dtls', '--log-file=stdout', '--realm=centram.test'],
      ...['--use-auth-secret', `--static-auth-secret=${secret}`, `--userdb=${join(folder, 'users')}`],
      ...[`--listening-ip=${address}`, `--relay-ip=${address}`, `--listening-port=${port}`],
      ...[`--pidfile=${join(folder, 'pid')}`, ...(address.startsWith('127.') ? ['--allow-loopback-peers'] : [])],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let output = ''
  const listen = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4000))
  child.stdout.on('data', listen)
  child.stderr.on('data', listen)
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code) => resolve(`it ended with code ${code}`))
  })
  const failed = ended.then((why) => {
    throw new Error(`coturn did not start (\`npm run pretest:long\` installs it): ${why}\n${output}`)
  })
  await Promise.race([untilListening(address, port), failed])
  failed.catch(() => undefined)
  return {
    url: `turn:${address}:${port}`,
    secret,
    async stop() {
      child.kill()
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function outwardAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((entries) => entries ?? [])
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1'
}

export async function freePort(host: string): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

export async function untilListening(host: string, port: number): Promise<void> {
  const deadline = Date.now() + START_MS
  for (;;) {
    const answered = await new Promise<boolean>((resolve) => {
      const socket = connect({ host, port })
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('close', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (answered) return
    if (Date.now() > deadline) throw new Error(`nothing listens on ${host}:${port} after ${START_MS} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
