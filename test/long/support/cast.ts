// The named tabs of a scenario: each is opened once, and what its node counted goes into the ledger before it is closed or reloaded.

import { expect } from 'vitest'
import type { Page } from 'playwright'
import type { MessageName } from '#core/protocol/registry.ts'
import { stateOf, untilNode, untilState } from '../../e2e/support/app.ts'
import type { MessageLedger } from './message-ledger.ts'

export interface Cast {
  enter(name: string, page: Page): void
  tab(name: string): Page
  idOf(name: string): Promise<string>
  reload(name: string): Promise<void>
  close(name: string): Promise<void>
  closeAll(): Promise<void>
  /** Waits until these, and nobody else, are linked with one another. */
  untilLinked(...names: readonly string[]): Promise<void>
  /** How often a node sent or handled a message since its page was loaded. */
  countOf(name: string, message: MessageName, what: 'sent' | 'handled'): Promise<number>
  /** Waits until it did so more often than `before`. */
  untilCounted(name: string, message: MessageName, what: 'sent' | 'handled', before?: number): Promise<void>
}

const PATIENCE_MS = 20_000

export function createCast(ledger: MessageLedger): Cast {
  const tabs = new Map<string, Page>()
  const tab = (name: string): Page => tabs.get(name) ?? expect.fail(`${name} has no tab.`)

  async function countOf(name: string, message: MessageName, what: 'sent' | 'handled'): Promise<number> {
    const traffic = await tab(name).evaluate(() => centram.traffic())
    return traffic.find((entry) => entry.name === message)?.[what] ?? 0
  }
  async function close(name: string): Promise<void> {
    await ledger.take(name, tab(name))
    await tab(name).close()
    tabs.delete(name)
  }

  return {
    enter: (name, page) => void tabs.set(name, page),
    tab,
    idOf: async (name) => (await stateOf(tab(name))).id,
    async reload(name) {
      await ledger.take(name, tab(name))
      await tab(name).reload()
      await untilNode(tab(name))
    },
    close,
    async closeAll() {
      for (const name of [...tabs.keys()]) await close(name)
    },
    async untilLinked(...names) {
      for (const name of names) {
        await untilState(tab(name), `all links of ${name}`, ({ peers }) => {
          return peers.filter(({ link }) => link === 'open').length === names.length - 1
        })
      }
    },
    countOf,
    async untilCounted(name, message, what, before = 0) {
      const poll = { timeout: PATIENCE_MS, message: `${name}: ${message} ${what}` }
      await expect.poll(() => countOf(name, message, what), poll).toBeGreaterThan(before)
    },
  }
}
