// What the study found, as Markdown: a table for each run, the law of peers, and the verdict. What was not run is said to be so.

import type { Experiment } from '#core/experiments/experiment.ts'
import type { MeanInterval } from '#core/experiments/interval.ts'
import { lossAt } from '#core/experiments/law.ts'
import { growthOf, isComplete, judgeStudy, summariesOf, type StudyRun } from '#core/experiments/verdict.ts'

const isPair = ({ name }: Experiment) => name.startsWith('pair-')
const isPeers = ({ name }: Experiment) => name.startsWith('peers-')

export function describeStudy(study: readonly Experiment[], runs: readonly StudyRun[]): string[] {
  const known = runs.filter(({ experiment }) => study.some(({ name }) => name === experiment.name))
  const of = (filter: (experiment: Experiment) => boolean) => known.filter(({ experiment }) => filter(experiment))
  return [
    ...of((experiment) => !isPair(experiment) && !isPeers(experiment)).flatMap(describeRun),
    ...describePairs(of(isPair)),
    ...describeGrowth(of(isPeers)),
    ...describeVerdict(study, known),
  ]
}

function describeRun(run: StudyRun): string[] {
  const { experiment, cells } = run
  return [
    `**${experiment.title}** (\`${experiment.name}\`, ${size(experiment)}${
      isComplete(run) ? '' : `; ${cells.length} of ${experiment.seeds.length * experiment.arms.length} cells`
    })`,
    '',
    '| arm | generalist Δ | beside own only | of the gap to joint | honest offers taken | planted |',
    '|---|---|---|---|---|---|',
    ...summariesOf(run).map(({ arm, generalist, lift, closed, accepted, plantedAccepted }) =>
      row(arm, interval(generalist), interval(lift), share(closed), share(accepted), share(plantedAccepted)),
    ),
    '',
  ]
}

function describePairs(runs: readonly StudyRun[]): string[] {
  if (runs.length === 0) return []
  return [
    '**The protocol on pairs of domains**, generalist Δ beside own training only',
    '',
    '| pair | rounds, steps | lift | joint | of the gap | offers taken |',
    '|---|---|---|---|---|---|',
    ...runs.map((run) => {
      const found = summariesOf(run)
      const joint = found.find(({ arm }) => arm === 'joint')
      const protocol = found.find(({ arm }) => arm === 'protocol')
      return row(
        run.experiment.nodes.map(({ name }) => name).join(', '),
        `${run.experiment.rounds}, ${run.experiment.trainer.steps}`,
        interval(protocol?.lift ?? null),
        interval(joint?.lift ?? null),
        share(protocol?.closed ?? null),
        share(protocol?.accepted ?? null),
      )
    }),
    '',
  ]
}

function describeGrowth(runs: readonly StudyRun[]): string[] {
  const { points, law, floor } = growthOf(runs)
  if (points.length === 0) return []
  const lines = [
    '**The protocol by the number of peers**, held-out loss over all six domains',
    '',
    '| peers | loss | the law |',
    '|---|---|---|',
    ...points.map(({ k, loss }) => row(`${k}`, interval(loss, 4, ''), law ? lossAt(law, k).toFixed(4) : '')),
    '',
  ]
  if (!law) return [...lines, 'The law wants at least three numbers of peers.', '']
  const seeds = floor && floor.low !== null ? `; through each seed's own points L* is ${interval(floor, 3, '')}` : ''
  return [
    ...lines,
    `L = ${law.floor.toFixed(3)} + ${law.gain.toFixed(3)} / (k + ${law.offset.toFixed(2)}), ` +
      `which misses the means by ${law.error.toFixed(4)} nats${seeds}.` +
      (law.isOpen ? ' The points do not say where the curve bends: b lies at the end of what was searched.' : ''),
    '',
  ]
}

function describeVerdict(study: readonly Experiment[], runs: readonly StudyRun[]): string[] {
  const { lifted, halfClosed, honestAccepted, plantedAccepted, succeeded } = judgeStudy(study, runs)
  const names = study.filter(({ name }) => !runs.some((run) => run.experiment.name === name && isComplete(run)))
  return [
    `**Verdict: ${succeeded === null ? 'open' : succeeded ? 'success' : 'not reached'}.** ` +
      `Lifted for sure: ${lifted[0]} of ${lifted[1]} pairs that ran (${lifted[2]} in all); half of the gap closed: ${halfClosed}. ` +
      `Honest offers taken: ${share(honestAccepted) || 'none made'}; planted ones: ${share(plantedAccepted) || 'none made'}.`,
    '',
    ...(names.length === 0 ? [] : [`Not run: ${names.map(({ name }) => `\`${name}\``).join(', ')}.`, '']),
  ]
}

const size = ({ seeds, rounds, trainer, base }: Experiment) =>
  `${seeds.length} seeds, ${rounds} rounds of ${trainer.steps} steps of ${trainer.batch}, ` +
  `${trainer.kind === 'full' ? 'all weights' : `rank ${trainer.rank}`}, ${base === 'random' ? 'a random base' : 'the built-in model'}`

const row = (...columns: readonly string[]) => `| ${columns.join(' | ')} |`

function interval(value: MeanInterval | null, digits = 4, plus = '+'): string {
  if (!value) return ''
  const figure = (number: number) => `${number < 0 ? '−' : plus}${Math.abs(number).toFixed(digits)}`
  const { mean, low, high } = value
  return low === null || high === null ? figure(mean) : `${figure(mean)} [${figure(low)}, ${figure(high)}]`
}

const share = (value: number | null) => (value === null ? '' : `${(100 * value).toFixed(0)} %`.replace('-', '−'))
