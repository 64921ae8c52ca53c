// Debian's Redis on this machine, in memory only. It can be killed, and started again on the same port.

import { spawn, type ChildProcess } from 'node:child_process'
import { freePort, untilListening } from './coturn.ts'

export interface RedisServer {
  readonly url: string
  /** Ends it at once; what it knew is gone. */
  kill(): Promise<void>
  start(): Promise<void>
}

const HOST = '127.0.0.1'

export async function startRedis(): Promise<RedisServer> {
  const port = await freePort(HOST)
  let child: ChildProcess | null = null
  const server: RedisServer = {
    url: `redis://${HOST}:${port}`,
    async kill() {
      if (!child) return
      const ended = new Promise((resolve) => child?.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
      child = null
    },
    async start() {
      const started = spawn('redis-server', ['--port', `${port}`, '--bind', HOST, '--save', '', '--appendonly', 'no'], {
        stdio: 'ignore',
      })
      child = started
      const failed = new Promise<never>((_, reject) => {
        started.once('error', (error) =>
          reject(new Error(`Redis did not start (\`npm run pretest:long\` installs it): ${error.message}`)),
        )
      })
      await Promise.race([untilListening(HOST, port), failed])
      failed.catch(() => undefined)
    },
  }
  await server.start()
  return server
}
