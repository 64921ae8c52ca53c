// One node in a browser process of its own, driven from the command line through the API that its page offers.

import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type Page } from 'playwright'
import { CentramError, errorMessage, type ErrorCode } from '#core/errors.ts'
import { CHROMIUM_ARGS, findChromium } from './chromium.ts'
import {
  eventSchema,
  outcomeSchema,
  timedResultSchema,
  type TimedAnswer,
  type TabEvent,
  type TabState,
} from './node-state.ts'
import type { Watchdog } from './watchdog.ts'

export interface GenerateOptions {
  readonly requestId: string
  readonly modelId: string
  readonly prompt: { readonly text: string } | { readonly messages: readonly { role: 'user'; content: string }[] }
  readonly maxTokens: number
  readonly sampling?: { readonly temperature: number }
  readonly logits?: 'none' | 'digest'
  readonly drafts?: 'auto' | 'none'
  readonly stopAtEnd?: boolean
}

export interface Tab {
  /** What messages call it: "tab 1". */
  readonly label: string
  /** The state reported last. */
  state(): TabState
  /** Calls a method of the node's API that returns no stream; a failure keeps its code. */
  call(method: string, ...args: readonly unknown[]): Promise<unknown>
  /** An answer that had to go on without one of its nodes fails the whole run. */
  generate(request: GenerateOptions, onEvent?: (event: TabEvent) => void): Promise<TimedAnswer>
  /** Waits until the state fulfils `condition`; `what` completes "waiting for …". */
  waitFor(what: string, condition: (state: TabState) => boolean): Promise<TabState>
  readonly browserVersion: string
  close(): Promise<void>
}

export interface TabOptions {
  readonly label: string
  readonly url: string
  readonly headed: boolean
  readonly watchdog: Watchdog
  /** Milliseconds that all it sends and is sent takes longer. */
  readonly delayMs?: number
}

const DRIVER = fileURLToPath(new URL('./page-driver.js', import.meta.url))
/** Console errors kept to explain a failure. */
const MAX_COMPLAINTS = 5

/** Launches a browser, opens `url` in it and waits until its node reports a state. */
export async function openTab(options: TabOptions): Promise<Tab> {
  const { label, watchdog } = options
  const browser = await launchBrowser(options.headed)
  let closing = false
  const close = async () => {
    closing = true
    await browser.close()
  }
  try {
    const page = await browser.newPage()
    const complaints: string[] = []
    const crash = (what: string) => {
      if (closing) return
      const said = complaints.length > 0 ? ` It said: ${complaints.join(' | ')}` : ''
      watchdog.fail(new CentramError('INTERNAL', `${label} ${what}.${said}`))
    }
    page.on('crash', () => crash('crashed, perhaps for lack of memory'))
    page.on('close', () => crash('was closed'))
    browser.on('disconnected', () => crash('lost its browser process'))
    const complain = (text: string) => {
      if (complaints.length < MAX_COMPLAINTS) complaints.push(text)
    }
    page.on('pageerror', (error) => complain(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') complain(message.text())
    })

    let state: TabState | undefined
    let onEvent: (event: TabEvent) => void = () => undefined
    const watchers = new Set<() => void>()
    await page.exposeFunction('centramReport', (raw: unknown) => {
      const parsed = eventSchema.safeParse(raw)
      if (!parsed.success) {
        watchdog.fail(new CentramError('INTERNAL', `${label} reported something unexpected: ${parsed.error.message}`))
        return
      }
      const event = parsed.data
      if (event.type === 'recovery') {
        watchdog.fail(
          new CentramError('PEER_LEFT', `${label} lost a node, so there is nothing to compare: ${event.message}`),
        )
        return
      }
      watchdog.progress(describe(label, event))
      if (event.type === 'state') {
        state = event.state
        for (const watcher of watchers) watcher()
      } else onEvent(event)
    })
    await page.addInitScript({ path: DRIVER })
    if (options.delayMs !== undefined) await delay(page, options.delayMs)
    await page.goto(options.url, { waitUntil: 'domcontentloaded' })

    const evaluate = async (expression: string): Promise<unknown> => {
      const outcome = outcomeSchema.parse(await page.evaluate(expression))
      if (outcome.ok) return outcome.value
      throw new CentramError(outcome.code as ErrorCode, `${label}: ${outcome.message}`)
    }
    const tab: Tab = {
      label,
      state() {
        if (!state) throw new CentramError('INTERNAL', `${label} has not reported its state yet.`)
        return state
      },
      call: (method, ...args) =>
        watchdog.guard(
          `${method} in ${label}`,
          evaluate(`centramDriver.call(${JSON.stringify(method)}, ${JSON.stringify(args)})`),
        ),
      async generate(request, listener = () => undefined) {
        onEvent = listener
        const answer = evaluate(`centramDriver.generate(${JSON.stringify(request)})`)
        return timedResultSchema.parse(await watchdog.guard(`tokens in ${label}`, answer))
      },
      async waitFor(what, condition) {
        let stop: () => void = () => undefined
        const fulfilled = new Promise<TabState>((resolve) => {
          const look = () => {
            if (state && condition(state)) resolve(state)
          }
          watchers.add(look)
          stop = () => watchers.delete(look)
          look()
        })
        try {
          return await watchdog.guard(`${what} in ${label}`, fulfilled)
        } finally {
          stop()
        }
      },
      browserVersion: browser.version(),
      close,
    }
    await watchdog.guard(`the node of ${label} to start`, evaluate('centramDriver.watch()')).catch((error: unknown) => {
      const said = complaints.length > 0 ? ` The page said: ${complaints.join(' | ')}` : ''
      throw new CentramError('INTERNAL', `${errorMessage(error)}${said}`, { cause: error })
    })
    await tab.waitFor('the first state', () => true)
    return tab
  } catch (error) {
    await close()
    throw error
  }
}

/** Shapes the connections that the page makes from now on, WebRTC's too. */
async function delay(page: Page, latency: number): Promise<void> {
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  const shape = { offline: false, latency, downloadThroughput: -1, uploadThroughput: -1 }
  await session.send('Network.emulateNetworkConditions', shape)
}

/** Starts a Chromium with WebGPU; `headed` shows its window. */
export async function launchBrowser(headed: boolean): Promise<Browser> {
  const executablePath = findChromium()
  try {
    return await chromium.launch({
      executablePath,
      headless: !headed,
      args: CHROMIUM_ARGS,
      // Ctrl-C is the caller's to handle: it stops the server too, and says so.
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
    })
  } catch (error) {
    const remedy = headed
      ? 'Run it without --headed where there is no desktop'
      : 'Try another with CENTRAM_CHROMIUM=PATH'
    throw new CentramError('INTERNAL', `${executablePath} could not be started. ${remedy}.\n${errorMessage(error)}`, {
      cause: error,
    })
  }
}

function describe(label: string, event: Exclude<TabEvent, { type: 'recovery' }>): string {
  if (event.type === 'token') return `${label} made a token`
  if (event.type === 'queue') return `${label} waits behind ${event.position} others`
  if (event.type === 'prefill') return `${label} read ${event.done} of ${event.total} prompt tokens`
  const model = event.state.models.find(({ status }) => status === 'fetching' || status === 'loading')
  return model
    ? `${label} was ${model.status} ${model.title} (${Math.round(model.progress * 100)} %)`
    : `${label} changed state`
}
