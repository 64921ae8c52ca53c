// This project's own link: the page's RTCPeerConnections, and a worker with a swarm and its streams.

import { wrap } from 'comlink'
import { createRtcHost } from '../../node/rtc-host.ts'
import type { Line, LineOptions, Total } from './line.ts'

/** What the worker offers besides (worker/link-bench.ts). */
export interface CentramLine extends Line {
  /** Sends numbered messages from now on. */
  startCounting(everyMs: number): Promise<void>
  /** How many were sent. */
  stopCounting(): Promise<number>
  /** Of the other side's: how many came, and whether each came once and in its turn. */
  counted(): Promise<{ readonly received: number; readonly inOrder: boolean }>
  state(): Promise<{ readonly link: string; readonly losses: number }>
}

interface Bench extends Omit<CentramLine, 'close' | 'total' | 'connections'> {
  untilOpen(): Promise<void>
  total(): Promise<Total>
  connections(): Promise<number>
  close(): Promise<void>
}

export async function openCentramLine({ serverUrl, room }: LineOptions, lanes: boolean): Promise<CentramLine> {
  const worker = new Worker(new URL('../../../worker/link-bench.ts', import.meta.url), { type: 'module' })
  const links = new MessageChannel()
  const api = new MessageChannel()
  createRtcHost(links.port1)
  const secret = Uint8Array.from(room.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
  const boot = { links: links.port2, api: api.port2, serverUrl, room: secret, lanes }
  worker.postMessage(boot, [links.port2, api.port2])
  const bench = wrap<Bench>(api.port1)
  await bench.untilOpen()
  return {
    roundTrips: (count) => bench.roundTrips(count),
    flood: (milliseconds) => bench.flood(milliseconds),
    total: () => bench.total(),
    connections: () => bench.connections(),
    startCounting: (everyMs) => bench.startCounting(everyMs),
    stopCounting: () => bench.stopCounting(),
    counted: () => bench.counted(),
    state: () => bench.state(),
    // Once the goodbye has left.
    close: () => void bench.close().then(() => setTimeout(() => worker.terminate(), 500)),
  }
}
