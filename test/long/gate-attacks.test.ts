// The attack suite on the toy: honest and hostile adapters that the project's trainer made, ten seeds of every kind of attack,
// each judged by all ten layers of the gate. What the figures mean, and which attackers win: docs/gate.md.

import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { describeSuite, runSuite, summarise, type AttackSummary } from '../gate/suite.ts'
import { createToyEngine, readToyWeights } from '../gate/toy-engine.ts'
import type { Attack } from '../gate/trial.ts'

interface Golden {
  readonly cases: readonly { readonly tokens: readonly number[]; readonly lastLogits: readonly number[] }[]
}

const SEEDS = Array.from({ length: 10 }, (_, seed) => seed)
/** Least part that is not let in. One that lies among the honest, and one who knows the gate, are let in: docs/gate.md. */
const RECALL: Readonly<Record<Attack, number>> = {
  'sign-flip': 0.9,
  scaling: 0.9,
  'a-little-is-enough': 0,
  'inner-product': 0.9,
  'min-max': 0.9,
  'label-flip': 0.9,
  'trigger-word': 0.8,
  'semantic-trigger': 0.7,
  'merge-activated': 0.9,
  'sybil-clones': 0.9,
  'free-rider': 0.8,
  'lineage-theft': 0.9,
  adaptive: 0,
}

test('the forward pass that judges gives the logits of transformers', async () => {
  const { cases } = JSON.parse(await readFile(new URL('../vectors/toy/golden.json', import.meta.url), 'utf8')) as Golden
  const model = createToyEngine(await readToyWeights()).load([])
  for (const [i, logs] of model.next(cases.map(({ tokens }) => Uint32Array.from(tokens))).entries()) {
    const logits = cases[i]?.lastLogits ?? []
    const most = Math.max(...logits)
    const total = most + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0))
    const worst = Math.max(...logits.map((logit, token) => Math.abs(logit - total - (logs[token] as number))))
    expect(worst).toBeLessThan(5e-5)
  }
})

test('ten seeds of thirteen kinds of attack, and of honest genomes', async () => {
  const result = await runSuite(SEEDS)
  const summary = summarise(result)
  console.log(describeSuite(summary))
  const of = (attack: Attack) => summary.attacks.find((each) => each.attack === attack) as AttackSummary

  // Nothing was passed over: whoever was neither let in nor refused was judged by all ten layers, and the last could not tell.
  const open = result.verdicts.filter(({ accepted, refusedBy }) => !accepted && refusedBy === null)
  expect(open.filter(({ code }) => code !== 'UNDECIDED')).toEqual([])
  expect(summary.attacks.map(({ trials }) => trials)).toEqual(summary.attacks.map(() => SEEDS.length))
  const missed = summary.attacks.filter(({ attack, recall }) => recall < RECALL[attack])
  expect(missed.map(({ attack, recall }) => `${attack} ${recall}`)).toEqual([])

  expect(summary.honest.judged).toBeGreaterThanOrEqual(35)
  expect(summary.honest.accepted / summary.honest.judged).toBeGreaterThanOrEqual(0.85)
  // The last layer alone refuses honest genomes, or cannot tell: no other takes one for an attack.
  const others = Object.keys(summary.honest.refusals).filter((name) => !/^(fitness|open UNDECIDED)/.test(name))
  expect(others).toEqual([])
  expect(summary.honest.refused / summary.honest.judged).toBeLessThanOrEqual(0.05)

  // With a fifth of the peers hostile, in nats a byte of text that nobody was trained on.
  for (const { attack, harmWithGate } of summary.attacks)
    expect({ attack, harm: harmWithGate < 0.02 }).toEqual({ attack, harm: true })
  // And the attacks are real: without a gate they do what they are said to do.
  for (const attack of ['scaling', 'inner-product', 'label-flip', 'merge-activated'] as const) {
    expect(of(attack).harmWithoutGate).toBeGreaterThan(0.05)
  }
  for (const attack of ['scaling', 'merge-activated'] as const) {
    expect(of(attack).success?.withoutGate).toBeGreaterThan(0.2)
    expect(of(attack).success?.withGate).toBeLessThan(0.01)
  }
})
