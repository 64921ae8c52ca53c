// The link benchmark's page: opens one line after another to a second such page, as whoever drives both asks.

import '../../node/trusted-types.ts'
import { openCentramLine, type CentramLine } from './centram-line.ts'
import type { Line, LineOptions } from './line.ts'
import { openPeerJsLine } from './peerjs-line.ts'
import { openRawLine } from './raw-line.ts'
import { openSimplePeerLine } from './simple-peer-line.ts'

const KINDS: Readonly<Record<string, (options: LineOptions) => Promise<Line>>> = {
  raw: openRawLine,
  peerjs: openPeerJsLine,
  'simple-peer': openSimplePeerLine,
  centram: (options) => openCentramLine(options, true),
  'centram, one connection': (options) => openCentramLine(options, false),
}

let line: Line | null = null
/** Signals that come before anybody listens are kept. */
let onSignal: ((signal: unknown) => void) | null = null
let early: unknown[] = []

const current = () => line ?? fail('No line is open.')

function fail(message: string): never {
  throw new Error(message)
}

Object.assign(globalThis, {
  linkBench: {
    async open(kind: string, options: Omit<LineOptions, 'signals'>) {
      const open = KINDS[kind] ?? fail(`There is no kind ${kind}.`)
      const signals: LineOptions['signals'] = {
        // Put on the page by whoever drives it.
        tell: (signal) => (globalThis as unknown as { tellOther(signal: unknown): void }).tellOther(signal),
        onSignal(listener) {
          onSignal = listener
          for (const signal of early.splice(0)) listener(signal)
        },
      }
      line = await open({ ...options, signals })
    },
    take(signal: unknown) {
      if (onSignal === null) early.push(signal)
      else onSignal(signal)
    },
    roundTrips: (count: number) => current().roundTrips(count),
    flood: (milliseconds: number) => current().flood(milliseconds),
    total: () => current().total(),
    connections: () => current().connections(),
    close() {
      line?.close()
      line = null
      onSignal = null
      early = []
    },
    /** For what only this project's line can do. */
    centram: () => current() as CentramLine,
  },
})
