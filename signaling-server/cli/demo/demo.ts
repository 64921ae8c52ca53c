// `centram demo`: server and browsers up, the comparison, the verdict, everything down again whatever happened.

import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import { launchServer } from '../launch.ts'
import { resolveModel } from '../model-choice.ts'
import type { Tab } from '../tab.ts'
import { createWatchdog } from '../watchdog.ts'
import { ensureWebApp } from '../web-build.ts'
import { compareSplitWithSolo } from './comparison.ts'
import { createReport, describeReport, type DemoReport, type FailureReport } from './report.ts'

export interface DemoOptions {
  readonly model: string
  readonly prompt: string
  readonly tokens: number
  readonly tabs: number
  readonly chat: boolean
  readonly json: boolean
  readonly headed: boolean
  /** Seconds without progress before it gives up. */
  readonly timeout: number
}

/** Returns the exit code: 0 for PASS, 1 for FAIL, 130 after Ctrl-C. */
export async function runDemo(options: DemoOptions): Promise<number> {
  // With --json standard output belongs to the one object.
  const say = (line: string) => (options.json ? console.error(line) : console.log(line))
  const watchdog = createWatchdog(options.timeout * 1000)
  let interrupted = false
  const interrupt = () => {
    interrupted = true
    watchdog.fail(new CentramError('CANCELLED', 'The demo was stopped by hand.'))
  }
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)

  let report: DemoReport | FailureReport
  try {
    report = await runComparison(options, watchdog, say)
    for (const line of options.json ? [] : describeReport(report)) say(line)
  } catch (error) {
    report = { verdict: 'FAIL', error: { code: errorCode(error), message: errorMessage(error) } }
    say(`\nThe demo failed: ${errorMessage(error)}`)
    if (!(error instanceof CentramError)) console.error(error)
  } finally {
    process.removeListener('SIGINT', interrupt)
    process.removeListener('SIGTERM', interrupt)
  }
  // One line, so that it can be taken from the end of a log.
  if (options.json) console.log(JSON.stringify(report))
  else console.log(`VERDICT: ${report.verdict}`)
  if (interrupted) return 130
  return report.verdict === 'PASS' ? 0 : 1
}

async function runComparison(
  options: DemoOptions,
  watchdog: ReturnType<typeof createWatchdog>,
  say: (line: string) => void,
): Promise<DemoReport> {
  const tabs: Tab[] = []
  const closers: (() => Promise<void>)[] = []
  try {
    const choice = await resolveModel(options.model, say)
    await ensureWebApp(say)
    const server = await launchServer({ port: 0, host: '127.0.0.1', ...choice.serve })
    closers.push(() => server.stop())
    say(`The server listens at ${server.url}`)
    const comparison = await compareSplitWithSolo({
      url: server.url,
      model: choice.input,
      prompt: options.prompt,
      chat: options.chat,
      tokens: options.tokens,
      tabs: options.tabs,
      headed: options.headed,
      watchdog,
      say,
      onTab: (tab) => tabs.push(tab),
    })
    return createReport(comparison, { prompt: options.prompt, chat: options.chat, tabs: options.tabs })
  } finally {
    await Promise.allSettled(tabs.map((tab) => tab.close()))
    await Promise.allSettled(closers.map((close) => close()))
  }
}
