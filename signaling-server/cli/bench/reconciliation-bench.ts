// What it takes two nodes to find out what either lacks: bytes, rounds and time of each side, by each method, over sets drawn anew
// for each repeat. Nothing is warmed up: the most is what a tab pays that has just been opened.

import { randomBytes, randomInt } from 'node:crypto'
import { CentramError } from '#core/errors.ts'
import { createAnswer, createComparison } from '#core/reconciliation/compare-sets.ts'
import type { ComparisonOptions } from '#core/reconciliation/comparison.ts'
import { createItemSet, type Item, type ItemSet } from '#core/reconciliation/item-set.ts'
import { formatBytes, formatFigure, formatTable } from '../format.ts'
import { createFiguresFile } from './figures-file.ts'
import { formatSpread, spreadOf, type Spread } from './spread.ts'

export interface ReconciliationBenchOptions {
  readonly records: number
  readonly differences: number
  readonly repeats: number
  readonly out?: string
  readonly json: boolean
}

const LIES = ['scattered', 'the newest'] as const
const METHODS = {
  ranges: { method: 'negentropy', maySwitch: false },
  'ranges, may switch': { method: 'negentropy', maySwitch: true },
  'coded symbols': { method: 'riblt' },
} as const satisfies Record<string, Pick<ComparisonOptions, 'method' | 'maySwitch'>>

interface Exchange {
  bytes: number
  /** A frame there and one back. */
  rounds: number
  beginMs: number
  answerMs: number
  /** Of all threads of this process, and so of JavaScript's compiler and collector too. */
  beginProcessorMs: number
  answerProcessorMs: number
}

interface ReconciliationFigures {
  readonly differences: (typeof LIES)[number]
  readonly method: keyof typeof METHODS
  readonly bytes: Spread
  /** Over what a list of one side's ids takes. */
  readonly ofAllIds: Spread
  readonly rounds: Spread
  /** Of who begins, and of who answers; without making the set, which a node keeps. */
  readonly beginMs: Spread
  readonly answerMs: Spread
  readonly beginProcessorMs: Spread
  readonly answerProcessorMs: Spread
}

/** Returns the exit code. */
export async function runReconciliationBench(options: ReconciliationBenchOptions): Promise<number> {
  const say = (line: string) => (options.json ? console.error(line) : console.log(line))
  const file = createFiguresFile('reconciliation', options, say)
  const { records, differences, repeats } = options
  if (differences > records) throw new CentramError('BAD_ARGUMENT', 'There cannot be more differences than records.')
  const measured = new Map<string, Exchange[]>()
  const setMs: number[] = []
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const lie of LIES) {
      const pair = drawPair(records, differences, lie)
      const began = performance.now()
      const ours = createItemSet(pair.ours)
      setMs.push(performance.now() - began)
      const theirs = createItemSet(pair.theirs)
      for (const [name, how] of Object.entries(METHODS)) {
        const key = `${lie}/${name}`
        measured.set(key, [...(measured.get(key) ?? []), exchange(ours, theirs, how, differences)])
      }
    }
  }
  const figures = LIES.flatMap((lie) =>
    (Object.keys(METHODS) as (keyof typeof METHODS)[]).map((method): ReconciliationFigures => {
      const exchanges = measured.get(`${lie}/${method}`) ?? []
      const spread = (of: (exchange: Exchange) => number) => spreadOf(exchanges.map(of))
      return {
        differences: lie,
        method,
        bytes: spread(({ bytes }) => bytes),
        ofAllIds: spread(({ bytes }) => bytes / (32 * records)),
        rounds: spread(({ rounds }) => rounds),
        beginMs: spread(({ beginMs }) => beginMs),
        answerMs: spread(({ answerMs }) => answerMs),
        beginProcessorMs: spread(({ beginProcessorMs }) => beginProcessorMs),
        answerProcessorMs: spread(({ answerProcessorMs }) => answerProcessorMs),
      }
    }),
  )
  const kilobytes = ({ median, least, most }: Spread) =>
    formatBytes(median) + ` (${formatBytes(least)} to ${formatBytes(most)})`
  say(`\n${records} records, ${differences} differences: median (least to most) of ${repeats}`)
  for (const line of formatTable(
    [
      'differences',
      'method',
      'both ways',
      'of all ids',
      'rounds',
      'ms to begin',
      'of a core',
      'ms to answer',
      'of a core',
    ],
    figures.map((row) => [
      row.differences,
      row.method,
      kilobytes(row.bytes),
      `${(100 * row.ofAllIds.median).toPrecision(2)} %`,
      formatSpread(row.rounds),
      formatSpread(row.beginMs),
      formatFigure(row.beginProcessorMs.median),
      formatSpread(row.answerMs),
      formatFigure(row.answerProcessorMs.median),
    ]),
  )) {
    say(line)
  }
  const set = spreadOf(setMs)
  say(`Making a set of that size, in order: ${formatSpread(set)} ms`)
  await file.write({ records, differences, figures, setMs: set })
  return 0
}

/** Of `records` items `differences` are on one side only: any of them, or the newest. */
function drawPair(records: number, differences: number, lie: (typeof LIES)[number]) {
  const bytes = new Uint8Array(randomBytes(32 * records))
  const items = Array.from({ length: records }, (_, index): Item => {
    return { key: 1_700_000_000_000 + 1000 * index, id: bytes.subarray(32 * index, 32 * index + 32) }
  })
  const apart = new Set<number>()
  while (apart.size < differences) apart.add(lie === 'scattered' ? randomInt(records) : records - 1 - apart.size)
  const owner = items.map((_, index) => (apart.has(index) ? randomInt(2) : 2))
  return {
    ours: items.filter((_, index) => owner[index] !== 1),
    theirs: items.filter((_, index) => owner[index] !== 0),
  }
}

/** To the end, by another method where the first one says so. */
function exchange(
  set: ItemSet,
  other: ItemSet,
  how: Pick<ComparisonOptions, 'method' | 'maySwitch' | 'expected'>,
  differences: number,
): Exchange {
  const recon = new Uint8Array(randomBytes(16))
  const total: Exchange = { bytes: 0, rounds: 0, beginMs: 0, answerMs: 0, beginProcessorMs: 0, answerProcessorMs: 0 }
  const time = <T>(side: 'begin' | 'answer', run: () => T): T => {
    const began = performance.now()
    const processor = process.cpuUsage()
    const result = run()
    const { user, system } = process.cpuUsage(processor)
    total[`${side}Ms`] += performance.now() - began
    total[`${side}ProcessorMs`] += (user + system) / 1000
    return result
  }
  const comparison = time('begin', () => createComparison({ ...how, set, recon }))
  const answer = time('answer', () => createAnswer({ set: other, method: how.method, recon }))
  let frame: Uint8Array | null = time('begin', comparison.open)
  while (frame) {
    const there: Uint8Array = frame
    const back = time('answer', () => answer(there))
    total.bytes += there.length + back.length
    total.rounds++
    frame = time('begin', () => comparison.receive(back))
  }
  const { have, need, retry } = comparison.result()
  if (retry) {
    const rest = exchange(set, other, retry, differences)
    for (const key of Object.keys(total) as (keyof Exchange)[]) total[key] += rest[key]
    return total
  }
  if (have.length + need.length === differences) return total
  throw new CentramError('INTERNAL', `A comparison found ${have.length + need.length} of ${differences} differences.`)
}
