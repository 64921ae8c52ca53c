// What it takes an answer to go on when a tab that holds layers of it is killed or closed: real tabs, over and over, with the
// time from the kill to the next token and its parts, and whether the answer stayed the same.

import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright'
import { z } from 'zod'
import { CentramError, errorMessage } from '#core/errors.ts'
import { formatTable } from '../format.ts'
import { defaultModels, launchServer } from '../launch.ts'
import { launchBrowser } from '../tab.ts'
import { createWatchdog, type Watchdog } from '../watchdog.ts'
import { ensureWebApp } from '../web-build.ts'
import { createFiguresFile } from './figures-file.ts'

export interface RecoveryBenchOptions {
  /** Of each kind. */
  readonly kills: number
  readonly timeout: number
  readonly out?: string
  readonly json: boolean
}

/** `crash`: the tab's process dies, without a word. `close`: the tab is closed and says goodbye. */
export type Ending = 'crash' | 'close'

/** Milliseconds, in the order they pass. */
export interface RecoverySample {
  /** From the kill until the asker counts the node as lost. */
  readonly detection: number
  /** Until the layers are loaded where they were not: placing, telling, loading. */
  readonly loading: number
  /** Until the lost cache is computed again. */
  readonly replay: number
  /** Until the next token is there. */
  readonly token: number
  readonly total: number
}

export interface RecoveryFigures {
  readonly ending: Ending
  readonly samples: readonly RecoverySample[]
  /** Answers whose tokens were those of the unbroken one. */
  readonly same: number
}

const runSchema = z.object({
  moments: z.array(z.object({ what: z.enum(['token', 'began', 'done', 'loading', 'ready']), at: z.number() })),
  tokens: z.array(z.int()),
})
type Moment = z.infer<typeof runSchema>['moments'][number]

const PAGE = fileURLToPath(new URL('./recovery-page.js', import.meta.url))
const MODEL = 'toy'
const PROMPT = 'The captain looked at the sea and'
const TOKENS = 80

/** Holders beside the asker. */
const GUESTS = 2
/** Tokens before a kill, at least, and how many more at random. */
const FIRST_TOKENS = 6
const MORE_TOKENS = 20

/** Returns the exit code. */
export async function runRecoveryBench(options: RecoveryBenchOptions): Promise<number> {
  const say = (line: string) => (options.json ? console.error(line) : console.log(line))
  const watchdog = createWatchdog(options.timeout * 1000)
  const file = createFiguresFile('recovery', options, say)
  const browsers: Browser[] = []
  await ensureWebApp(say)
  const server = await launchServer({ port: 0, host: '127.0.0.1', models: defaultModels() })
  try {
    for (let count = 0; count < 2; count++) browsers.push(await launchBrowser(false))
    const figures = await measure(server.url, browsers, options.kills, watchdog, say)
    for (const line of describe(figures)) say(line)
    await file.write({ browser: browsers[0]?.version() ?? '', figures })
    return figures.every(({ samples, same }) => same === samples.length) ? 0 : 1
  } catch (error) {
    console.error(`\nThe benchmark failed: ${errorMessage(error)}`)
    return 1
  } finally {
    await Promise.allSettled(browsers.map((browser) => browser.close()))
    await server.stop()
  }
}

/** The asker in the first browser; in the second, tabs with a process each, which are ended one by one. */
async function measure(
  url: string,
  [own, others]: readonly Browser[],
  kills: number,
  watchdog: Watchdog,
  say: (line: string) => void,
): Promise<readonly RecoveryFigures[]> {
  if (!own || !others) throw new CentramError('INTERNAL', 'The benchmark needs two browsers.')
  const asker = await own.newPage()
  await asker.addInitScript({ path: PAGE })
  await asker.goto(url)
  const invite = z.string().parse(await watchdog.guard('a room', asker.evaluate('centramRecovery.share()')))
  const guests: Page[] = []
  const refill = async () => {
    while (guests.length < GUESTS) {
      const page = await (await others.newContext()).newPage()
      await page.goto(invite)
      guests.push(page)
    }
    await asker.evaluate(`centramRecovery.place('${MODEL}', ${GUESTS + 1})`)
  }
  const run = async () => {
    const request = JSON.stringify({ model: MODEL, prompt: PROMPT, tokens: TOKENS })
    return runSchema.parse(await asker.evaluate(`centramRecovery.answer(${request})`))
  }
  await watchdog.guard('layers on every tab', refill())
  const unbroken = (await watchdog.guard('an unbroken answer', run())).tokens.join()
  const figures: RecoveryFigures[] = []
  for (const ending of ['crash', 'close'] as const) {
    const samples: RecoverySample[] = []
    let same = 0
    while (samples.length < kills) {
      await watchdog.guard('layers on every tab', refill())
      const running = run()
      // Looked at below, and by nobody if something fails before.
      running.catch(() => undefined)
      const wanted = FIRST_TOKENS + Math.floor(Math.random() * MORE_TOKENS)
      await watchdog.guard('tokens', asker.evaluate(`centramRecovery.reach(${wanted})`))
      const [victim] = guests.splice(samples.length % GUESTS, 1)
      const killed = performance.timeOrigin + performance.now()
      if (victim) await end(victim, ending)
      const { moments, tokens } = await watchdog.guard(`an answer after a ${ending}`, running)
      const sample = sampleOf(killed, moments)
      // Without one the answer had ended before the tab did.
      if (sample) samples.push(sample)
      if (sample && tokens.join() === unbroken) same++
      watchdog.progress(`${samples.length} of ${kills} tabs were ended (${ending})`)
      const took = sample
        ? `${Math.round(sample.total)} ms, ${Math.round(sample.detection)} of them to notice`
        : 'too late'
      say(`${ending} ${samples.length}/${kills}: ${took}`)
    }
    figures.push({ ending, samples, same })
  }
  return figures
}

function describe(figures: readonly RecoveryFigures[]): readonly string[] {
  const parts = ['detection', 'loading', 'replay', 'token', 'total'] as const
  const rows = figures.flatMap(({ ending, samples, same }) => {
    const of = (part: keyof RecoverySample, share: number) =>
      String(
        Math.round(
          quantileOf(
            samples.map((sample) => sample[part]),
            share,
          ),
        ),
      )
    return [
      [ending, `${same} of ${samples.length}`, 'median', ...parts.map((part) => of(part, 0.5))],
      ['', '', 'p95', ...parts.map((part) => of(part, 0.95))],
    ]
  })
  const heads = ['tab', 'same answer', 'ms', 'noticing', 'loading', 'replay', 'next token', 'in all']
  return ['From the end of a tab to the next token:', ...formatTable(heads, rows)]
}

/** The smallest value that at least that share of all does not exceed. */
function quantileOf(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

async function end(page: Page, ending: Ending): Promise<void> {
  const context = page.context()
  if (ending === 'crash') {
    const session = await context.newCDPSession(page)
    // It never answers: the process is gone.
    void session.send('Page.crash').catch(() => undefined)
    return
  }
  await page.close()
}

function sampleOf(killed: number, moments: readonly Moment[]): RecoverySample | null {
  const after = (what: Moment['what'], from: number) => moments.find((one) => one.what === what && one.at > from)?.at
  const began = after('began', killed)
  const done = began === undefined ? undefined : after('done', began)
  const token = done === undefined ? undefined : after('token', done)
  if (began === undefined || done === undefined) return null
  if (token === undefined) throw new CentramError('INTERNAL', 'An answer recovered and gave no further token.')
  const ready = Math.min(
    done,
    moments.findLast(({ what, at }) => what === 'ready' && at > began && at <= done)?.at ?? began,
  )
  return {
    detection: began - killed,
    loading: ready - began,
    replay: done - ready,
    token: token - done,
    total: token - killed,
  }
}
