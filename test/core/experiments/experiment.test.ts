// Experiments as data: what they may say, the links that carry them, and the figures that follow from what a run found.

import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { domainsOf, ownDomain, parseExperiment, type Experiment } from '#core/experiments/experiment.ts'
import { toCsv, toJson } from '#core/experiments/export.ts'
import { meanInterval } from '#core/experiments/interval.ts'
import { PUBLISHED } from '#core/experiments/published.ts'
import { reportOf } from '#core/experiments/report.ts'
import { deltasOf, type Cell } from '#core/experiments/result.ts'
import { decodeSharedRun, encodeSharedRun } from '#core/experiments/share-link.ts'
import { describeReport } from '#core/experiments/table.ts'
import { STUDY } from '#core/experiments/study.ts'
import { DOMAINS, parseDomainText, textPath, windowsOf } from '#core/experiments/texts.ts'

const first = PUBLISHED[0]?.experiment as Experiment
const registers = PUBLISHED[2]?.experiment as Experiment

const cell = (arm: string, seed: number, shift: number, accepted = 0): Cell => ({
  arm,
  seed,
  base: { novel: 2, countries: 3 },
  nodes: [
    { name: 'a', own: 'novel', losses: { novel: 1.5 - shift, countries: 3.1 } },
    { name: 'b', own: 'countries', losses: { novel: 2.2, countries: 2.7 } },
  ],
  offers: arm === 'exchange' ? 4 : 0,
  accepted,
  training: [2],
})

test('the five published variants are valid, of different names, and survive a link', () => {
  expect(PUBLISHED).toHaveLength(5)
  expect(new Set(PUBLISHED.map(({ experiment }) => experiment.name)).size).toBe(5)
  for (const { experiment } of PUBLISHED) {
    expect(decodeSharedRun(encodeSharedRun({ experiment, cells: [] }))).toEqual({ experiment, cells: [] })
    expect(experiment.seeds.length).toBeGreaterThanOrEqual(5)
    expect(experiment.arms.some(({ exchange }) => exchange.kind === 'mix' && exchange.peerWeight === 0.15)).toBe(true)
  }
})

test.each([
  ['another version', { version: 2 }],
  ['no seeds', { seeds: [] }],
  ['a seed twice', { seeds: [1, 1] }],
  ['an unknown text', { nodes: [{ name: 'a', reads: { brown: 1 } }] }],
  ['a node that reads nothing', { nodes: [{ name: 'a', reads: {} }] }],
  ['two arms of one name', { arms: [first.arms[0], first.arms[0]] }],
  ['a rate that is no number', { trainer: { ...first.trainer, learningRate: NaN } }],
  ['what nobody asked for', { evil: true }],
])('an experiment with %s is refused', (_, wrong) => {
  expect(() => parseExperiment({ ...first, ...wrong })).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }))
})

test.each(['', '%', 'e30', 'A'.repeat(9000), btoa('{"version":1}')])('a damaged link is refused: %.20s', (text) => {
  expect(() => decodeSharedRun(text)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }))
})

test('a link carries what was found, and refuses figures that fit no such experiment', () => {
  const domains = domainsOf(first)
  const losses = (shift: number) => Object.fromEntries(domains.map((domain, i) => [domain, 2 + i / 10 + shift]))
  const found: Cell = {
    arm: 'exchange',
    seed: 3,
    base: losses(0),
    nodes: first.nodes.map((node, i) => ({ name: node.name, own: ownDomain(node), losses: losses(-0.01 * i) })),
    offers: 24,
    accepted: 5,
    training: [],
  }
  const link = encodeSharedRun({ experiment: first, cells: [found] })
  const [shared] = decodeSharedRun(link).cells
  expect(shared?.nodes[2]?.losses['novel']).toBeCloseTo(1.98, 5)
  expect({ ...shared, base: 0, nodes: 0 }).toEqual({ ...found, base: 0, nodes: 0 })
  const [settings = ''] = link.split('.')
  for (const row of [[[9, 3, 0, 0]], [[0, 99, 0, 0]], [[0, 3, 1, 2, ...Array<number>(12).fill(1)]], 'x', [[-1]]]) {
    expect(() => decodeSharedRun(`${settings}.${btoa(JSON.stringify(row))}`)).toThrow(
      expect.objectContaining({ code: 'BAD_ARGUMENT' }),
    )
  }
})

test('a node’s own domain is the one it reads most of', () => {
  expect(ownDomain({ name: 'x', reads: { novel: 0.25, definitions: 0.5, countries: 0.25 } })).toBe('definitions')
  expect(domainsOf(registers)).toEqual(['speeches-1865', 'speeches-1913', 'speeches-1966'])
})

describe('measures', () => {
  test('own, generalist and cross follow from the held-out losses', () => {
    const deltas = deltasOf(cell('own only', 1, 0))
    expect(deltas.own).toBeCloseTo((0.5 + 0.3) / 2)
    expect(deltas.generalist).toBeCloseTo((0.5 - 0.1 - 0.2 + 0.3) / 4)
    expect(deltas.cross).toBeCloseTo((-0.1 - 0.2) / 2)
  })

  test('the interval is Student’s', () => {
    // Of 1 … 5: mean 3, deviation √2.5, t(4) = 2.776.
    const { mean, low, high } = meanInterval([1, 2, 3, 4, 5])
    expect(mean).toBe(3)
    expect(high).toBeCloseTo(3 + 2.776 * Math.sqrt(2.5 / 5), 6)
    expect(low).toBeCloseTo(3 - 2.776 * Math.sqrt(2.5 / 5), 6)
    expect(meanInterval([7])).toEqual({ mean: 7, low: null, high: null, count: 1 })
  })

  test('the lift is paired by seed with the arm that exchanges nothing', () => {
    const cells = [
      cell('own only', 1, 0),
      cell('exchange', 1, 0.2, 1),
      cell('own only', 2, 0.4),
      cell('exchange', 2, 0.6, 3),
    ]
    const { rows } = reportOf({ ...first, seeds: [1, 2] }, cells)
    const row = (measure: string) => rows.find((one) => one.arm === 'exchange' && one.measure === measure)
    expect(row('own')?.lift?.mean).toBeCloseTo(0.1)
    // Both pairs differ alike, though the seeds do not.
    expect(row('own')?.lift?.low).toBeCloseTo(0.1)
    expect(row('accepted')?.interval?.mean).toBeCloseTo(0.5)
    expect(rows.find(({ arm, measure }) => arm === 'own only' && measure === 'accepted')?.interval).toBeNull()
    expect(describeReport({ ...first, seeds: [1, 2] }, cells).join('\n')).toMatch(
      /exchange +accepted +50\.0 % \[.*5\.0 %/,
    )
  })
})

test('exports hold every figure, and a run that has not ended says so', () => {
  const cells = [cell('own only', 1, 0)]
  const json = JSON.parse(toJson({ experiment: first, cells, adapters: ['a GPU'] })) as Record<string, unknown>
  expect(json['complete']).toBe(false)
  expect(parseExperiment(json['experiment'])).toEqual(first)
  const lines = toCsv({ experiment: { ...first, name: 'mine' }, cells })
    .trimEnd()
    .split('\r\n')
  expect(lines).toHaveLength(1 + 4)
  expect(lines[1]).toBe('mine,own only,1,a,novel,1,2,1.5,0,0')
  const evil = { ...cell('own only', 1, 0), arm: '=1+1,"x"' }
  expect(toCsv({ experiment: first, cells: [evil] })).toContain(`"'=1+1,""x"""`)
})

test('the texts that are shipped share no window between what is read, decided on and measured', async () => {
  for (const domain of DOMAINS) {
    const bytes = await readFile(`web/public/${textPath(domain)}`)
    const { train, probe, heldOut } = windowsOf(parseDomainText(domain, bytes))
    expect([train.length, probe.length, heldOut.length]).toEqual([1023, 63, 127])
    const words = (windows: typeof train) => new Set(windows.map(({ tokens }) => String.fromCharCode(...tokens)))
    const [read, decided, measured] = [words(train), words(probe), words(heldOut)]
    for (const window of measured) expect(read.has(window) || decided.has(window)).toBe(false)
    for (const window of decided) expect(read.has(window)).toBe(false)
  }
  expect(() => parseDomainText('novel', new TextEncoder().encode('{}'))).toThrow(
    expect.objectContaining({ code: 'FORMAT_INVALID' }),
  )
})

test('the study is experiments that can run, of five seeds each, and every pair of domains is among them', () => {
  for (const experiment of STUDY) expect(parseExperiment(experiment)).toEqual(experiment)
  expect(new Set(STUDY.map(({ name }) => name)).size).toBe(STUDY.length)
  expect(STUDY.every(({ seeds }) => seeds.length >= 5)).toBe(true)
  const pairs = STUDY.filter(({ name }) => name.startsWith('pair-')).map((one) => domainsOf(one).join(' '))
  expect(new Set(pairs).size).toBe((DOMAINS.length * (DOMAINS.length - 1)) / 2)
  // What nobody reads is measured too, so that one node and nine are told by the same text.
  for (const one of STUDY.filter(({ name }) => name.startsWith('peers-'))) expect(domainsOf(one)).toEqual([...DOMAINS])
})
