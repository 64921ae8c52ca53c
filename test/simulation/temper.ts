// What worlds suffer from: each has one temper, which follows from its seed or is asked for.

import type { FaultKind } from './faults.ts'

/** What a world suffers from: the chances of single messages' faults, the mean time between others, and their shares. */
interface Temper {
  readonly packet: number
  readonly link: number
  readonly relay: number
  readonly transfer: number
  readonly disk: number
  /** Virtual milliseconds between two faults of the shares below. */
  readonly every: number
  readonly shares: Partial<Record<FaultKind, number>>
}

export const TEMPERS = {
  /** Peers and wires that cheat. */
  hostile: {
    ...{ packet: 0.02, link: 0.04, relay: 0.3, transfer: 0.05, disk: 0, every: 400 },
    shares: { 'link cut': 4, 'link silent': 6, pause: 1, 'step failed': 1, 'date jump': 1, 'clock drift': 1 },
  },
  /** A network that comes and goes. */
  stormy: {
    ...{ packet: 0.08, link: 0, relay: 0.3, transfer: 0.1, disk: 0.001, every: 100 },
    shares: {
      'link silent': 10,
      'link stale': 2,
      'link cut': 3,
      partition: 0.3,
      pause: 1,
      'socket broken': 1,
      'server stopped': 0.1,
      'clock drift': 1,
      'date jump': 1,
    },
  },
  /** Tabs that die over disks that fail. */
  deadly: {
    ...{ packet: 0.03, link: 0, relay: 0.1, transfer: 0.2, disk: 0.01, every: 500 },
    shares: {
      crash: 3,
      'machine crash': 2,
      'tab closed': 2,
      'node left the room': 1,
      eviction: 2,
      'disk full': 2,
      'GPU lost': 0.5,
      'step failed': 5,
      'server stopped': 0.1,
      pause: 1,
    },
  },
  /** A bit of everything, with time to get something done in between. */
  mixed: {
    ...{ packet: 0.05, link: 0.002, relay: 0.1, transfer: 0.1, disk: 0.002, every: 800 },
    shares: {
      crash: 1,
      'machine crash': 1,
      'tab closed': 1,
      'node left the room': 1,
      'link silent': 5,
      'link stale': 1,
      'link cut': 3,
      partition: 0.3,
      pause: 2,
      'clock drift': 1,
      'date jump': 1,
      eviction: 1,
      'disk full': 1,
      'GPU lost': 0.3,
      'step failed': 2,
      'server stopped': 0.2,
      'socket broken': 1,
    },
  },
} as const satisfies Readonly<Record<string, Temper>>

export type TemperName = keyof typeof TEMPERS

export const TEMPER_NAMES = Object.keys(TEMPERS) as readonly TemperName[]

export const isTemper = (name: string): name is TemperName => name in TEMPERS
