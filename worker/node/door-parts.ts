// What a door is made of, closed or open, and where a node keeps what belongs to it.

import type { Answers } from './answers.ts'
import type { GenerateEvent, GenerateRequest, GenerateResult, NodeSettings } from './api.ts'
import type { DoorApi, DoorState } from './door-api.ts'
import type { StateStore } from './state.ts'

export interface Door {
  readonly api: DoorApi
  /** Opens it again where a person left it open. */
  start(): Promise<void>
  close(): void
}

export interface DoorParts {
  /** Under which this node's own records are kept. */
  readonly owner: string
  readonly store: Pick<StateStore, 'get' | 'watch'>
  readonly answers: Pick<Answers, 'borrow'>
  generate(asker: string, request: GenerateRequest, onEvent: (event: GenerateEvent) => void): Promise<GenerateResult>
  stop(requestId: string): void
  /** Throws while this node computes nothing for others. */
  requireHelping(): void
}

export const NO_DOOR: DoorState = {
  on: false,
  state: 'closed',
  reason: null,
  address: null,
  models: [],
  keys: [],
  running: 0,
  requests: 0,
  promptTokens: 0,
  answerTokens: 0,
}

/** Where a node keeps whether its door is open, and the keys of it. */
export const doorSetting = (owner: string) => `door/${owner}`
export const doorKeysPlace = (owner: string) => `door-keys/${owner}`

/** `ws://host/signal` → `http://host/v1` */
export function doorAddress({ serverUrl }: Pick<NodeSettings, 'serverUrl'>): string | null {
  return serverUrl === undefined ? null : serverUrl.replace(/^ws/, 'http').replace(/\/signal$/, '/v1')
}
