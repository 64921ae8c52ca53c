// A line of the log as a sentence, in the language of the page.

import type { Limits, LogEvent } from '../../../../worker/node/limits-api.ts'
import { formatBytes, formatLayers, formatPercent, formatRate } from '../../../ui/format.ts'

/** Figures of an event, with their units. */
export interface LogFigures {
  readonly bytes: string
  readonly layers: string
  readonly rate: string
  readonly limits: string
  readonly used: string
  readonly limit: string
}

/** One function an event, and the parts of what is said of limits. */
export type LogWords = {
  readonly [Kind in LogEvent['kind']]: (event: Extract<LogEvent, { kind: Kind }>, figures: LogFigures) => string
} & {
  readonly limitWords: {
    memory(bytes: string): string
    readonly anyMemory: string
    share(percent: string): string
    readonly idle: string
    readonly mains: string
    readonly paused: string
  }
}

export function logSentence(words: LogWords, event: LogEvent): string {
  const figures: LogFigures = {
    bytes: 'bytes' in event ? formatBytes(event.bytes) : '',
    layers: 'first' in event ? formatLayers(event) : '',
    rate: 'tokensPerSecond' in event && event.tokensPerSecond > 0 ? formatRate(1000 / event.tokensPerSecond) : '–',
    limits: 'limits' in event ? describeLimits(words, event.limits) : '',
    used: 'usedBytes' in event ? formatBytes(event.usedBytes) : '',
    limit: 'limitBytes' in event ? formatBytes(event.limitBytes) : '',
  }
  const say = words[event.kind] as (event: LogEvent, figures: LogFigures) => string
  return say(event, figures)
}

function describeLimits({ limitWords: words }: LogWords, limits: Limits): string {
  return [
    limits.memoryBytes === null ? words.anyMemory : words.memory(formatBytes(limits.memoryBytes)),
    words.share(formatPercent(limits.gpuShare)),
    ...(limits.onlyWhenIdle ? [words.idle] : []),
    ...(limits.onlyOnMains ? [words.mains] : []),
    ...(limits.paused ? [words.paused] : []),
  ].join(', ')
}
