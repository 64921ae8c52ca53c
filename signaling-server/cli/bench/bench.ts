// `centram bench`: figures of the kernels, of whole models and of training in headless Chromium, and of merging, as tables
// and as JSON.

import { CentramError, errorMessage } from '#core/errors.ts'
import { defaultModels, launchServer } from '../launch.ts'
import { resolveModel } from '../model-choice.ts'
import type { Tab } from '../tab.ts'
import { createWatchdog } from '../watchdog.ts'
import { ensureWebApp } from '../web-build.ts'
import { createFiguresFile } from './figures-file.ts'
import { benchKernels, type KernelFigures } from './kernel-bench.ts'
import { benchModel, type ModelFigures } from './model-bench.ts'
import { benchMerge } from './merge-bench.ts'
import type { MergeFigures } from './merge-figures.ts'
import { describeKernels, describeMerge, describeModels, describeSignatures, describeTraining } from './report.ts'
import { benchSignatures, shareOfAnswers, type SignatureFigures, type SignatureShare } from './signature-bench.ts'
import { benchTraining } from './training-bench.ts'
import type { TrainingFigures } from './training-figures.ts'

export interface BenchOptions {
  /** Names as `--model` of the demo takes them, comma-separated. */
  readonly models: string
  readonly kernels: boolean
  readonly training: boolean
  readonly merge: boolean
  /** Signatures, and their share of split answers. */
  readonly signatures: boolean
  /** With mergekit, to compare merging with. */
  readonly python?: string
  readonly tokens: number
  readonly tabs: number
  readonly repeats: number
  readonly timeout: number
  readonly out?: string
  readonly json: boolean
}

/** Long enough that prefill is more than its fixed costs, and short enough for the built-in model's 128 positions. */
const PROMPT = 'It was the third day of the voyage. The wind had fallen, and the men sat on the deck and told stories'

/** Returns the exit code. */
export async function runBench(options: BenchOptions): Promise<number> {
  const say = (line: string) => (options.json ? console.error(line) : console.log(line))
  const watchdog = createWatchdog(options.timeout * 1000)
  const file = createFiguresFile('', options, say)
  const tabs: Tab[] = []
  const interrupt = () => watchdog.fail(new CentramError('CANCELLED', 'The benchmark was stopped by hand.'))
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  const closers: (() => Promise<void>)[] = []
  try {
    await ensureWebApp(say)
    const models: ModelFigures[] = []
    let kernels: KernelFigures | null = null
    let browser = ''
    if (options.kernels) {
      const server = await launchServer({ port: 0, host: '127.0.0.1', models: defaultModels() })
      closers.push(() => server.stop())
      say('Timing the kernels…')
      const measured = await benchKernels({ url: server.url, watchdog, say })
      kernels = measured.figures
      browser = measured.browser
      for (const line of describeKernels(kernels)) say(line)
    }
    for (const name of options.models.split(',').filter(Boolean)) {
      const choice = await resolveModel(name, say)
      const server = await launchServer({ port: 0, host: '127.0.0.1', ...choice.serve })
      closers.push(() => server.stop())
      models.push(
        ...(await benchModel({
          url: server.url,
          name,
          model: choice.input,
          prompt: PROMPT,
          tokens: options.tokens,
          tabs: options.tabs,
          repeats: options.repeats,
          watchdog,
          say,
          onTab: (tab) => {
            browser ||= tab.browserVersion
            tabs.push(tab)
          },
        })),
      )
      // The next model gets the machine for itself.
      await Promise.all(tabs.splice(0).map((tab) => tab.close()))
    }
    for (const line of describeModels(models)) say(line)
    let signatures: (SignatureFigures & { readonly shares: readonly SignatureShare[] }) | null = null
    if (options.signatures) {
      const server = await launchServer({ port: 0, host: '127.0.0.1' })
      closers.push(() => server.stop())
      say('Signing and verifying…')
      const figures = await benchSignatures({ url: server.url, repeats: options.repeats, watchdog })
      signatures = { ...figures, shares: shareOfAnswers(figures, models) }
      for (const line of describeSignatures(figures, signatures.shares)) say(line)
    }
    const training: TrainingFigures[] = []
    if (options.training) {
      const measured = await benchTraining({
        models: options.models.split(','),
        repeats: options.repeats,
        watchdog,
        say,
      })
      training.push(...measured.figures)
      browser ||= measured.browser
      for (const line of describeTraining(training)) say(line)
    }
    let merge: MergeFigures | null = null
    if (options.merge) {
      say('Merging…')
      const { python, repeats } = options
      merge = await benchMerge({ repeats, watchdog, say, ...(python !== undefined && { python }) })
      for (const line of describeMerge(merge)) say(line)
    }
    await file.write({ browser, kernels, models, training, merge, signatures })
    const wrong = training.find(({ rival }) => rival && !rival.agreement.agrees)
    if (!wrong) return 0
    say(`The training step of ${wrong.model} and that of ${wrong.rival?.library ?? ''} computed different things.`)
    return 1
  } catch (error) {
    console.error(`\nThe benchmark failed: ${errorMessage(error)}`)
    return 1
  } finally {
    process.removeListener('SIGINT', interrupt)
    process.removeListener('SIGTERM', interrupt)
    await Promise.allSettled(tabs.map((tab) => tab.close()))
    await Promise.allSettled(closers.map((close) => close()))
  }
}
