// What a run would do, said before it starts.

import { html, nothing } from 'lit'
import { countOf, formatBytes, formatCount, formatNumber } from '../../ui/format.ts'
import type { TrainingPreview } from '../../../worker/node/lab-api.ts'
import type { TrainingValues } from './training-values.ts'

/** From so many on, what is held out usually gets worse. */
const MANY_PASSES = 20

export function describePreview(preview: TrainingPreview, values: TrainingValues) {
  const { documents, trainTokens, heldOutTokens, sequences, trainableParameters, genomeBytes, privacy } = preview
  const passes = (values.steps * values.batchSize) / Math.max(1, sequences)
  const figure = (text: string) => html`<strong class="figure">${text}</strong>`
  return html`<p>
      ${figure(countOf(documents, 'document'))} with ${figure(`${formatCount(trainTokens)} tokens`)} to learn
      from${
        heldOutTokens > 0
          ? html`, and ${figure(`${formatCount(heldOutTokens)} tokens`)} held out to judge it by`
          : html`, and nothing held out to judge it by`
      }.
      ${
        privacy
          ? nothing
          : html`${figure(countOf(values.steps, 'step'))} go through the text
            ${figure(formatPasses(passes))}${passes > MANY_PASSES ? ': often enough to learn it by heart. Fewer steps do' : ''}.`
      }
    </p>
    <p>
      ${figure(`${formatCount(trainableParameters)} parameters`)} are trained; the model’s own stay as they are. The
      genome takes ${figure(formatBytes(genomeBytes))}.
    </p>
    ${privacy && values.privacy ? html`<p>${describeBudget(privacy, values.steps, values.privacy.budget)}</p>` : nothing}`
}

function describeBudget(privacy: NonNullable<TrainingPreview['privacy']>, steps: number, budget: number) {
  const rate = `${formatNumber(privacy.sampleRate * 100)} %`
  const { affordableSteps: most } = privacy
  return html`A step draws each document with a probability of <strong class="figure">${rate}</strong>. The budget of ε
    ${formatNumber(budget)} allows
    <strong class="figure">${most >= steps ? `all ${countOf(steps, 'step')}` : countOf(most, 'step')}</strong>${
      most >= steps ? '.' : html`: training stops there, of ${steps} wanted. More noise or more documents allow more.`
    }`
}

/** ε as what somebody could learn at most. */
export function describeEpsilon(epsilon: number, delta: number) {
  const odds = Math.exp(epsilon)
  return html`ε ${formatNumber(epsilon)} bounds what the adapter can tell about any one document: whatever somebody
  works out from it, the odds that a certain document was in the text change by a factor of ${formatNumber(odds)} at
  most${odds > 100 ? ', which is little of a promise' : ''}, except with a probability of δ ${formatNumber(delta)}.`
}

function formatPasses(passes: number): string {
  if (passes < 0.995) return `in part (${Math.max(1, Math.round(passes * 100))} %)`
  const times = passes < 10 ? passes.toFixed(1).replace(/\.0$/, '') : String(Math.round(passes))
  return times === '1' ? 'once' : `${times} times`
}
