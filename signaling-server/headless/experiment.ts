// `centram experiment`: runs a published experiment, or one from a file, on the GPU that Node.js finds; writes JSON and CSV after
// every cell, and goes on from where it was stopped.

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { CentramError } from '#core/errors.ts'
import { toHex, utf8 } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { domainsOf, parseExperiment, unitsOf, type Experiment } from '#core/experiments/experiment.ts'
import { toCsv, toJson } from '#core/experiments/export.ts'
import { PUBLISHED } from '#core/experiments/published.ts'
import { decodeSharedRun, EXPERIMENT_QUERY } from '#core/experiments/share-link.ts'
import { STUDY } from '#core/experiments/study.ts'
import { describeReport } from '#core/experiments/table.ts'
import { parseDomainText, textPath, windowsOf } from '#core/experiments/texts.ts'
import { encodeToyWeights, initialToyWeights, openToy } from '#core/toy/toy-model.ts'
import { decodeRunState, encodeRunState, NOTHING_RUN, type RunState } from '../../worker/experiments/run-state.ts'
import { runExperiment } from '../../worker/experiments/run-experiment.ts'
import { isCpuAdapter } from '../../worker/gpu/choose-profile.ts'
import { BASE_PROFILE } from '../../worker/gpu/profile.ts'
import { createLearner } from '../../worker/train/learner.ts'
import { PROJECT_FOLDER } from '../cli/project.ts'
import { openHeadlessGpu, type GpuChoice } from './dawn.ts'
import { reportStudy } from './study-report.ts'

export interface ExperimentOptions {
  readonly list: boolean
  /** A folder of results to say something about, instead of running anything. */
  readonly report?: string
  readonly out?: string
  readonly seeds?: number
  readonly rounds?: number
  readonly steps?: number
  readonly base?: Experiment['base']
  readonly gpu: Exclude<GpuChoice, 'none'>
  readonly json: boolean
}

const STATE = 'state.bin'
const KNOWN: readonly Experiment[] = [...PUBLISHED.map(({ experiment }) => experiment), ...STUDY]
const PUBLIC = join(PROJECT_FOLDER, 'web', 'public')

export async function runExperimentCommand(name: string | undefined, options: ExperimentOptions): Promise<number> {
  if (options.report !== undefined) return reportStudy(options.report)
  if (options.list || name === undefined) {
    for (const { name: known, title } of KNOWN) console.log(`${known.padEnd(36)}${title}`)
    return options.list ? 0 : 1
  }
  const experiment = change(await findExperiment(name), options)
  const folder = resolve(options.out ?? join('experiments', experiment.name))
  await mkdir(folder, { recursive: true })
  const say = (line: string) => (options.json ? console.error(line) : console.log(line))
  const gpu = await openHeadlessGpu(options.gpu)
  if ('kind' in gpu) throw new CentramError('GPU_UNAVAILABLE', `${gpu.message} ${gpu.remedy}`)
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort('interrupted'))
  process.once('SIGTERM', () => stop.abort('terminated'))
  try {
    const { vendor, architecture, description } = gpu.info
    const adapter = [vendor, architecture, description].filter(Boolean).join(' ')
    const key = toHex(sha256(utf8(JSON.stringify(experiment))))
    const kept = await readState(folder, key)
    const adapters = [...new Set([...kept.adapters, adapter])]
    const profile: typeof BASE_PROFILE = isCpuAdapter(gpu.info)
      ? BASE_PROFILE
      : { ...BASE_PROFILE, gemm: 'tiled', norm: 'threads32' }
    const builtIn = await readFile(join(PUBLIC, 'models', 'toy', 'model.safetensors'))
    const texts = await Promise.all(
      domainsOf(experiment).map(async (domain) => {
        const text = parseDomainText(domain, await readFile(join(PUBLIC, textPath(domain))))
        return [domain, windowsOf(text)] as const
      }),
    )
    say(`${experiment.title}: ${experiment.seeds.length} seeds, ${experiment.arms.length} arms, on ${adapter}`)
    if (kept.state.cells.length > 0 || kept.state.current) say(`Going on after ${kept.state.cells.length} cells.`)
    const progress = createProgress(unitsOf(experiment), say)
    const cells = await runExperiment(experiment, {
      async learnerFor(seed) {
        const weights = experiment.base === 'built-in' ? builtIn : encodeToyWeights(initialToyWeights(seed), 'F32')
        return createLearner(gpu, await openToy(weights), profile)
      },
      texts: new Map(texts),
      state: kept.state,
      onProgress: progress,
      save: (state) => writeState(folder, key, { experiment, adapters, state }),
      signal: stop.signal,
    })
    const record = { experiment, cells, adapters }
    if (options.json) process.stdout.write(toJson(record))
    else for (const line of describeReport(experiment, cells)) say(line)
    say(`Written to ${folder}: result.json, result.csv`)
    return 0
  } finally {
    gpu.dispose()
  }
}

/** By name, or from a .json file (a result's too), or from a link that Lab made. */
async function findExperiment(name: string): Promise<Experiment> {
  const known = KNOWN.find((experiment) => experiment.name === name)
  if (known) return known
  if (URL.canParse(name)) return decodeSharedRun(new URL(name).searchParams.get(EXPERIMENT_QUERY) ?? '').experiment
  if (name.endsWith('.json')) {
    const value = JSON.parse(await readFile(name, 'utf8')) as { experiment?: unknown }
    return parseExperiment(value.experiment ?? value)
  }
  const names = KNOWN.map((experiment) => experiment.name).join(', ')
  throw new CentramError(
    'BAD_ARGUMENT',
    `There is no experiment "${name}". There are: ${names}; a .json file and a link from Lab do as well.`,
  )
}

function change(experiment: Experiment, { seeds, rounds, steps, base }: ExperimentOptions): Experiment {
  return parseExperiment({
    ...experiment,
    ...(seeds !== undefined && { seeds: Array.from({ length: seeds }, (_, i) => i + 1) }),
    ...(rounds !== undefined && { rounds }),
    ...(base !== undefined && { base }),
    trainer: { ...experiment.trainer, ...(steps !== undefined && { steps }) },
  })
}

interface Kept {
  readonly state: RunState
  readonly adapters: readonly string[]
}

/** A line of JSON that names the experiment, then the state. What belongs to other settings is not gone on with. */
async function readState(folder: string, key: string): Promise<Kept> {
  const bytes = await readFile(join(folder, STATE)).catch(() => null)
  if (!bytes) return { state: NOTHING_RUN, adapters: [] }
  const end = bytes.indexOf(0x0a)
  const head = JSON.parse(bytes.toString('utf8', 0, end)) as { key: string; adapters: readonly string[] }
  if (head.key !== key) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `${folder} holds a run with other settings. Name another folder with --out, or delete that one.`,
    )
  }
  return { state: await decodeRunState(new Uint8Array(bytes.subarray(end + 1))), adapters: head.adapters }
}

async function writeState(
  folder: string,
  key: string,
  { experiment, adapters, state }: Kept & { readonly experiment: Experiment },
): Promise<void> {
  const head = `${JSON.stringify({ key, adapters })}\n`
  await replaceFile(join(folder, STATE), Buffer.concat([Buffer.from(head), encodeRunState(state)]))
  const record = { experiment, cells: state.cells, adapters }
  await replaceFile(join(folder, 'result.json'), toJson(record))
  await replaceFile(join(folder, 'result.csv'), toCsv(record))
}

/** Written beside and renamed: at `path` is always one whole file. */
async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.part`, content)
  await rename(`${path}.part`, path)
}

function createProgress(units: number, say: (line: string) => void): (done: number) => void {
  const began = Date.now()
  let first: number | null = null
  let told = -1
  return (done) => {
    first ??= done
    const percent = Math.floor((100 * done) / units)
    if (percent === told) return
    told = percent
    const minutes = done > first ? ((Date.now() - began) / 60_000 / (done - first)) * (units - done) : null
    say(`${percent} %${minutes === null ? '' : `, ${minutes.toFixed(1)} min left`}`)
  }
}
