// `centram bench --links`: round trip and throughput of this project's links beside a plain data channel, PeerJS and
// simple-peer, in the same two browsers over the same emulated paths, taking turns.

import { randomBytes } from 'node:crypto'
import { errorMessage } from '#core/errors.ts'
import { formatTable } from '../format.ts'
import { launchServer } from '../launch.ts'
import { createFiguresFile } from './figures-file.ts'
import { ensureLinkPage, rivalVersions } from './link-page.ts'
import { openLinkPair, type LinkBenchPage, type LinkPair, type Network } from './link-pair.ts'
import { formatSpread, spreadOf, type Spread } from './spread.ts'

export interface LinkBenchOptions {
  /** Milliseconds added to the round trip, comma-separated. */
  readonly delays: string
  /** Per cent of packets lost, comma-separated. */
  readonly losses: string
  readonly repeats: number
  readonly out?: string
  readonly json: boolean
}

export interface LinkFigures extends Network {
  readonly kind: string
  /** Median of each run. */
  readonly roundTripMs: Spread
  readonly megabitsPerSecond: Spread
  /** At the end of the last run. */
  readonly connections: number
}

const ROUND_TRIPS = 30
/** Chromium loses no packets where it adds no delay, of 1 ms at each of four places at least. */
const LEAST_DELAY_MS = 4
/** The rate is that of the last part. */
const COUNTED_MS = 2500
const SETTLE_MS = 1500
/** Ours is given time to find out whether further connections pay. */
const LANES_MS = 7500
const KINDS: readonly { readonly name: string; readonly settleMs: number }[] = [
  { name: 'raw', settleMs: SETTLE_MS },
  { name: 'peerjs', settleMs: SETTLE_MS },
  { name: 'simple-peer', settleMs: SETTLE_MS },
  { name: 'centram, one connection', settleMs: SETTLE_MS },
  { name: 'centram', settleMs: LANES_MS },
]

/** Returns the exit code. */
export async function runLinkBench(options: LinkBenchOptions): Promise<number> {
  const say = (line: string) => (options.json ? console.error(line) : console.log(line))
  const numbers = (list: string) => list.split(',').map(Number)
  const file = createFiguresFile('links', options, say)
  const closers: (() => Promise<void>)[] = []
  try {
    const server = await launchServer({ port: 0, host: '127.0.0.1', webFolder: await ensureLinkPage(), broker: true })
    closers.push(() => server.stop())
    const pair = await openLinkPair(server.url, () => randomBytes(16).toString('hex'))
    closers.push(() => pair.close())
    const rows: LinkFigures[] = []
    for (const lossPercent of numbers(options.losses)) {
      for (const wanted of numbers(options.delays)) {
        const delayMs = lossPercent > 0 ? Math.max(LEAST_DELAY_MS, wanted) : wanted
        rows.push(...(await measurePath(pair, { delayMs, lossPercent }, options.repeats, say)))
      }
    }
    for (const line of describeLinks(rows)) say(line)
    await file.write({ browser: pair.browserVersion, rivals: rivalVersions(), rows })
    return 0
  } catch (error) {
    console.error(errorMessage(error))
    return 1
  } finally {
    for (const close of closers.reverse()) await close().catch(() => undefined)
  }
}

/** All kinds over one path, in turns, so that what else the machine does hits all alike. */
async function measurePath(
  pair: LinkPair,
  network: Network,
  repeats: number,
  say: (line: string) => void,
): Promise<readonly LinkFigures[]> {
  say(`${network.delayMs} ms of delay, ${network.lossPercent} % loss…`)
  const runs = new Map<string, { roundTrips: number[]; rates: number[]; connections: number }>()
  await pair.shape(network)
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (let turn = 0; turn < KINDS.length; turn++) {
      const { name, settleMs } = KINDS[(turn + repeat) % KINDS.length] as (typeof KINDS)[number]
      const run = await measureLine(pair, name, settleMs)
      const sums = runs.get(name) ?? { roundTrips: [], rates: [], connections: 1 }
      sums.roundTrips.push(run.roundTripMs)
      sums.rates.push(run.megabitsPerSecond)
      runs.set(name, { ...sums, connections: run.connections })
      say(`  ${name}: ${run.roundTripMs.toFixed(1)} ms, ${run.megabitsPerSecond.toFixed(1)} Mbit/s`)
    }
  }
  return KINDS.flatMap(({ name }) => {
    const run = runs.get(name)
    if (!run) return []
    const { roundTrips, rates, connections } = run
    const roundTripMs = spreadOf(roundTrips)
    return [{ kind: name, ...network, roundTripMs, megabitsPerSecond: spreadOf(rates), connections }]
  })
}

async function measureLine({ pages: [a, b], ...pair }: LinkPair, kind: string, settleMs: number) {
  await pair.open(kind)
  const times = await a.evaluate(
    (count) => (globalThis as unknown as LinkBenchPage).linkBench.roundTrips(count),
    ROUND_TRIPS,
  )
  const total = () => b.evaluate(() => (globalThis as unknown as LinkBenchPage).linkBench.total())
  const flooding = a
    .evaluate((ms) => (globalThis as unknown as LinkBenchPage).linkBench.flood(ms), settleMs + COUNTED_MS + 500)
    // What was not delivered when the line closes is no failure.
    .catch(() => undefined)
  await pause(settleMs)
  const from = await total()
  await pause(COUNTED_MS)
  const to = await total()
  const connections = await a.evaluate(() => (globalThis as unknown as LinkBenchPage).linkBench.connections())
  await Promise.race([flooding, pause(1500)])
  await pair.closeLine()
  return {
    roundTripMs: spreadOf(times).median,
    megabitsPerSecond: ((to.bytes - from.bytes) * 8) / (to.at - from.at) / 1000,
    connections,
  }
}

export function describeLinks(rows: readonly LinkFigures[]): string[] {
  return [
    '',
    'Links: median (least to most)',
    ...formatTable(
      ['delay', 'loss', 'link', 'connections', 'round trip ms', 'Mbit/s'],
      rows.map((row) => [
        `${row.delayMs} ms`,
        `${row.lossPercent} %`,
        row.kind,
        String(row.connections),
        formatSpread(row.roundTripMs),
        formatSpread(row.megabitsPerSecond),
      ]),
    ),
  ]
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds))
}
