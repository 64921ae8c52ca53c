// Entry of a thread that floods a server: one half of the abusers repeat a frame that is signed well, the other half send noise.
// Whoever is thrown out comes again.

import { randomBytes } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { WebSocket } from 'ws'
import { openLoadClient } from './load-client.ts'

const { url, count } = workerData as { readonly url: string; readonly count: number }
const MAX_BUFFERED = 256 * 1024
const BURST = 50
const AGAIN_MS = 250
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

let sent = 0
let thrownOut = 0

async function flood(index: number): Promise<never> {
  const address = `127.2.${index >> 8}.${index & 255}`
  for (;;) {
    await (index % 2 === 0 ? repeatSigned(address) : sendNoise(address)).catch(() => undefined)
    thrownOut++
    await pause(AGAIN_MS)
  }
}

async function repeatSigned(address: string): Promise<void> {
  const client = await openLoadClient(url, address, new Uint8Array(randomBytes(16)))
  const frame = await client.sealCandidate(client.key, 'flood')
  await floodUntil(
    client.closed,
    () => client.bufferedBytes,
    () => client.send(frame),
  )
}

async function sendNoise(address: string): Promise<void> {
  const socket = new WebSocket(url, { localAddress: address, perMessageDeflate: false })
  socket.on('error', () => socket.terminate())
  await new Promise((resolve) => socket.once('open', resolve).once('close', resolve))
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await floodUntil(
    closed,
    () => socket.bufferedAmount,
    () => {
      if (socket.readyState === WebSocket.OPEN) socket.send(randomBytes(256))
    },
  )
}

async function floodUntil(closed: Promise<void>, buffered: () => number, send: () => void): Promise<void> {
  let over = false
  void closed.then(() => (over = true))
  while (!over) {
    for (let i = 0; i < BURST && buffered() < MAX_BUFFERED; i++) {
      send()
      sent++
    }
    await pause(1)
  }
}

for (let index = 0; index < count; index++) void flood(index)
setInterval(() => parentPort?.postMessage({ sent, thrownOut }), 500)
