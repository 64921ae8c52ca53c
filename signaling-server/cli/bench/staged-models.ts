// One model after another in tabs of its own, for benchmarks that ask real tabs: each gets a server and a first tab, is measured,
// and leaves the machine to the next. Whatever happens, tabs and servers end.

import { errorMessage } from '#core/errors.ts'
import { launchServer } from '../launch.ts'
import { resolveModel } from '../model-choice.ts'
import { inviteTabs, openReadyTab, placeOverTabs } from '../swarm.ts'
import type { Tab } from '../tab.ts'
import { createWatchdog } from '../watchdog.ts'
import { ensureWebApp } from '../web-build.ts'

export interface StagingOptions {
  /** Names as `--model` of the demo takes them, comma-separated. */
  readonly models: string
  readonly timeout: number
  /** Of all that a tab sends and is sent. */
  readonly delayMs?: number
}

export interface StagedModel {
  readonly name: string
  readonly modelId: string
  /** The one that asks. */
  readonly tab: Tab
  /** Opens further tabs until there are `tabs`, and places the layers over all of them. */
  spread(tabs: number): Promise<void>
}

/** Returns the exit code: 1 where something failed, which is told. */
export async function measureModels(
  { models, timeout, delayMs }: StagingOptions,
  say: (line: string) => void,
  measure: (model: StagedModel) => Promise<void>,
  finish: () => Promise<void>,
): Promise<number> {
  const watchdog = createWatchdog(timeout * 1000)
  const tabs: Tab[] = []
  const closers: (() => Promise<void>)[] = []
  try {
    await ensureWebApp(say)
    for (const name of models.split(',').filter(Boolean)) {
      const choice = await resolveModel(name, say)
      const server = await launchServer({ port: 0, host: '127.0.0.1', ...choice.serve })
      closers.push(() => server.stop())
      const opening = {
        headed: false,
        watchdog,
        ...(delayMs !== undefined && { delayMs }),
        onTab: (tab: Tab) => void tabs.push(tab),
      }
      const tab = await openReadyTab({ ...opening, url: server.url, label: 'tab 1' })
      const modelId = String(await tab.call('addModel', choice.input))
      const spread = async (count: number) => {
        await inviteTabs(opening, tab, count - 1)
        await placeOverTabs(tab, modelId, count)
      }
      await measure({ name, modelId, tab, spread })
      await Promise.all(tabs.splice(0).map((open) => open.close()))
    }
    await finish()
    return 0
  } catch (error) {
    console.error(`\nThe benchmark failed: ${errorMessage(error)}`)
    return 1
  } finally {
    await Promise.allSettled(tabs.map((tab) => tab.close()))
    await Promise.allSettled(closers.map((close) => close()))
  }
}
