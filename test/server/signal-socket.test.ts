import { once } from 'node:events'
import { afterEach, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createSignallingService } from '../../signaling-server/signal-socket.ts'
import { startLoopback, type Loopback } from './loopback.ts'

let loopback: Loopback | undefined
afterEach(async () => {
  await loopback?.close()
  loopback = undefined
})

async function openSocket(limits: Parameters<typeof createSignallingService>[0] = {}): Promise<WebSocket> {
  loopback = await startLoopback({ signalling: await createSignallingService(limits) })
  return new WebSocket(`${loopback.origin.replace('http', 'ws')}/signal`)
}

it('greets a socket with a binary frame', async () => {
  const socket = await openSocket()
  const [data, isBinary] = (await once(socket, 'message')) as [Buffer, boolean]
  expect(isBinary).toBe(true)
  expect(data.length).toBeGreaterThan(32)
})

it('closes a socket that speaks text', async () => {
  const socket = await openSocket()
  await once(socket, 'open')
  socket.send('hello')
  const [code] = (await once(socket, 'close')) as [number]
  expect(code).toBe(1003)
})

it('closes a socket whose message is above the cap, and serves the next one', async () => {
  const socket = await openSocket({ maxFrameBytes: 1_000 })
  await once(socket, 'open')
  socket.send(new Uint8Array(1_001))
  const [code] = (await once(socket, 'close')) as [number]
  expect(code).toBe(1009)
  const next = new WebSocket(socket.url)
  await once(next, 'message')
})

it('ends open sockets when the server stops', async () => {
  const socket = await openSocket()
  await once(socket, 'open')
  const closed = once(socket, 'close')
  await loopback?.server.stop()
  await closed
  expect(socket.readyState).toBe(WebSocket.CLOSED)
})

it('frees an address again when its sockets close', async () => {
  const first = await openSocket({ maxConnectionsPerAddress: 1 })
  await once(first, 'message')
  const second = new WebSocket(first.url)
  const [, reason] = (await once(second, 'close')) as [number, Buffer]
  expect(reason.toString()).toContain('too many connections')
  first.close()
  await once(first, 'close')
  await expect
    .poll(async () => {
      const third = new WebSocket(first.url)
      const message = once(third, 'message').then(() => 'served')
      return Promise.race([message, once(third, 'close').then(() => 'refused')])
    })
    .toBe('served')
})
