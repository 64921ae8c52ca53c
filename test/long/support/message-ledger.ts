// Who sent which message and who handled it, over the whole of a scenario: taken from every node before it goes, for its counts
// go with it.

import type { Page } from 'playwright'
import { MESSAGES, type MessageName } from '#core/protocol/registry.ts'
import type { MessageTraffic } from '#core/protocol/traffic.ts'

export interface MessageLedger {
  /** Adds what a page's node counted. To be called once for each load of the page, before it ends. */
  take(name: string, page: Page): Promise<void>
  add(name: string, traffic: readonly MessageTraffic[]): void
  /** Of these families, the messages that nobody sent or nobody handled. */
  missing(families: ReadonlySet<string>): readonly string[]
  /** One line a message: how often each sent it, and how often each handled it. */
  table(families: ReadonlySet<string>): string
}

type Counts = Map<MessageName, Map<string, number>>

export function createMessageLedger(): MessageLedger {
  const sent: Counts = new Map()
  const handled: Counts = new Map()

  const count = (counts: Counts, message: MessageName, name: string, times: number) => {
    if (times === 0) return
    const byName = counts.get(message) ?? new Map<string, number>()
    byName.set(name, (byName.get(name) ?? 0) + times)
    counts.set(message, byName)
  }
  const add = (name: string, traffic: readonly MessageTraffic[]) => {
    for (const message of traffic) {
      count(sent, message.name, name, message.sent)
      count(handled, message.name, name, message.handled)
    }
  }
  const of = (families: ReadonlySet<string>) => MESSAGES.filter(({ family }) => families.has(family))
  const written = (counts: Counts, message: MessageName) =>
    [...(counts.get(message) ?? [])]
      .map(([name, times]) => `${name} ${times}`)
      .sort()
      .join(', ') || 'nobody'

  return {
    add,
    async take(name, page) {
      add(name, await page.evaluate(() => centram.traffic()))
    },
    missing: (families) =>
      of(families).flatMap(({ name }) => {
        if (!sent.has(name)) return [`${name}: nobody sent it`]
        return handled.has(name) ? [] : [`${name}: nobody handled it`]
      }),
    table(families) {
      const rows = of(families).map(({ name }) => [name, written(sent, name), written(handled, name)] as const)
      const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length), 8)
      const line = (row: readonly [string, string, string]) =>
        `${row[0].padEnd(width(0))}  ${row[1].padEnd(width(1))}  ${row[2]}`
      return [line(['message', 'sent by', 'handled by']), ...rows.map(line)].join('\n')
    },
  }
}
