// The steps that the demo and the benchmark share: a tab with a GPU, others that join by the invite link, layers over all.

import { CentramError } from '#core/errors.ts'
import type { TabState } from './node-state.ts'
import { openTab, type Tab, type TabOptions } from './tab.ts'

export interface SwarmOptions extends Omit<TabOptions, 'label' | 'url'> {
  /** Told each tab as it opens, so that the caller can close it whatever happens. */
  readonly onTab: (tab: Tab) => void
}

/** Opens a tab whose node has a GPU; without one there is nothing to measure, and its remedy is the error. */
export async function openReadyTab(options: SwarmOptions & Pick<TabOptions, 'label' | 'url'>): Promise<Tab> {
  const tab = await openTab(options)
  options.onTab(tab)
  const { gpu } = await tab.waitFor('a GPU', (state) => state.gpu.kind !== 'starting')
  if (gpu.kind === 'none') throw new CentramError('GPU_UNAVAILABLE', `${tab.label}: ${gpu.message} ${gpu.remedy}`)
  return tab
}

/** Opens the invite link of `first` in `count` further browsers and waits until all of them are linked. */
export async function inviteTabs(options: SwarmOptions, first: Tab, count: number): Promise<readonly Tab[]> {
  const invite = String(await first.call('share'))
  const guests: Tab[] = []
  for (let index = 0; index < count; index++) {
    guests.push(await openReadyTab({ ...options, label: `tab ${index + 2}`, url: invite }))
  }
  await first.waitFor(`${count} other ${count === 1 ? 'tab' : 'tabs'}`, (state) => openPeers(state) === count)
  return guests
}

/** Loads the model over all `tabs`, the asking one included; resolves when every stage is ready. */
export async function placeOverTabs(first: Tab, modelId: string, tabs: number): Promise<TabState> {
  await first.call('loadModel', modelId, { placement: 'swarm' })
  const state = await first.waitFor('every stage', ({ placement }) =>
    Boolean(placement && placement.stages.length > 0 && placement.stages.every(({ status }) => status === 'ready')),
  )
  const holders = new Set(state.placement?.stages.map(({ nodeId }) => nodeId)).size
  // Layers that all ended up in one tab would make the comparison worthless.
  if (holders < Math.min(tabs, state.placement?.layers ?? 0)) {
    throw new CentramError(
      'NO_CAPACITY',
      `The layers were placed on ${holders} of ${tabs} tabs; all ${tabs} must take part.`,
    )
  }
  return state
}

function openPeers({ peers }: TabState): number {
  return peers.filter(({ link, light }) => link === 'open' && !light).length
}
