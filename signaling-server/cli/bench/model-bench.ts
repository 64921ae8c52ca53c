// End-to-end figures of one model: alone in a tab, then over several, each repeated after one run to warm up.

import type { TimedAnswer } from '../node-state.ts'
import { inviteTabs, openReadyTab, placeOverTabs } from '../swarm.ts'
import type { Tab } from '../tab.ts'
import type { ModelChoice } from '../model-choice.ts'
import type { Watchdog } from '../watchdog.ts'
import { spreadOf, type Spread } from './spread.ts'

export interface ModelBenchOptions {
  readonly url: string
  readonly name: string
  readonly model: ModelChoice['input']
  readonly prompt: string
  readonly tokens: number
  readonly tabs: number
  readonly repeats: number
  readonly watchdog: Watchdog
  readonly say: (line: string) => void
  readonly onTab: (tab: Tab) => void
}

export interface ModelFigures {
  readonly model: string
  readonly modelBytes: number
  readonly adapter: string
  readonly tabs: number
  readonly promptTokens: number
  readonly tokens: number
  readonly decodeTokensPerSecond: Spread
  readonly prefillTokensPerSecond: Spread
  readonly firstTokenMs: Spread
  readonly msPerToken: Spread
  readonly computeMsPerToken: Spread
  /** Only over several tabs: a token goes through every stage and its result back to the first, one hop each. */
  readonly wire?: {
    readonly msPerToken: Spread
    readonly hopsPerToken: number
    readonly overheadMsPerHop: Spread
    /** Hidden state of one position handed to the next stage. */
    readonly bytesPerHop: number
  }
}

export async function benchModel(options: ModelBenchOptions): Promise<readonly ModelFigures[]> {
  const { say, name } = options
  const first = await openReadyTab({ ...options, label: 'tab 1', headed: false })
  const modelId = String(await first.call('addModel', options.model))
  await first.call('loadModel', modelId, { placement: 'solo' })
  say(`${name}: one tab…`)
  const solo = await repeat(options, first, modelId)

  await inviteTabs({ ...options, headed: false }, first, options.tabs - 1)
  await placeOverTabs(first, modelId, options.tabs)
  say(`${name}: ${options.tabs} tabs…`)
  const split = await repeat(options, first, modelId)

  const state = first.state()
  const modelBytes = state.models.find(({ id }) => id === modelId)?.sizeBytes ?? 0
  const adapter = state.gpu.kind === 'ready' ? [state.gpu.vendor, state.gpu.architecture].join(' ') : state.gpu.kind
  const common = { model: name, modelBytes, adapter }
  return [
    { ...common, tabs: 1, ...figuresOf(solo) },
    { ...common, tabs: options.tabs, ...figuresOf(split) },
  ]
}

async function repeat(options: ModelBenchOptions, tab: Tab, modelId: string): Promise<readonly TimedAnswer[]> {
  const answer = (index: number) =>
    tab.generate({
      requestId: `bench-${index}`,
      modelId,
      prompt: { text: options.prompt },
      maxTokens: options.tokens,
      sampling: { temperature: 0 },
      logits: 'none',
      // The same number of tokens every time, whatever the model says.
      stopAtEnd: false,
    })
  await answer(0)
  const answers: TimedAnswer[] = []
  for (let index = 1; index <= options.repeats; index++) answers.push(await answer(index))
  return answers
}

function figuresOf(answers: readonly TimedAnswer[]) {
  const latest = answers.at(-1)
  if (!latest) throw new RangeError('There was no answer to measure.')
  const over = (measure: (answer: TimedAnswer) => number) => spreadOf(answers.map(measure))
  const stages = latest.stages.length
  const positions = latest.promptTokens + latest.tokens.length - 1
  return {
    promptTokens: latest.promptTokens,
    tokens: latest.tokens.length,
    decodeTokensPerSecond: over(({ msPerToken }) => 1000 / msPerToken),
    prefillTokensPerSecond: over(({ promptTokens, prefillMs }) => (1000 * promptTokens) / prefillMs),
    firstTokenMs: over(({ firstTokenMs }) => firstTokenMs ?? Number.NaN),
    msPerToken: over(({ msPerToken }) => msPerToken),
    computeMsPerToken: over(({ computeMs }) => computeMs.reduce((sum, ms) => sum + ms, 0)),
    ...(stages > 1 && {
      wire: {
        msPerToken: over(({ networkMs }) => networkMs),
        hopsPerToken: stages,
        overheadMsPerHop: over(({ networkMs }) => networkMs / stages),
        bytesPerHop: Math.round(latest.bytesSent / positions),
      },
    }),
  }
}
