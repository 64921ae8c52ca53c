// Layer 1: sizes, kinds, quotas per key and network, scores.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { admission } from '#core/gate/admission.ts'
import { openCandidate } from '#core/gate/candidate.ts'
import type { Arrival } from '#core/gate/layer.ts'
import { charge, isWithin } from '#core/gate/quota.ts'
import { NO_RECORDS, type GateRecords } from '#core/gate/records.ts'
import { DEFAULT_RULES } from '#core/gate/rules.ts'
import { ADAPTER_WEIGHTS_FILE } from '#core/genome/peft-config.ts'
import { CONTENT_MANIFEST } from '#core/protocol/messages/content.ts'
import { encodeObject } from '#core/protocol/signed-object.ts'
import { arrivalOf, contentOf, contextWith, judge, makeGenome, NOW, sameNode } from './arrivals.ts'

const made = await makeGenome()
const arrival = arrivalOf(made)
const from = (key: string, address: string | null = null): Arrival => ({ ...arrival, sender: { key, address } })

/** The codes of as many arrivals one after the other, each remembered. */
async function judgeAll(arrivals: readonly Arrival[], changes: Parameters<typeof contextWith>[0] = {}) {
  let records: GateRecords = NO_RECORDS
  const codes: string[] = []
  for (const each of arrivals) {
    const context = contextWith({ ...changes, records })
    const finding = await judge(admission, each, context)
    codes.push(finding.code)
    const judged = { finding, outcome: 'refused' as const }
    records = { ...records, ...(await admission.remember?.(openCandidate(each, context.verify), context, judged)) }
  }
  return codes
}

test('a genome of its author is let in', async () => {
  expect(await judge(admission, arrival)).toMatchObject({ outcome: 'passed' })
})

test('a file has no sender to be judged', async () => {
  const file = { ...arrival, sender: null, announcement: null, content: null }
  expect(await judge(admission, file)).toMatchObject({ outcome: 'not-run', code: 'NO_SENDER' })
})

describe('what is no genome is not opened', () => {
  const { encoded, leaves } = { encoded: arrival.content?.manifest ?? new Uint8Array(), leaves: new Uint8Array() }
  const more = encodeObject(CONTENT_MANIFEST, {
    kind: 'genome',
    files: [
      { path: ADAPTER_WEIGHTS_FILE, bytes: made.tensors.length },
      { path: 'centram-genome.cbor', bytes: made.genome.bytes.length },
      { path: 'run.sh', bytes: 1 },
    ],
    bytes: made.tensors.length + made.genome.bytes.length + 1,
    chunkBytes: 1024,
    chunks: 9,
    root: new Uint8Array(32),
  })
  test.each<[string, Partial<Arrival>, string]>([
    ['no content', { content: null }, 'WRONG_TYPE'],
    ['no manifest', { manifest: null }, 'WRONG_TYPE'],
    ['no tensors', { tensors: new Uint8Array(9) }, 'WRONG_TYPE'],
    ['another kind', { content: contentOf(made.tensors, made.genome.bytes, 'other') }, 'WRONG_TYPE'],
    ['a file more', { content: { id: '', manifest: more, leaves } }, 'WRONG_TYPE'],
    ['other sizes', { tensors: new Uint8Array(made.tensors.length + 1) }, 'WRONG_TYPE'],
    ['no CBOR', { content: { id: '', manifest: encoded.slice(1), leaves } }, 'WRONG_TYPE'],
    ['a manifest too long', { manifest: new Uint8Array(70_000) }, 'TOO_LARGE'],
  ])('%s', async (_, changes, code) => {
    expect(await judge(admission, { ...arrival, ...changes })).toMatchObject({ outcome: 'refused', code })
  })

  test('more bytes than are taken', async () => {
    const rules = { ...DEFAULT_RULES, maxBytes: made.tensors.length }
    expect(await judge(admission, arrival, contextWith({ rules }))).toMatchObject({ code: 'TOO_LARGE' })
  })
})

test('whoever misbehaved is not listened to', async () => {
  const scoreOf = (peer: string) => (peer === 'bad' ? DEFAULT_RULES.leastScore - 1 : 0)
  expect(await judge(admission, from('bad'), contextWith({ scoreOf }))).toMatchObject({ code: 'LOW_SCORE' })
  expect(await judge(admission, from('good'), contextWith({ scoreOf }))).toMatchObject({ outcome: 'passed' })
})

describe('quotas', () => {
  const { perKey, perAddress } = DEFAULT_RULES.quota

  test('a key may send so many, and refused ones count', async () => {
    const codes = await judgeAll(Array.from({ length: perKey.genomes + 2 }, () => from('one')))
    expect(codes).toEqual([...Array<string>(perKey.genomes).fill('PASSED'), 'QUOTA_OF_KEY', 'QUOTA_OF_KEY'])
  })

  test('what a person here wants judged again costs nobody anything', async () => {
    const again = Array.from({ length: perKey.genomes + 2 }, () => ({ ...from('one'), again: true }))
    expect(new Set(await judgeAll([...again, from('one')]))).toEqual(new Set(['PASSED']))
  })

  test('another key of the same node does not begin anew', async () => {
    const arrivals = Array.from({ length: perKey.genomes + 1 }, (_, i) => from(i % 2 === 0 ? 'old' : 'new'))
    expect((await judgeAll(arrivals, { keys: sameNode('old', 'new') })).at(-1)).toBe('QUOTA_OF_KEY')
    expect((await judgeAll(arrivals)).at(-1)).toBe('PASSED')
  })

  test('made-up keys from one network share what it may send', async () => {
    const arrivals = Array.from({ length: perAddress.genomes + 1 }, (_, i) => from(`key ${i}`, '198.51.100.0/24'))
    const codes = await judgeAll([...arrivals, from('elsewhere', '203.0.113.0/24')])
    expect(codes.filter((code) => code === 'PASSED')).toHaveLength(perAddress.genomes + 1)
    expect(codes.at(-2)).toBe('QUOTA_OF_ADDRESS')
  })

  test('within any window no more is let in than the quota says, whatever comes when', () => {
    const quota = { genomes: 5, bytes: 100 }
    const windowMs = 1000
    const steps = fc.array(fc.tuple(fc.nat(400), fc.nat(60)), { maxLength: 60 })
    fc.assert(
      fc.property(steps, (arrivals) => {
        let spendings: Parameters<typeof charge>[0] = new Map()
        let now = NOW
        const taken: { readonly now: number; readonly since: number; readonly bytes: number }[] = []
        for (const [wait, bytes] of arrivals) {
          now += wait
          const isTaken = isWithin(spendings, 'a', bytes, quota, now, windowMs)
          spendings = charge(spendings, 'a', bytes, now, windowMs)
          const since = spendings.get('a')?.since ?? 0
          if (isTaken) taken.push({ now, since, bytes })
        }
        for (const { since } of taken) {
          const window = taken.filter((each) => each.since === since)
          expect(window.length).toBeLessThanOrEqual(quota.genomes)
          expect(window.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(quota.bytes)
          expect(Math.max(...window.map((each) => each.now)) - since).toBeLessThan(windowMs)
        }
      }),
      { numRuns: 200 },
    )
  })

  test('a clock that was set back locks nobody out, and no more names are kept than there is room for', () => {
    const quota = { genomes: 1, bytes: 10 }
    const spendings = charge(new Map(), 'a', 1, NOW, 1000)
    expect(isWithin(spendings, 'a', 1, quota, NOW + 999, 1000)).toBe(false)
    expect(isWithin(spendings, 'a', 1, quota, NOW - 1, 1000)).toBe(true)
    const silent = { since: NOW, genomes: 1, bytes: 1 }
    let many: Parameters<typeof charge>[0] = new Map([
      ['busy', silent],
      ...Array.from({ length: 4090 }, (_, i): [string, typeof silent] => [`${i}`, silent]),
    ])
    for (let i = 0; i < 20; i++) many = charge(charge(many, 'busy', 1, NOW, 1000), `late ${i}`, 1, NOW, 1000)
    expect(many.size).toBe(4096)
    expect(many.has('busy')).toBe(true)
  })
})
