// Figures of experiments as people read them, and the names of arms and experiments in the language of the page.

import { formatNumber } from '../../ui/format.ts'
import { locale } from '../../ui/language.ts'
import { ownDomain, type Experiment } from '#core/experiments/experiment.ts'
import type { MeanInterval } from '#core/experiments/interval.ts'
import { findPublished } from '#core/experiments/published.ts'
import type { Measure } from '#core/experiments/report.ts'
import { STUDY } from '#core/experiments/study.ts'
import { experimentWords } from './words/lab-words.ts'

export function formatMeasure(value: number, measure: Measure): string {
  if (measure === 'accepted') {
    const percent = (100 * value).toLocaleString(locale(), { minimumFractionDigits: 1, maximumFractionDigits: 1 })
    return `${percent} %`
  }
  const size = Math.abs(value).toLocaleString(locale(), { minimumFractionDigits: 4, maximumFractionDigits: 4 })
  return `${value < 0 ? '−' : '+'}${size}`
}

export function formatInterval({ low, high }: MeanInterval, measure: Measure): string {
  if (low === null || high === null) return experimentWords().oneSeed
  return `[${formatMeasure(low, measure)}, ${formatMeasure(high, measure)}]`
}

export const armTitle = (name: string): string => experimentWords().arms[name] ?? name

/** The title in the page's language where it is a known experiment, else as its maker wrote it. */
export function experimentTitle({ name, title, nodes }: Experiment): string {
  const known = findPublished(name)?.experiment ?? STUDY.find((experiment) => experiment.name === name)
  if (known?.title !== title) return title
  const { titles, domains, pairTitle, peersTitle } = experimentWords()
  const [one, other] = nodes
  if (name.startsWith('pair-') && one && other) return pairTitle(domains[ownDomain(one)], domains[ownDomain(other)])
  return name.startsWith('peers-') ? peersTitle(nodes.length) : (titles[name] ?? title)
}

/** What it is about, in a sentence; empty for one of somebody's own. */
export function experimentAbout({ name }: Experiment): string {
  const { abouts, pairAbout, peersAbout } = experimentWords()
  return abouts[name] ?? (name.startsWith('pair-') ? pairAbout : name.startsWith('peers-') ? peersAbout : '')
}

/** What differs from the published variant of that name, one phrase each; null where there is none of that name. */
export function changesOf(experiment: Experiment): readonly string[] | null {
  const published = findPublished(experiment.name)?.experiment
  if (!published) return null
  const words = experimentWords()
  const changes: string[] = []
  const note = (label: string, now: unknown, before: unknown, show: string) => {
    if (JSON.stringify(now) !== JSON.stringify(before)) changes.push(`${label}: ${show}`)
  }
  const [mix, mixBefore] = [mixOf(experiment), mixOf(published)]
  note(words.base, experiment.base, published.base, words.bases[experiment.base])
  note(words.seeds, experiment.seeds, published.seeds, String(experiment.seeds.length))
  note(words.rounds, experiment.rounds, published.rounds, String(experiment.rounds))
  note(words.steps, experiment.trainer.steps, published.trainer.steps, String(experiment.trainer.steps))
  note(words.batch, experiment.trainer.batch, published.trainer.batch, String(experiment.trainer.batch))
  note(words.rank, experiment.trainer.rank, published.trainer.rank, String(experiment.trainer.rank))
  const rate = experiment.trainer.learningRate
  note(words.rate, rate, published.trainer.learningRate, formatNumber(rate))
  note(words.heldOut, experiment.heldOut, published.heldOut, String(experiment.heldOut))
  if (mix && mixBefore) {
    note(words.peerWeight, mix.peerWeight, mixBefore.peerWeight, formatNumber(mix.peerWeight))
    note(words.operator, mix.operator, mixBefore.operator, words.operators[mix.operator])
    note(words.judge, mix.gate.judge, mixBefore.gate.judge, words.judges[mix.gate.judge])
  }
  const names = (of: Experiment) => of.arms.map(({ name }) => name)
  note(words.columns.arm, names(experiment), names(published), names(experiment).map(armTitle).join(', '))
  return changes
}

/** The first arm that mixes. */
export function mixOf({ arms }: Experiment) {
  return arms.map(({ exchange }) => exchange).find((exchange) => exchange.kind === 'mix')
}
