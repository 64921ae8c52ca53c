// Figures of training: LoRA steps of each family and size, and for GPT-2 the same steps in jax-js, turn by turn in one
// browser on one adapter.

import type { Browser, Page } from 'playwright'
import { z } from 'zod'
import { CentramError } from '#core/errors.ts'
import type { BenchRequest, BenchTask } from '#core/training/bench-task.ts'
import { launchServer } from '../launch.ts'
import { listModels } from '../model-files.ts'
import { launchBrowser } from '../tab.ts'
import type { Watchdog } from '../watchdog.ts'
import { ensureRivalPage, rivalVersion } from './rival-page.ts'
import { spreadOf } from './spread.ts'
import { compareRuns, type Stepped, type TrainingFigures } from './training-figures.ts'

const factsSchema = z.object({
  adapter: z.string(),
  family: z.string(),
  shape: z.string(),
  trainableParameters: z.number(),
  weights: z.string(),
})
const steppedSchema = z.object({
  type: z.literal('stepped'),
  losses: z.array(z.number()),
  gradientNorms: z.array(z.number()),
  milliseconds: z.number(),
  peakBytes: z.number(),
})
const answerSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('opened'), facts: factsSchema }),
  steppedSchema,
  z.object({ type: z.literal('forwarded'), milliseconds: z.number() }),
  z.object({ type: z.literal('closed') }),
  z.object({ type: z.literal('failed'), message: z.string() }),
])
type Answer = z.infer<typeof answerSchema>

export interface TrainingBenchOptions {
  /** Catalogue models to train besides the built-in one and those made from a seed, where they are on this machine. */
  readonly models: readonly string[]
  readonly repeats: number
  readonly watchdog: Watchdog
  readonly say: (line: string) => void
}

interface Job {
  readonly name: string
  readonly task: Omit<BenchTask, 'model'>
  readonly model: (url: string) => BenchTask['model']
  /** In each repeat. */
  readonly steps: number
  readonly rival: boolean
}

/** Steps of each side that are compared before anything is timed; they also compile what there is to compile. */
const CHECKED_STEPS = 3
const TASK = { rank: 8, sequences: 4, length: 128, seed: 1 }

export async function benchTraining(options: TrainingBenchOptions): Promise<{
  readonly figures: readonly TrainingFigures[]
  readonly browser: string
}> {
  const { say, watchdog } = options
  const jobs = await listJobs(options.models)
  const rivalFolder = await ensureRivalPage(say)
  const server = await launchServer({ port: 0, host: '127.0.0.1' })
  const rivalServer =
    rivalFolder === null ? null : await launchServer({ port: 0, host: '127.0.0.1', webFolder: rivalFolder })
  const figures: TrainingFigures[] = []
  let version = ''
  try {
    for (const job of jobs) {
      say(`Training ${job.name}…`)
      // The next model gets a fresh browser: nothing of the last one lies on the GPU.
      const browser = await launchBrowser(false)
      version = browser.version()
      try {
        const ours = await openSide(browser, new URL('bench/', server.url).href, watchdog)
        const theirs =
          job.rival && rivalServer !== null
            ? await openSide(browser, new URL('bench/jax/', rivalServer.url).href, watchdog)
            : null
        figures.push(await runJob(job, server.url, ours, theirs, options))
      } finally {
        await browser.close()
      }
    }
    return { figures, browser: version }
  } finally {
    await Promise.all([server.stop(), rivalServer?.stop()])
  }
}

async function listJobs(models: readonly string[]): Promise<Job[]> {
  const toy = (url: string) => ({
    files: ['config.json', 'model.safetensors'].map((file) => new URL(`models/toy/${file}`, url).href),
  })
  const jobs: Job[] = [
    { name: 'toy', task: TASK, model: toy, steps: 2, rival: true },
    { name: 'seeded gpt2', task: TASK, model: () => ({ seeded: 'gpt2' }), steps: 1, rival: true },
    { name: 'seeded llama', task: TASK, model: () => ({ seeded: 'llama' }), steps: 1, rival: false },
    { name: 'seeded qwen2', task: TASK, model: () => ({ seeded: 'qwen2' }), steps: 1, rival: false },
  ]
  for (const { id, path, fileName } of await listModels()) {
    if (path === null || !models.includes(id)) continue
    const model = (url: string) => ({ files: [new URL(`models/${fileName}`, url).href] })
    jobs.push({ name: id, task: { ...TASK, sequences: 1, length: 32 }, model, steps: 1, rival: false })
  }
  return jobs
}

async function runJob(
  job: Job,
  url: string,
  ours: Side,
  theirs: Side | null,
  { repeats, say, watchdog }: TrainingBenchOptions,
): Promise<TrainingFigures> {
  const task: BenchTask = { ...job.task, model: job.model(url) }
  const facts = await ours.open(task)
  // Where nothing is compared, one step is enough to have compiled everything.
  const first = await ours.steps(theirs ? CHECKED_STEPS : 1)
  const theirFirst = theirs && (await theirs.open(task), await theirs.steps(CHECKED_STEPS))
  const agreement = theirFirst && compareRuns(first, theirFirst)
  const ourSteps: Stepped[] = []
  const theirSteps: Stepped[] = []
  const forwards: number[] = []
  for (let repeat = 1; repeat <= repeats; repeat++) {
    ourSteps.push(await ours.steps(job.steps))
    if (theirs && agreement?.agrees) theirSteps.push(await theirs.steps(job.steps))
    forwards.push(await ours.forward())
    watchdog.progress(`the training of ${job.name} was timed ${repeat} times`)
    say(`  repeat ${repeat}: ${Math.round((ourSteps.at(-1)?.milliseconds ?? 0) / job.steps)} ms a step`)
  }
  const tokens = task.sequences * task.length
  const speeds = (runs: readonly Stepped[]) => ({
    msPerStep: spreadOf(runs.map(({ milliseconds }) => milliseconds / job.steps)),
    tokensPerSecond: spreadOf(runs.map(({ milliseconds }) => (1000 * tokens * job.steps) / milliseconds)),
    peakBytes: Math.max(...runs.map(({ peakBytes }) => peakBytes)),
  })
  return {
    model: job.name,
    ...facts,
    rank: task.rank,
    sequences: task.sequences,
    length: task.length,
    ...speeds(ourSteps),
    forwardMs: spreadOf(forwards),
    ...(agreement && {
      rival: {
        library: `jax-js ${rivalVersion()}`,
        agreement,
        ...(agreement.agrees && {
          ...speeds(theirSteps),
          ratio: spreadOf(theirSteps.map(({ milliseconds }, i) => milliseconds / ourSteps[i]!.milliseconds)),
        }),
      },
    }),
  }
}

interface Side {
  open(task: BenchTask): Promise<z.infer<typeof factsSchema>>
  steps(count: number): Promise<Stepped>
  forward(): Promise<number>
}

async function openSide(browser: Browser, address: string, watchdog: Watchdog): Promise<Side> {
  const page = await browser.newPage()
  page.on('crash', () => watchdog.fail(new CentramError('INTERNAL', `The page ${address} crashed.`)))
  await page.goto(address, { waitUntil: 'load' })
  const ask = (request: BenchRequest) => watchdog.guard(`training in ${address}`, askPage(page, request))
  const expect = async <T extends Answer['type']>(request: BenchRequest, type: T) => {
    const answer = await ask(request)
    if (answer.type === type) return answer as Extract<Answer, { type: T }>
    const said = answer.type === 'failed' ? answer.message : `it answered ${answer.type}`
    throw new CentramError('INTERNAL', `The training benchmark failed in ${address}: ${said}`)
  }
  return {
    open: async (task) => (await expect({ type: 'open', task }, 'opened')).facts,
    steps: (count) => expect({ type: 'steps', count }, 'stepped'),
    forward: async () => (await expect({ type: 'forward' }, 'forwarded')).milliseconds,
  }
}

async function askPage(page: Page, request: BenchRequest): Promise<Answer> {
  return answerSchema.parse(await page.evaluate(`centramTrain(${JSON.stringify(request)})`))
}
