// How answers are sampled, as a person set it on this device, and what of it the node is told.

import type { SamplingOptions } from '../../../worker/node/api.ts'

export interface ChatSettings {
  /** 0 always takes the likeliest token. */
  readonly temperature: number
  readonly maxTokens: number
  /** 0 keeps all, at the price of every logit crossing the wire for every token. */
  readonly topK: number
  readonly topP: number
  readonly minP: number
  readonly repetitionPenalty: number
  /** Null draws another for every answer. */
  readonly seed: number | null
}

const KEPT = 'centram.chat-settings'

export const DEFAULT_SETTINGS: ChatSettings = {
  temperature: 0.7,
  maxTokens: 512,
  // Keeps what crosses the wire for a token small: without one, every logit would be needed.
  topK: 64,
  topP: 0.95,
  minP: 0,
  repetitionPenalty: 1.1,
  seed: null,
}

/** What may be set: least, most, step. */
export const RANGES = {
  temperature: [0, 1.5, 0.1],
  maxTokens: [16, 4096, 16],
  topK: [0, 200, 1],
  topP: [0.05, 1, 0.05],
  minP: [0, 0.5, 0.01],
  repetitionPenalty: [1, 1.5, 0.05],
} as const

export type RangedSetting = keyof typeof RANGES
const RANGED = Object.keys(RANGES) as readonly RangedSetting[]
export const MAX_SEED = 2 ** 32 - 1

export function readSettings(): ChatSettings {
  try {
    return checkSettings(JSON.parse(localStorage.getItem(KEPT) ?? '{}'))
  } catch {
    return DEFAULT_SETTINGS
  }
}

export function writeSettings(settings: ChatSettings): void {
  try {
    localStorage.setItem(KEPT, JSON.stringify(settings))
  } catch {
    // Storage is blocked: they last as long as the page.
  }
}

/** What of `given` is in range, the rest as it is at first. */
export function checkSettings(given: unknown): ChatSettings {
  const saved = (typeof given === 'object' && given !== null ? given : {}) as Readonly<Record<string, unknown>>
  const ranged = RANGED.map((name) => {
    const [least, most] = RANGES[name]
    const value = saved[name]
    return [name, typeof value === 'number' && value >= least && value <= most ? value : DEFAULT_SETTINGS[name]]
  })
  const seed = saved['seed']
  return {
    ...(Object.fromEntries(ranged) as Record<RangedSetting, number>),
    seed: typeof seed === 'number' && Number.isInteger(seed) && seed >= 0 && seed <= MAX_SEED ? seed : null,
  }
}

export function samplingOf(settings: ChatSettings): SamplingOptions {
  if (settings.temperature === 0) return { temperature: 0 }
  const { temperature, topK, topP, minP, repetitionPenalty } = settings
  const [drawn = 0] = crypto.getRandomValues(new Uint32Array(1))
  return { temperature, topK, topP, minP, repetitionPenalty, seed: settings.seed ?? drawn }
}
