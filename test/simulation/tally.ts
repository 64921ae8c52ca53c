// What many worlds covered together.

import type { ThreadAnswer } from './thread.ts'

export interface Tally {
  add(answer: ThreadAnswer): void
  readonly faults: number
  readonly worlds: number
  /** Virtual hours of nodes: a world of eight nodes and one hour has eight. */
  readonly nodeHours: number
  readonly clusterHours: number
  readonly steps: number
  readonly asked: number
  readonly right: number
  readonly ended: ReadonlyMap<string, number>
  readonly byKind: ReadonlyMap<string, number>
  readonly hashes: ReadonlyMap<string, string>
  readonly messagesHandled: number
  readonly streams: number
  readonly streamsWhole: number
  readonly streamBytes: number
  readonly abandoned: number
  readonly stopped: number
}

export function createTally(): Tally {
  const byKind = new Map<string, number>()
  const ended = new Map<string, number>()
  const hashes = new Map<string, string>()
  const addTo = (map: Map<string, number>, counts: Readonly<Record<string, number>>): void => {
    for (const [key, count] of Object.entries(counts)) map.set(key, (map.get(key) ?? 0) + count)
  }
  const tally = {
    faults: 0,
    worlds: 0,
    nodeHours: 0,
    clusterHours: 0,
    steps: 0,
    asked: 0,
    right: 0,
    messagesHandled: 0,
    streams: 0,
    streamsWhole: 0,
    streamBytes: 0,
    abandoned: 0,
    stopped: 0,
    ended,
    byKind,
    hashes,
    add(answer: ThreadAnswer) {
      tally.worlds++
      tally.faults += answer.faults
      tally.clusterHours += answer.virtualMs / 3_600_000
      tally.nodeHours += (answer.virtualMs / 3_600_000) * answer.nodes
      tally.steps += answer.steps
      tally.asked += answer.asked
      tally.right += answer.right
      tally.stopped += answer.stopped
      tally.abandoned += answer.abandoned
      tally.messagesHandled += answer.messagesHandled
      tally.streams += answer.streams
      tally.streamsWhole += answer.streamsWhole
      tally.streamBytes += answer.streamBytes
      hashes.set(answer.seed, answer.traceHash)
      addTo(byKind, answer.faultsByKind)
      addTo(ended, answer.ended)
    },
  }
  return tally
}

export function describeTally(tally: Tally, seconds: number): string {
  const list = (map: ReadonlyMap<string, number>) =>
    [...map]
      .sort((a, b) => b[1] - a[1])
      .map(([name, count]) => `${count} ${name}`)
      .join(', ')
  return [
    `${tally.worlds} worlds, ${tally.clusterHours.toFixed(2)} cluster-hours (${tally.nodeHours.toFixed(1)} node-hours), ` +
      `${tally.steps} steps and ${tally.faults} faults in ${seconds.toFixed(1)} s (${(tally.faults / seconds).toFixed(0)} faults/s)`,
    `faults: ${list(tally.byKind)}`,
    `answers: ${tally.asked} asked, ${tally.right} right, ${tally.stopped} stopped, ${tally.abandoned} gone with their tab, ` +
      `ended: ${list(tally.ended) || 'none'}; ${tally.messagesHandled} messages handled`,
    `streams: ${tally.streams} begun, ${tally.streamsWhole} whole, ${(tally.streamBytes / 2 ** 20).toFixed(0)} MiB`,
  ].join('\n')
}
