// The log as a person reads it: which lines are about what, which of them fit a filter, and how they are saved.

import type { LogEvent, LogLevel, LogLine } from '../../../worker/node/limits-api.ts'
import { locale } from '../../ui/language.ts'

export type Topic = 'node' | 'room' | 'models' | 'answers' | 'lab'
export const TOPICS: readonly Topic[] = ['node', 'room', 'models', 'answers', 'lab']

const TOPIC_OF: Readonly<Record<LogEvent['kind'], Topic>> = {
  started: 'node',
  'gpu-ready': 'node',
  'gpu-none': 'node',
  limits: 'node',
  resting: 'node',
  helping: 'node',
  'over-memory': 'node',
  notice: 'node',
  server: 'room',
  'room-entered': 'room',
  'room-left': 'room',
  'peer-joined': 'room',
  'peer-left': 'room',
  'peer-silent': 'room',
  'peer-back': 'room',
  'peer-path': 'room',
  'refused-parts': 'room',
  'model-loading': 'models',
  'model-ready': 'models',
  'model-failed': 'models',
  'model-unloaded': 'models',
  'model-removed': 'models',
  'stage-moved': 'models',
  'stage-lost': 'models',
  lending: 'models',
  'lent-back': 'models',
  answered: 'answers',
  'answer-failed': 'answers',
  run: 'lab',
  'genome-added': 'lab',
  'genome-removed': 'lab',
}

export interface LogFilter {
  readonly topic: Topic | 'all'
  /** The least that is shown. */
  readonly level: LogLevel
  readonly words: string
}

const LEVELS: readonly LogLevel[] = ['info', 'warning', 'error']

/** Lines that fit, in the order they came; `say` makes the sentence that words are looked for in. */
export function filterLines(
  lines: readonly LogLine[],
  { topic, level, words }: LogFilter,
  say: (event: LogEvent) => string,
): readonly LogLine[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean)
  return lines.filter((line) => {
    if (topic !== 'all' && TOPIC_OF[line.event.kind] !== topic) return false
    if (LEVELS.indexOf(line.level) < LEVELS.indexOf(level)) return false
    const sentence = say(line.event).toLowerCase()
    return wanted.every((word) => sentence.includes(word))
  })
}

/** One line of text a line: time, level, sentence. */
export function linesAsText(lines: readonly LogLine[], say: (event: LogEvent) => string): string {
  return lines
    .map(
      ({ at, level, event }) =>
        `${new Date(at).toISOString()} ${level.padEnd(7)} ${say(event).replaceAll('\n', ' ')}\n`,
    )
    .join('')
}

export function formatTime(at: number): string {
  return new Date(at).toLocaleTimeString(locale(), { hour: '2-digit', minute: '2-digit', second: '2-digit' })
}
