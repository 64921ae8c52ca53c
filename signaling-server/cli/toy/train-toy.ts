// `centram train-toy`: trains the built-in model with the project's own trainer, on the GPU that Node's `webgpu` package finds.
// Stopped at any time, it goes on from the latest checkpoint when it is started again.

import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { CentramError } from '#core/errors.ts'
import { CONTEXT, toyConfig } from '#core/toy/toy-model.ts'
import {
  heldOutSample,
  TOY_CORPORA,
  TOY_SEED,
  toySequences,
  type ToyCorpus,
  type ToyRecipe,
  type ToyTraining,
  type ToyWorker,
} from '#core/toy/toy-recipe.ts'
import { cutWindows, type SplitText } from '#core/toy/toy-text.ts'
import { PROJECT_FOLDER } from '../project.ts'
import { readToyTexts } from './corpus.ts'
import { drawCurve } from './curve-svg.ts'
import { openNodeGpu } from '../../headless/dawn.ts'
import { readRun, writeRun, type CurvePoint } from './run-files.ts'

export interface TrainToyOptions {
  readonly out: string
  readonly steps: number
  readonly batch: number
  readonly peak: number
  /** Minutes between checkpoints. */
  readonly saveEvery: number
  /** Module that offers WebGPU. */
  readonly gpu: string
  readonly cache?: string
}

/** Steps of a point of the curve, and of one with the held-out loss. */
const POINT_STEPS = 25
const HELD_OUT_STEPS = 250
const HELD_OUT_WINDOWS = 128

export async function runTrainToy(options: TrainToyOptions): Promise<void> {
  const say = (line: string) => console.log(line)
  const { steps, batch, peak } = options
  const recipe: ToyRecipe = { steps, batch, peak, seed: TOY_SEED }
  const gpu = await openNodeGpu(options.gpu)
  const cache = resolve(options.cache ?? join(homedir(), '.cache', 'centram', 'toy'))
  const texts = await readToyTexts(cache, say)
  for (const name of TOY_CORPORA) {
    const { train, heldOut, documents } = texts[name]
    say(`${name}: ${train.length} bytes of ${documents[0]} documents, ${heldOut.length} of ${documents[1]} held out`)
  }
  const worker = await loadWorker()
  const path = join(cache, `run-${steps}x${batch}-${peak}`)
  const saved = await readRun(path)
  const training = await worker.openToyTraining(gpu, {
    recipe,
    train: toySequences(recipe, texts),
    heldOut: heldOutSample(texts, HELD_OUT_WINDOWS),
    ...(saved && { checkpoint: saved.checkpoint }),
  })
  const curve = [...(saved?.curve ?? [])]
  const adapters = [...new Set([...(saved?.adapters ?? []), training.adapter])]
  say(`${saved ? `Resuming at step ${training.step}` : 'Starting'} of ${steps} on ${training.adapter}`)
  const save = async () => writeRun(path, { curve, adapters, checkpoint: await training.checkpoint() })
  await runSteps(training, recipe, options.saveEvery * 60_000, curve, save, say)
  const weights = await training.finish()
  training.dispose()
  await writeModel(options.out, weights)
  say('Measuring the held-out text…')
  const heldOutNatsPerByte = await measure(worker, gpu, weights, texts)
  const report = { recipe, ...describeTexts(texts), heldOutNatsPerByte, adapters, curve }
  await writeFile(join(options.out, 'training.json'), formatReport(report))
  await writeFile(join(options.out, 'loss.svg'), drawCurve(curve, batch * CONTEXT))
  for (const [name, loss] of Object.entries(heldOutNatsPerByte)) {
    say(`held out, ${name}: ${loss} nats a byte, ${(loss / Math.LN2).toFixed(4)} bits`)
  }
  say(`Written to ${options.out}: model.safetensors (SHA-256 ${sha256(weights)}), config.json, training.json, loss.svg`)
}

/** Steps, points of the curve and checkpoints up to the end of the recipe. */
async function runSteps(
  training: ToyTraining,
  { steps, batch }: ToyRecipe,
  saveEveryMs: number,
  curve: CurvePoint[],
  save: () => Promise<void>,
  say: (line: string) => void,
): Promise<void> {
  const before = curve.at(-1)?.seconds ?? 0
  const first = training.step
  const began = Date.now()
  let savedAt = began
  let losses: number[] = []
  while (training.step < steps) {
    const { step, loss, learningRate } = await training.runStep()
    losses.push(loss)
    if (step % POINT_STEPS !== 0 && step !== steps) continue
    const measured = step % HELD_OUT_STEPS === 0 || step === steps
    const heldOut = measured ? round(await training.evaluate()) : undefined
    const elapsed = (Date.now() - began) / 1000
    const mean = round(losses.reduce((sum, one) => sum + one, 0) / losses.length)
    losses = []
    curve.push({
      step,
      loss: mean,
      ...(heldOut !== undefined && { heldOut }),
      learningRate: Number(learningRate.toPrecision(4)),
      seconds: Math.round(before + elapsed),
    })
    const left = Math.round(((elapsed / (step - first)) * (steps - step)) / 60)
    const judged = heldOut === undefined ? '' : `, held out ${heldOut}`
    say(`step ${step} of ${steps}: loss ${mean}${judged}; ${step * batch} windows, ${left} min left`)
    if (Date.now() - savedAt < saveEveryMs && step !== steps) continue
    // Only with a point: what lies between two points is not lost from the curve when the run is resumed.
    await save()
    savedAt = Date.now()
  }
}

/** The worker's code as Vite builds it for the page, shaders included. */
async function loadWorker(): Promise<ToyWorker> {
  const { runnerImport } = await import('vite')
  const { module } = await runnerImport<ToyWorker>(join(PROJECT_FOLDER, 'worker', 'toy-training.ts'), {
    root: PROJECT_FOLDER,
    configFile: false,
    logLevel: 'warn',
  })
  return module
}

async function measure(
  worker: ToyWorker,
  gpu: unknown,
  weights: Uint8Array,
  texts: Readonly<Record<ToyCorpus, SplitText>>,
): Promise<Record<ToyCorpus | 'all', number>> {
  const losses: [string, number][] = []
  let sum = 0
  let bytes = 0
  for (const name of TOY_CORPORA) {
    const { heldOut } = texts[name]
    const loss = await worker.measureToy(gpu, weights, cutWindows(heldOut))
    losses.push([name, round(loss)])
    sum += loss * heldOut.length
    bytes += heldOut.length
  }
  return Object.fromEntries([...losses, ['all', round(sum / bytes)]]) as Record<ToyCorpus | 'all', number>
}

function describeTexts(texts: Readonly<Record<ToyCorpus, SplitText>>) {
  const of = <T>(select: (text: SplitText) => T) => Object.fromEntries(TOY_CORPORA.map((n) => [n, select(texts[n])]))
  return {
    heldOutBytes: of(({ heldOut }) => heldOut.length),
    trainBytes: of(({ train }) => train.length),
    documents: of(({ documents }) => documents),
  }
}

async function writeModel(folder: string, weights: Uint8Array): Promise<void> {
  if (weights.length === 0) throw new CentramError('INTERNAL', 'The trained model is empty.')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'model.safetensors'), weights)
  await writeFile(join(folder, 'config.json'), toyConfig())
}

/** One point of the curve a line. */
function formatReport({ curve, ...rest }: { readonly curve: readonly CurvePoint[] } & Record<string, unknown>): string {
  const head = JSON.stringify(rest, null, 2).slice(0, -2)
  return `${head},\n  "curve": [\n${curve.map((point) => `    ${JSON.stringify(point)}`).join(',\n')}\n  ]\n}\n`
}

const round = (value: number): number => Number(value.toFixed(4))
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
