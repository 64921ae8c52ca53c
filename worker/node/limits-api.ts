// What a page may ask of a node about what it lends and what it did: limits that a person sets, the log, measurements, and what
// is stored. Types only; the rules of api.ts hold.

import type { ErrorCode } from '#core/errors.ts'

export interface LimitsApi {
  /** Takes effect at once, and is kept for this node. Throws `BAD_ARGUMENT`. */
  setLimits(limits: Limits): Promise<void>
  /** What the page sees of the device; the node itself cannot. Told anew whenever it changes. */
  setConditions(conditions: Conditions): Promise<void>
  /** Has others take over what this node holds for them, then leaves the room. Resolves within `HAND_OVER_MS` or so. */
  leaveCleanly(): Promise<void>
  /** Lines of the log behind number `after`, oldest first; 0 is all that is kept. */
  readLog(after: number): Promise<readonly LogLine[]>
  /** What was measured from that time on, in milliseconds since 1970. */
  readMeasurements(since: number): Promise<Measurements>
  readStored(): Promise<StoredReport>
  /** Deletes model files that no model of the list uses. */
  removeLeftover(key: string): Promise<void>
}

/** Of what this node computes. A person's own answers stop for none but memory and GPU share. */
export interface Limits {
  /** For weights and caches; null for what the device suggests. */
  readonly memoryBytes: number | null
  /** Part of the time that the GPU may compute, answers of this node included: above 0, at most 1. */
  readonly gpuShare: number
  /** Others are helped, and runs go on, only while nobody uses the device. */
  readonly onlyWhenIdle: boolean
  readonly onlyOnMains: boolean
  /** Nothing is computed for others, and no run goes on. */
  readonly paused: boolean
}

/** Null where the browser does not say. */
export interface Conditions {
  /** Nobody uses the device. */
  readonly idle: boolean | null
  readonly onMains: boolean | null
}

/** Why a node computes nothing for others. `unknown`: a limit asks for what the browser does not say. */
export type RestReason = 'paused' | 'leaving' | 'in-use' | 'idle-unknown' | 'on-battery' | 'power-unknown'

export interface LimitsState extends Limits {
  readonly conditions: Conditions
  /** Null while it helps others. */
  readonly resting: RestReason | null
  /** What the device suggests for weights and caches; 0 before the GPU is open. */
  readonly suggestedBytes: number
  /** On the GPU now. */
  readonly memory: GpuMemory
}

/** Bytes of weights and adapters, of the caches of answers, and of training runs. */
export interface GpuMemory {
  readonly weights: number
  readonly caches: number
  readonly training: number
}

export type LogLevel = 'info' | 'warning' | 'error'

/** One line of the log. Names stand as they were at the time. */
export interface LogLine {
  /** From 1 on, without gaps but at the beginning. */
  readonly number: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly level: LogLevel
  readonly event: LogEvent
}

export type LogEvent =
  | { readonly kind: 'started'; readonly name: string }
  | { readonly kind: 'gpu-ready'; readonly gpu: string; readonly bytes: number }
  | { readonly kind: 'gpu-none'; readonly message: string }
  | { readonly kind: 'server'; readonly state: 'none' | 'connecting' | 'open' | 'closed'; readonly reason: string }
  | { readonly kind: 'room-entered' }
  | { readonly kind: 'room-left' }
  | { readonly kind: 'peer-joined'; readonly peer: string; readonly name: string }
  | { readonly kind: 'peer-left'; readonly peer: string; readonly name: string }
  | { readonly kind: 'peer-silent'; readonly peer: string; readonly name: string }
  | { readonly kind: 'peer-back'; readonly peer: string; readonly name: string }
  | {
      readonly kind: 'peer-path'
      readonly peer: string
      readonly name: string
      readonly path: 'direct' | 'relayed'
    }
  | { readonly kind: 'model-loading'; readonly title: string }
  | { readonly kind: 'model-ready'; readonly title: string; readonly layers: number; readonly nodes: number }
  | { readonly kind: 'model-failed'; readonly title: string; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'model-unloaded'; readonly title: string }
  | { readonly kind: 'model-removed'; readonly title: string }
  /** A stage went to another node. */
  | {
      readonly kind: 'stage-moved'
      readonly first: number
      readonly last: number
      readonly from: string
      readonly to: string
    }
  | { readonly kind: 'stage-lost'; readonly first: number; readonly last: number; readonly name: string }
  | {
      readonly kind: 'lending'
      readonly title: string
      readonly name: string
      readonly first: number
      readonly last: number
    }
  | { readonly kind: 'lent-back'; readonly title: string; readonly name: string }
  | {
      readonly kind: 'answered'
      /** Null for the person here. */
      readonly name: string | null
      readonly tokens: number
      readonly tokensPerSecond: number
    }
  | { readonly kind: 'answer-failed'; readonly name: string | null; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'limits'; readonly limits: Limits }
  | { readonly kind: 'resting'; readonly reason: RestReason }
  | { readonly kind: 'helping' }
  | { readonly kind: 'over-memory'; readonly usedBytes: number; readonly limitBytes: number }
  | { readonly kind: 'run'; readonly name: string; readonly status: string }
  | { readonly kind: 'genome-added'; readonly name: string }
  | { readonly kind: 'genome-removed'; readonly name: string }
  | { readonly kind: 'refused-parts'; readonly count: number }
  /** Something a person was told. */
  | { readonly kind: 'notice'; readonly level: LogLevel; readonly code: ErrorCode; readonly message: string }

export interface Measurements {
  /** The node's time when it was read. */
  readonly at: number
  /** Seconds in which anything was measured, oldest first. */
  readonly seconds: readonly MeasuredSecond[]
  /** Tokens of this node's own answers, oldest first. */
  readonly tokens: readonly MeasuredToken[]
}

export interface MeasuredSecond {
  /** Its beginning, milliseconds since 1970. */
  readonly at: number
  /** Of answers to the person here. */
  readonly tokens: number
  /** Of answers to others, with this node's model. */
  readonly tokensForOthers: number
  /** Positions that went through layers held for others. */
  readonly columnsForOthers: number
  /** That the GPU computed. */
  readonly gpuMs: number
  readonly roundTrips: readonly { readonly peer: string; readonly ms: number }[]
}

export interface MeasuredToken {
  readonly at: number
  readonly totalMs: number
  readonly networkMs: number
  /** By stage, in order. */
  readonly stages: readonly { readonly nodeId: string; readonly ms: number }[]
}

export interface StoredReport {
  /** As the browser says; null where it does not. */
  readonly usedBytes: number | null
  readonly quotaBytes: number | null
  readonly items: readonly StoredItem[]
}

export type StoredItem =
  | {
      readonly kind: 'model'
      readonly id: string
      readonly title: string
      readonly bytes: number
      /** Loaded, or being loaded. */
      readonly inUse: boolean
      /** Kept only because other nodes' models need it. */
      readonly forOthers: boolean
    }
  | { readonly kind: 'genome'; readonly id: string; readonly title: string; readonly bytes: number }
  | {
      readonly kind: 'run'
      readonly id: string
      readonly title: string
      readonly bytes: number
      /** Its text and checkpoints are needed to go on. */
      readonly inUse: boolean
    }
  | { readonly kind: 'leftover'; readonly id: string; readonly title: string; readonly bytes: number }
