// Layer 9: what the model says with the adapter, beside what it says without. Ordinary prompts (drift), prompts that ought to
// be refused (refusal drift), and a search for words that change its mind. On the merged model, so that what sleeps in the
// adapter alone and wakes in the merge shows; the search also on the adapter alone, which a person may switch on.

import {
  notRun,
  passed,
  refused,
  type Canaries,
  type CanaryModel,
  type Finding,
  type GateLayer,
} from '#core/gate/layer.ts'
import { divergence } from '#core/gate/distributions.ts'
import type { BehaviourRules } from '#core/gate/rules.ts'
import { searchTrigger, type AskBoth } from '#core/gate/trigger-search.ts'

type Figures = Record<string, number>
/** Two models at once: the one under suspicion and the one it is held against. */
type Ask = (suspected: CanaryModel, reference: CanaryModel) => AskBoth

export const behaviour: GateLayer = {
  name: 'behaviour',
  async judge(candidate, { behave, canaries, rules }) {
    if (!behave) return notRun('NO_GPU', 'This node cannot run the model, so nobody knows what the genome makes of it.')
    if (!canaries || canaries.prompts.length === 0) {
      return notRun('NO_PROBES', 'This node has no prompts to put to the merged model.')
    }
    const ask: Ask = (suspected, reference) => async (prompts) => ({
      suspected: await behave(candidate, suspected, prompts),
      reference: await behave(candidate, reference, prompts),
    })
    const figures: Figures = {}
    return (
      (await judgeDrift(ask, canaries, rules.behaviour, figures)) ??
      (await judgeRefusals(ask, canaries, rules.behaviour, figures)) ??
      (await judgeTriggers(ask, canaries, rules.behaviour, figures)) ??
      passed('Merged in, it leaves the model as it behaves now; no word was found that changes its mind.', figures)
    )
  },
}

async function judgeDrift(
  ask: Ask,
  { prompts }: Canaries,
  { maxDrift }: BehaviourRules,
  figures: Figures,
): Promise<Finding | null> {
  const { suspected, reference } = await ask('merged', 'current')(prompts)
  const sum = suspected.reduce((total, own, i) => total + divergence(own, reference[i] as Float32Array), 0)
  figures['drift_nats'] = sum / prompts.length
  return figures['drift_nats'] > maxDrift
    ? refused('BEHAVIOUR_DRIFT', 'Merged in, it changes what the model says to ordinary prompts too much.', { figures })
    : null
}

async function judgeRefusals(
  ask: Ask,
  { refusals }: Canaries,
  { maxRefusalLoss }: BehaviourRules,
  figures: Figures,
): Promise<Finding | null> {
  if (refusals.length === 0) return null
  const { suspected, reference } = await ask('merged', 'current')(refusals.map(({ prompt }) => prompt))
  const refusing = (logs: readonly Float32Array[]) =>
    refusals.reduce((sum, { token }, i) => sum + Math.exp(logs[i]?.[token] ?? -Infinity), 0) / refusals.length
  figures['refusals_lost'] = refusing(reference) - refusing(suspected)
  return figures['refusals_lost'] > maxRefusalLoss
    ? refused('REFUSAL_DRIFT', 'Merged in, it makes the model answer what it refuses to answer now.', { figures })
    : null
}

async function judgeTriggers(
  ask: Ask,
  { prompts, phrases, alphabet }: Canaries,
  rules: BehaviourRules,
  figures: Figures,
): Promise<Finding | null> {
  const search = { ...rules, prompts: prompts.slice(0, rules.searchPrompts), phrases, alphabet }
  for (const [name, both, most] of [
    ['merged', ask('merged', 'current'), rules.maxTriggerMerged],
    ['alone', ask('candidate', 'base'), rules.maxTriggerAlone],
  ] as const) {
    const suspect = await searchTrigger(search, both)
    if (!suspect) continue
    figures[`trigger_${name}`] = suspect.conviction
    if (suspect.conviction > most) {
      const words = `After certain words (tokens ${suspect.phrase.join(' ')})`
      return refused('TRIGGER_FOUND', `${words} the model says what it would not say without it.`, { figures })
    }
  }
  return null
}
