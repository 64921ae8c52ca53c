// The demo's work: one tab answers alone, then the same prompt runs over several tabs, in browser processes of their own.

import { CentramError } from '#core/errors.ts'
import type { ModelChoice } from '../model-choice.ts'
import type { AnswerResult, TabState } from '../node-state.ts'
import { inviteTabs, openReadyTab, placeOverTabs } from '../swarm.ts'
import type { GenerateOptions, Tab } from '../tab.ts'
import type { Watchdog } from '../watchdog.ts'

export interface ComparisonOptions {
  /** The server's page. */
  readonly url: string
  readonly model: ModelChoice['input']
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
  say('Opening tab 1…')
  const first = await openReadyTab({ ...options, label: 'tab 1' })
  const modelId = String(await first.call('addModel', options.model))
  say('Loading the model in tab 1…')
  await first.call('loadModel', modelId, { placement: 'solo' })
  await warmUp(first, options, modelId)
  say('Answering in one tab…')
  const baseline = await first.generate(request(options, modelId, 'demo-baseline'))

  say(`Opening the invite link in ${count === 2 ? 'tab 2' : `tabs 2 to ${count}`}…`)
  const guests = await inviteTabs(options, first, count - 1)
  say(`Placing the layers over ${count} tabs…`)
  const ready = await placeOverTabs(first, modelId, count)
  await warmUp(first, options, modelId)
  say(`Answering over ${count} tabs…`)
  const split = await first.generate(request(options, modelId, 'demo-split'))

  const model = ready.models.find(({ id }) => id === modelId)
  if (!model?.config) throw new CentramError('INTERNAL', 'The model that answered is not in the list of models.')
  return {
    model: { id: modelId, title: model.title, sizeBytes: model.sizeBytes, width: model.config.width },
    adapter: describeGpu(ready),
    nodes: [first, ...guests].map((tab) => tab.state().id),
    baseline,
    split,
  }
}

/** The first answer of a stage compiles its shaders; neither run shall be charged for that. */
async function warmUp(tab: Tab, options: ComparisonOptions, modelId: string): Promise<void> {
  await tab.generate({ ...request(options, modelId, 'demo-warm-up'), maxTokens: Math.min(2, options.tokens) })
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

function describeGpu({ gpu }: TabState): string {
  if (gpu.kind !== 'ready') return gpu.kind
  return [gpu.vendor, gpu.architecture, gpu.description].filter(Boolean).join(' ')
}
