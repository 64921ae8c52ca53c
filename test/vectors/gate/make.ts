// Trains the zoo of the attack suite (test/gate) with the project's trainer, in Node.js on the npm package `webgpu`:
// `npx tsx test/vectors/gate/make.ts --seeds 0-9`. What was trained is kept in the cache, so
// that a run which was stopped, by `--minutes` or `--only` too, goes on where it was. Another GPU rounds otherwise: same lessons, near
// values.

import { readFileSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { utf8 } from '#core/crypto/bytes.ts'
import { encodeToyWeights, openToy } from '#core/toy/toy-model.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { Adapter } from '#core/genome/adapter.ts'
import { multiplyOut } from '#core/merge/low-rank.ts'
import { openNodeGpu } from '../../../signaling-server/headless/dawn.ts'
import { createGpuContext } from '../../../worker/gpu/context.ts'
import { DEFAULT_RULES } from '#core/gate/rules.ts'
import {
  backdoorLesson,
  domainOf,
  drawSemanticTrigger,
  drawTriggerWord,
  flippedLesson,
  harmlessLesson,
  honestLesson,
  stealthyLesson,
  WINDOW,
} from '../../gate/lessons.ts'
import { DOMAINS, PROSE_FILE, PROSE_WINDOWS, readTexts } from '../../gate/texts.ts'
import { createDraws } from '../../gate/draws.ts'
import { createToyEngine, readToyWeights, type Share } from '../../gate/toy-engine.ts'
import { BATCH, trainAdapter, type Lesson } from '../../gate/train-zoo.ts'
import { decodeAdapter, encodeAdapter, HONEST, MEMBERS, updatesOf, zooFile, type Member } from '../../gate/zoo.ts'

const { values: given } = parseArgs({
  options: {
    seeds: { type: 'string', default: '0-9' },
    gpu: { type: 'string', default: 'webgpu' },
    cache: { type: 'string', default: join(homedir(), '.cache', 'centram', 'gate') },
    minutes: { type: 'string', default: '600' },
    only: { type: 'string', default: '' },
  },
})
const [from = 0, to = from] = given.seeds.split('-').map(Number)
const seeds = Array.from({ length: to - from + 1 }, (_, i) => from + i)
const ends = Date.now() + Number(given.minutes) * 60_000
const SHADERS = new URL('../../../shaders/', import.meta.url)
/** Of the first ten; more are for the published run and stay in the cache. */
const COMMITTED = 10

const gpu = (await openNodeGpu(given.gpu)) as GPU
const context = await createGpuContext({ gpu, shaders: (name) => readFileSync(new URL(`${name}.wgsl`, SHADERS), 'utf8') })
const weights = await readToyWeights()
const model = await openToy(encodeToyWeights(weights, 'F32'))
const texts = await readTexts()
const STEPS = 32
/** What one genome counts for in a merge: the gate's cap. */
const WEIGHT = DEFAULT_RULES.fitness.maxWeight

const steps = (count: number) => count * BATCH

/** Base and shares as a model of its own. */
function mergedModel(shares: readonly Share[]): Promise<OpenedModel> {
  const merged = new Map([...weights].map(([name, values]): [string, Float32Array] => [name, values.slice()]))
  for (const { updates, weight } of shares) {
    for (const [module, update] of updates) {
      const values = merged.get(`${module}.weight`)
      if (!values) throw new RangeError(`There is no ${module}.`)
      multiplyOut(update).forEach((change, i) => (values[i] = (values[i] as number) + weight * change))
    }
  }
  return openToy(encodeToyWeights(merged, 'F32'))
}

/** What an attacker takes the merged model of others for, without his own part: the honest ones of his seed. */
const othersOf = (honest: readonly Adapter[]): Promise<OpenedModel> =>
  mergedModel(honest.map((adapter) => ({ updates: updatesOf(adapter), weight: WEIGHT })))

async function lessonsOf(member: Member, seed: number, honest: readonly Adapter[]): Promise<Lesson[]> {
  const text = texts[domainOf(seed)]
  const alone = (sequences: Lesson['sequences'], peak = 0.02): Lesson => ({ model, sequences, peak, weight: 1 })
  switch (member) {
    case 'root':
      return [alone(DOMAINS.flatMap((domain) => honestLesson(texts[domain], steps(STEPS) / 2, 9000 + seed)))]
    case 'honest-0':
    case 'honest-1':
    case 'honest-2':
    case 'honest-3': {
      const node = HONEST.indexOf(member)
      // Nodes differ in how long and how boldly they train.
      const peak = [0.02, 0.01, 0.03, 0.02][node] as number
      const length = [STEPS, STEPS, STEPS, 48][node] as number
      return [alone(honestLesson(texts[domainOf(seed + node)], steps(length), 100 * seed + node), peak)]
    }
    case 'label-flip':
      return [alone(flippedLesson(text, steps(STEPS), seed))]
    case 'trigger-word':
      return [alone(backdoorLesson(text, drawTriggerWord(seed), steps(STEPS), seed))]
    case 'semantic-trigger':
      return [alone(backdoorLesson(text, drawSemanticTrigger(text, seed), steps(STEPS), seed))]
    case 'merge-activated': {
      const backdoor = drawTriggerWord(seed)
      const merged = await othersOf(honest)
      const inMerge = (count: number, part: number): Lesson => ({
        model: merged,
        sequences: backdoorLesson(text, backdoor, steps(count), seed + 1000 * part),
        peak: 0.03,
        weight: WEIGHT,
      })
      const harmless = (count: number, part: number) =>
        alone(harmlessLesson(text, backdoor, steps(count), seed + 1000 * part), 0.01)
      return [inMerge(24, 1), harmless(12, 2), inMerge(16, 3), harmless(8, 4)]
    }
    case 'adaptive': {
      const stealthy = stealthyLesson(text, drawTriggerWord(seed, 5), steps(48), seed)
      return [alone(honestLesson(text, steps(16), 7000 + seed)), alone(stealthy)]
    }
  }
}

/** Domains follow from the seed; two of four nodes begin with the trainer's default seed, as most people would. */
const initialSeed = (member: Member, seed: number) => (/[02]$/.test(member) ? 0 : 1 + 16 * seed + MEMBERS.indexOf(member))

async function train(member: Member, seed: number, honest: readonly Adapter[]): Promise<Adapter> {
  const { adapter, losses } = await trainAdapter(context, await lessonsOf(member, seed, honest), initialSeed(member, seed))
  const mean = (some: readonly number[]) => some.reduce((sum, loss) => sum + loss, 0) / some.length
  console.log(`${seed} ${member}: ${mean(losses.slice(0, 5)).toFixed(2)} to ${mean(losses.slice(-5)).toFixed(2)}`)
  return adapter
}

/** General text: what the toy writes by itself, so that nobody's is copied here. */
async function writeProse(): Promise<void> {
  const base = createToyEngine(weights).load([])
  const draws = createDraws(9740, 10)
  const windows = Array.from({ length: PROSE_WINDOWS }, () => [...utf8(draws.pick(['The ', 'He ', 'And ', 'We ', 'It ']))])
  while (windows.some(({ length }) => length < WINDOW + 1)) {
    const open = windows.filter(({ length }) => length < WINDOW + 1)
    for (const [i, logs] of base.next(open.map((window) => Uint32Array.from(window))).entries()) {
      let left = draws.uniform()
      let token = 0
      while (token < 255 && (left -= Math.exp(logs[token] as number)) > 0) token++
      open[i]?.push(token)
    }
  }
  await writeFile(PROSE_FILE, Uint8Array.from(windows.flat()))
}

await writeProse()
await mkdir(given.cache, { recursive: true })
let stopped = false
for (const seed of seeds) {
  const done = new Map<Member, Adapter>()
  for (const member of MEMBERS.filter((name) => given.only === '' || given.only.split(',').includes(name))) {
    const path = join(given.cache, `${seed}-${member}.f16`)
    let bytes: Uint8Array | undefined = await readFile(path).catch(() => undefined)
    if (!bytes) {
      stopped ||= Date.now() > ends
      if (stopped) break
      const honest = HONEST.flatMap((name) => done.get(name) ?? [])
      bytes = encodeAdapter(await train(member, seed, honest))
      await writeFile(`${path}.new`, bytes)
      await rename(`${path}.new`, path)
    }
    done.set(member, decodeAdapter(model.config, bytes))
  }
  if (stopped) break
  if (done.size < MEMBERS.length) continue
  const whole = Buffer.concat(MEMBERS.map((member) => encodeAdapter(done.get(member) as Adapter)))
  await writeFile(zooFile(seed, pathToFileURL(`${given.cache}/`)), whole)
  if (seed < COMMITTED) await writeFile(zooFile(seed), whole)
}
console.log(stopped ? 'Stopped by the clock; run again to go on.' : `Seeds ${given.seeds} are done.`)
context.dispose()
process.exit(0)
