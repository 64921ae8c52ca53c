// The node's log: what happened, as data that the page puts into words, and no more of it than the latest two thousand lines.

import type { LogEvent, LogLevel, LogLine } from './limits-api.ts'

export interface EventLog {
  add(event: LogEvent): void
  /** Lines behind number `after`, oldest first. */
  read(after: number): readonly LogLine[]
}

export const MOST_LINES = 2000
/** What comes from others is kept no longer than this. */
const MOST_TEXT = 500

export function createEventLog(wallTime: () => number): EventLog {
  let lines: LogLine[] = []
  let number = 0
  return {
    add(event) {
      const line = { number: ++number, at: Math.round(wallTime()), level: levelOf(event), event: shortened(event) }
      lines.push(line)
      // Now and then, rather than moving all of them for each.
      if (lines.length >= 2 * MOST_LINES) lines = lines.slice(-MOST_LINES)
    },
    read: (after) => lines.slice(-MOST_LINES).filter((line) => line.number > after),
  }
}

function levelOf(event: LogEvent): LogLevel {
  switch (event.kind) {
    case 'model-failed':
    case 'answer-failed':
      return event.code === 'CANCELLED' ? 'info' : 'error'
    case 'gpu-none':
    case 'stage-lost':
      return 'error'
    case 'run':
      return event.status === 'failed' ? 'error' : 'info'
    case 'server':
      return event.state === 'closed' ? 'warning' : 'info'
    case 'peer-silent':
    case 'over-memory':
    case 'refused-parts':
      return 'warning'
    case 'notice':
      return event.level
    default:
      return 'info'
  }
}

function shortened(event: LogEvent): LogEvent {
  const fields = Object.entries(event).map(([name, value]: [string, unknown]) => {
    return [name, typeof value === 'string' ? value.slice(0, MOST_TEXT) : value]
  })
  return Object.fromEntries(fields) as LogEvent
}
