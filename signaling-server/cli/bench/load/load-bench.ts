// What a server holds: thousands of sockets in rooms, its memory, and how long a signal takes from node to node, with and without
// hundreds of abusers. Server and abusers have processes and threads of their own; all of them share this machine.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { CentramError } from '#core/errors.ts'
import { formatTable } from '../../format.ts'
import { PROJECT_FOLDER } from '../../project.ts'
import { createFiguresFile } from '../figures-file.ts'
import { openLoadClient, type LoadClient } from './load-client.ts'

export interface LoadBenchOptions {
  readonly sockets: number
  readonly abusers: number
  readonly seconds: number
  readonly out?: string
  readonly json: boolean
}

const ROOM = 4
const SIGNALS_A_SECOND = 100
/** Sockets of one address, below what the server allows. */
const PER_ADDRESS = 200
const OPENING_AT_ONCE = 64
const MIB = 1024 * 1024

interface Delays {
  readonly sent: number
  readonly arrived: number
  readonly p50: number
  readonly p99: number
  readonly most: number
}

/** Returns the exit code. */
export async function runLoadBench(options: LoadBenchOptions): Promise<number> {
  if (process.platform !== 'linux') {
    throw new CentramError(
      'BAD_ARGUMENT',
      'This benchmark connects from many addresses of 127.0.0.0/8, which only Linux offers.',
    )
  }
  const say = (line: string) => (options.json ? console.error(line) : console.log(line))
  const file = createFiguresFile('load', options, say)
  const server = await startServerProcess()
  try {
    const idleBytes = await server.memory()
    say(`Opening ${options.sockets} sockets…`)
    const began = performance.now()
    const rooms = await openRooms(server.url, options.sockets)
    const openedMs = performance.now() - began
    const heldBytes = await server.memory()
    say(`Quiet, for ${options.seconds} s…`)
    const quiet = await measureSignals(rooms, options.seconds)
    say(`${options.abusers} abusers, for ${options.seconds} s…`)
    const abusers = await startAbusers(server.url, options.abusers)
    const flooded = await measureSignals(rooms, options.seconds)
    const { sent, thrownOut } = abusers.counts()
    const peakBytes = await server.peakMemory()
    await abusers.stop()
    const gone = rooms.flat().filter(({ isGone }) => isGone()).length
    for (const { client } of rooms.flat()) client.close()
    const figures = {
      sockets: options.sockets,
      openedMs,
      idleBytes,
      heldBytes,
      peakBytes,
      quiet,
      flooded,
      frames: sent,
      thrownOut,
      gone,
    }
    const rows = (['quiet', 'flooded'] as const).map((name) => {
      const { sent: all, arrived, p50, p99, most } = figures[name]
      return [name, `${all}`, `${arrived}`, ...[p50, p99, most].map((ms) => `${ms.toFixed(1)} ms`)]
    })
    for (const line of formatTable(['', 'signals', 'arrived', 'p50', 'p99', 'most'], rows)) say(line)
    say(
      `${options.sockets} sockets opened in ${(openedMs / 1000).toFixed(1)} s, ${gone} of them lost. Memory of the server: ` +
        `${(idleBytes / MIB).toFixed(0)} MiB idle, ${(heldBytes / MIB).toFixed(0)} MiB with all, ${(peakBytes / MIB).toFixed(0)} MiB at most. ` +
        `Abusers sent ${sent} frames and were thrown out ${thrownOut} times.`,
    )
    await file.write(figures)
    return 0
  } finally {
    server.stop()
  }
}

interface Seat {
  readonly client: LoadClient
  readonly isGone: () => boolean
}

async function openRooms(url: string, sockets: number): Promise<Seat[][]> {
  const rooms = Array.from({ length: Math.ceil(sockets / ROOM) }, (): Seat[] => [])
  const secrets = rooms.map(() => new Uint8Array(randomBytes(16)))
  let next = 0
  await Promise.all(
    Array.from({ length: OPENING_AT_ONCE }, async () => {
      for (let index = next++; index < sockets; index = next++) {
        const address = `127.1.0.${1 + Math.floor(index / PER_ADDRESS)}`
        const room = index % rooms.length
        const client = await openLoadClient(url, address, secrets[room] as Uint8Array)
        let gone = false
        void client.closed.then(() => (gone = true))
        rooms[room]?.push({ client, isGone: () => gone })
      }
    }),
  )
  return rooms
}

async function measureSignals(rooms: readonly (readonly Seat[])[], seconds: number): Promise<Delays> {
  const delays: number[] = []
  const end = performance.now() + seconds * 1000
  let sent = 0
  while (performance.now() < end) {
    const due = performance.now() + 1000 / SIGNALS_A_SECOND
    const room = rooms[sent % rooms.length] as readonly Seat[]
    const [from, to] = [room[0]?.client, room[1]?.client]
    if (from && to) {
      const frame = await from.sealCandidate(to.key, `${sent}`)
      const left = performance.now()
      to.onCandidate(() => delays.push(performance.now() - left))
      from.send(frame)
      sent++
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())))
  }
  await new Promise((resolve) => setTimeout(resolve, 1000))
  delays.sort((a, b) => a - b)
  const at = (part: number) => delays[Math.min(delays.length - 1, Math.floor(part * delays.length))] ?? NaN
  return { sent, arrived: delays.length, p50: at(0.5), p99: at(0.99), most: at(1) }
}

/** `centram start` as people run it. */
async function startServerProcess() {
  const child = spawn(
    process.execPath,
    [
      join(PROJECT_FOLDER, 'signaling-server/cli/centram.js'),
      'start',
      '--port',
      '0',
      '--no-open',
      '--no-ledger',
      '--no-broker',
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const url = await new Promise<string>((resolve, reject) => {
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      const found = /running at http:\/\/localhost:(\d+)\//.exec(output)
      if (found) resolve(`ws://127.0.0.1:${found[1]}/signal`)
    })
    child.once('exit', (code) => reject(new Error(`The server ended with code ${code}: ${output}`)))
  })
  const read = async (field: string) => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
    return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024
  }
  return { url, memory: () => read('VmRSS'), peakMemory: () => read('VmHWM'), stop: () => child.kill('SIGKILL') }
}

/** A thread does not know TypeScript by itself. */
const THREAD = JSON.stringify(new URL('./abusers.ts', import.meta.url).href)
const START = `import('tsx/esm/api').then(({ register }) => { register(); return import(${THREAD}) })`

async function startAbusers(url: string, count: number) {
  const worker = new Worker(START, { eval: true, workerData: { url, count } })
  let counts = { sent: 0, thrownOut: 0 }
  worker.on('message', (told: typeof counts) => (counts = told))
  await new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  return { counts: () => counts, stop: () => worker.terminate() }
}
