// The part of the fake node that plays limits, log, measurements and storage.

import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import type {
  LimitsApi,
  LimitsState,
  LogEvent,
  LogLevel,
  LogLine,
  Measurements,
  StoredItem,
} from '../../../worker/node/limits-api.ts'

export const FREE: LimitsState = {
  memoryBytes: null,
  gpuShare: 1,
  onlyWhenIdle: false,
  onlyOnMains: false,
  paused: false,
  conditions: { idle: false, onMains: true },
  resting: null,
  suggestedBytes: 6_400_000_000,
  memory: { weights: 0, caches: 0, training: 0 },
}

/** A fixed time, so that pictures stay the same. */
const NOW = Date.UTC(2026, 10, 23, 14, 5, 30)

const line = (number: number, secondsAgo: number, level: LogLevel, event: LogEvent): LogLine => ({
  number,
  at: NOW - secondsAgo * 1000,
  level,
  event,
})

function logOf({ peers }: NodeState): LogLine[] {
  const [anna, ben] = peers
  const events: [number, LogLevel, LogEvent][] = [
    [640, 'info', { kind: 'started', name: 'Kim’s laptop' }],
    [639, 'info', { kind: 'gpu-ready', gpu: 'NVIDIA GeForce RTX 4070 Laptop GPU', bytes: 6_400_000_000 }],
    [638, 'info', { kind: 'server', state: 'open', reason: '' }],
  ]
  if (anna && ben) {
    events.push(
      [601, 'info', { kind: 'room-entered' }],
      [600, 'info', { kind: 'peer-joined', peer: anna.id, name: anna.name }],
      [598, 'info', { kind: 'peer-joined', peer: ben.id, name: ben.name }],
      [598, 'info', { kind: 'peer-path', peer: ben.id, name: ben.name, path: 'relayed' }],
      [540, 'info', { kind: 'model-loading', title: 'SmolLM2 360M Instruct' }],
      [512, 'info', { kind: 'model-ready', title: 'SmolLM2 360M Instruct', layers: 32, nodes: 3 }],
      [300, 'info', { kind: 'answered', name: null, tokens: 412, tokensPerSecond: 24.2 }],
      [120, 'warning', { kind: 'peer-silent', peer: anna.id, name: anna.name }],
      [117, 'info', { kind: 'peer-back', peer: anna.id, name: anna.name }],
      [60, 'error', { kind: 'answer-failed', name: null, code: 'PEER_LEFT', message: 'Anna’s laptop left.' }],
      [20, 'info', { kind: 'answered', name: anna.name, tokens: 96, tokensPerSecond: 21.7 }],
    )
  }
  return events.map(([ago, level, event], index) => line(index + 1, ago, level, event))
}

/** Ten minutes with two answers in them. */
function measuredOf({ id, peers, speed }: NodeState): Measurements {
  const names = [id, ...peers.map((peer) => peer.id)]
  const wave = (second: number, part: number) => Math.abs(Math.sin(second * part) * Math.cos(second / 17))
  const isBusy = (second: number) => speed !== null && (second % 300 > 40 ? second % 300 < 150 : false)
  const seconds = Array.from({ length: peers.length > 0 ? 600 : 0 }, (_, index) => {
    const ago = 600 - index
    return {
      at: NOW - ago * 1000,
      tokens: isBusy(ago) ? Math.round(20 + 6 * wave(ago, 0.7)) : 0,
      tokensForOthers: isBusy(ago + 90) ? Math.round(8 + 4 * wave(ago, 0.3)) : 0,
      columnsForOthers: 0,
      gpuMs: isBusy(ago) ? 350 + 200 * wave(ago, 0.9) : isBusy(ago + 90) ? 180 : 0,
      roundTrips: peers.map((peer, place) => ({
        peer: peer.id,
        ms: (peer.roundTripMs ?? 3) * (1 + 0.6 * wave(ago + place * 7, 0.11)),
      })),
    }
  })
  const tokens = Array.from({ length: speed === null ? 0 : 240 }, (_, index) => {
    const stages = names.map((nodeId, place) => ({ nodeId, ms: 8 + 4 * place + 3 * wave(index + place * 11, 0.5) }))
    const networkMs = names.length > 1 ? 6 + 8 * wave(index, 0.21) : 0
    return {
      at: NOW - (240 - index) * 42,
      totalMs: stages.reduce((sum, { ms }) => sum + ms, networkMs),
      networkMs,
      stages,
    }
  })
  return { at: NOW, seconds, tokens }
}

const STORED: readonly StoredItem[] = [
  {
    kind: 'model',
    id: 'smollm2-360m',
    title: 'SmolLM2 360M Instruct',
    bytes: 386_405_000,
    inUse: true,
    forOthers: false,
  },
  {
    kind: 'model',
    id: 'qwen2.5-0.5b',
    title: 'Qwen2.5 0.5B Instruct',
    bytes: 410_000_000,
    inUse: false,
    forOthers: true,
  },
  { kind: 'genome', id: 'ab'.repeat(32), title: 'Old letters', bytes: 2_800_000 },
  { kind: 'run', id: 'r1', title: 'Cookbook', bytes: 9_100_000, inUse: true },
  { kind: 'leftover', id: 'https://example.org/old-model.gguf', title: 'old-model.gguf', bytes: 52_000_000 },
]

export const LIMITS_SCENES: Readonly<Record<string, Partial<LimitsState>>> = {
  limited: {
    memoryBytes: 2_000_000_000,
    gpuShare: 0.5,
    onlyWhenIdle: true,
    onlyOnMains: true,
    conditions: { idle: true, onMains: false },
    resting: 'on-battery',
    memory: { weights: 240_000_000, caches: 84_000_000, training: 0 },
  },
  paused: { paused: true, resting: 'paused' },
}

export function createFakeLimits(state: () => NodeState, update: (change: Partial<NodeState>) => void): LimitsApi {
  let items: readonly StoredItem[] = STORED
  const change = (limits: Partial<LimitsState>) => update({ limits: { ...state().limits, ...limits } })
  const api: Pick<NodeApi, keyof LimitsApi> = {
    setLimits: async (limits) => change({ ...limits, resting: limits.paused ? 'paused' : null }),
    setConditions: async (conditions) => change({ conditions }),
    leaveCleanly: async () => update({ room: null, peers: [] }),
    readLog: async (after) => logOf(state()).filter(({ number }) => number > after),
    readMeasurements: async (since) => {
      const measured = measuredOf(state())
      return { ...measured, seconds: measured.seconds.filter(({ at }) => at >= since) }
    },
    readStored: async () => ({ usedBytes: 874_000_000, quotaBytes: 61_000_000_000, items }),
    removeLeftover: async (key) => void (items = items.filter(({ id }) => id !== key)),
  }
  return api
}
