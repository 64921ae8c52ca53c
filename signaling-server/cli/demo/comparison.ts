// The demo's work: one tab answers alone, then the same prompt runs over several tabs, in browser processes of their own.

import { CentramError } from '#core/errors.ts'
import type { AnswerResult, TabState } from '../node-state.ts'
import { openTab, type GenerateOptions, type Tab } from '../tab.ts'
import type { Watchdog } from '../watchdog.ts'

export interface ComparisonOptions {
  /** The server's page. */
  readonly url: string
  /** As `addModel` takes it. */
  readonly model: { readonly kind: 'catalogue'; readonly id: string } | { readonly kind: 'url'; readonly url: string }
  readonly prompt: string
  readonly chat: boolean
  readonly tokens: number
  readonly tabs: number
  readonly headed: boolean
  readonly watchdog: Watchdog
  /** Told what is going on, line by line. */
  readonly say: (line: string) => void
  /** Told each tab as it opens, so that the caller can close it whatever happens. */
  readonly onTab: (tab: Tab) => void
}

export interface Comparison {
  readonly model: { readonly id: string; readonly title: string; readonly sizeBytes: number; readonly width: number }
  readonly adapter: string
  /** Node ids by tab, in order. */
  readonly nodes: readonly string[]
  readonly baseline: AnswerResult
  readonly split: AnswerResult
}

export async function compareSplitWithSolo(options: ComparisonOptions): Promise<Comparison> {
  const { say, tabs: count } = options
  const tabs: Tab[] = []
  const open = async (url: string) => {
    const tab = await openTab({
      label: `tab ${tabs.length + 1}`,
      url,
      headed: options.headed,
      watchdog: options.watchdog,
    })
    tabs.push(tab)
    options.onTab(tab)
    await waitForGpu(tab)
    return tab
  }

  say('Opening tab 1…')
  const first = await open(options.url)
  const modelId = String(await first.call('addModel', options.model))
  say('Loading the model in tab 1…')
  await first.call('loadModel', modelId, { placement: 'solo' })
  say('Answering in one tab…')
  const baseline = await first.generate(request(options, modelId, 'demo-baseline'))

  const invite = String(await first.call('share'))
  for (let index = 1; index < count; index++) {
    say(`Opening the invite link in tab ${index + 1}…`)
    await open(invite)
  }
  await first.waitFor(`${count - 1} other ${count === 2 ? 'tab' : 'tabs'}`, (state) => openPeers(state) === count - 1)

  say(`Placing the layers over ${count} tabs…`)
  await first.call('loadModel', modelId, { placement: 'swarm' })
  const ready = await first.waitFor('every stage', ({ placement }) =>
    Boolean(placement && placement.stages.length > 0 && placement.stages.every(({ status }) => status === 'ready')),
  )
  checkPlacement(ready, count)
  say(`Answering over ${count} tabs…`)
  const split = await first.generate(request(options, modelId, 'demo-split'))

  const model = ready.models.find(({ id }) => id === modelId)
  if (!model?.config) throw new CentramError('INTERNAL', 'The model that answered is not in the list of models.')
  return {
    model: { id: modelId, title: model.title, sizeBytes: model.sizeBytes, width: model.config.width },
    adapter: describeGpu(ready),
    nodes: tabs.map((tab) => tab.state().id),
    baseline,
    split,
  }
}

function request(options: ComparisonOptions, modelId: string, requestId: string): GenerateOptions {
  return {
    requestId,
    modelId,
    prompt: options.chat ? { messages: [{ role: 'user', content: options.prompt }] } : { text: options.prompt },
    maxTokens: options.tokens,
    sampling: { temperature: 0 },
    logits: 'digest',
  }
}

async function waitForGpu(tab: Tab): Promise<void> {
  const { gpu } = await tab.waitFor('a GPU', (state) => state.gpu.kind !== 'starting')
  if (gpu.kind === 'none') throw new CentramError('GPU_UNAVAILABLE', `${tab.label}: ${gpu.message} ${gpu.remedy}`)
}

function openPeers({ peers }: TabState): number {
  return peers.filter(({ link, light }) => link === 'open' && !light).length
}

/** Layers that all ended up in one tab would make the comparison worthless. */
function checkPlacement({ placement }: TabState, tabs: number): void {
  const holders = new Set(placement?.stages.map(({ nodeId }) => nodeId)).size
  const possible = Math.min(tabs, placement?.layers ?? 0)
  if (holders >= possible) return
  throw new CentramError(
    'NO_CAPACITY',
    `The layers were placed on ${holders} of ${tabs} tabs; all ${tabs} must take part.`,
  )
}

function describeGpu({ gpu }: TabState): string {
  if (gpu.kind !== 'ready') return gpu.kind
  return [gpu.vendor, gpu.architecture, gpu.description].filter(Boolean).join(' ')
}
