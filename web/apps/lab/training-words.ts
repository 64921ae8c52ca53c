// What a run would do, said before it starts.

import { html, nothing } from 'lit'
import { formatBytes, formatCount, formatNumber } from '../../ui/format.ts'
import type { TrainingPreview } from '../../../worker/node/lab-api.ts'
import type { TrainingValues } from './training-values.ts'
import { trainingWords } from './words/training.ts'

/** From so many on, what is held out usually gets worse. */
const MANY_PASSES = 20

export function describePreview(preview: TrainingPreview, values: TrainingValues) {
  const { documents, trainTokens, heldOutTokens, sequences, trainableParameters, genomeBytes, privacy } = preview
  const passes = (values.steps * values.batchSize) / Math.max(1, sequences)
  const figure = (text: string) => html`<strong class="figure">${text}</strong>`
  const words = trainingWords().preview
  return html`<p>
      ${words.learn[0]}${figure(words.documents(documents))}${words.learn[1]}${figure(words.tokens(formatCount(trainTokens)))}${words.learn[2]}${
        heldOutTokens > 0
          ? html`${words.heldOut[0]}${figure(words.tokens(formatCount(heldOutTokens)))}${words.heldOut[1]}`
          : words.nothingHeldOut
      }.
      ${
        privacy
          ? nothing
          : html`${words.passes[0]}${figure(words.steps(values.steps))}${words.passes[1]}${figure(
              formatPasses(passes),
            )}${words.passes[2]}${passes > MANY_PASSES ? words.byHeart : ''}.`
      }
    </p>
    <p>
      ${words.trained[0]}${figure(words.parameters(formatCount(trainableParameters)))}${words.trained[1]}${figure(
        formatBytes(genomeBytes),
      )}${words.trained[2]}
    </p>
    ${privacy && values.privacy ? html`<p>${describeBudget(privacy, values.steps, values.privacy.budget)}</p>` : nothing}`
}

function describeBudget(privacy: NonNullable<TrainingPreview['privacy']>, steps: number, budget: number) {
  const words = trainingWords().preview
  const [draws, allows, end] = words.budget(formatNumber(budget))
  const { affordableSteps: most } = privacy
  const all = most >= steps
  return html`${draws}<strong class="figure">${formatNumber(privacy.sampleRate * 100)} %</strong>${allows}<strong
      class="figure"
      >${all ? words.allSteps(steps) : words.steps(most)}</strong
    >${all ? end : words.stopsThere(steps)}`
}

/** ε as what somebody could learn at most. */
export function describeEpsilon(epsilon: number, delta: number) {
  const odds = Math.exp(epsilon)
  return trainingWords().preview.epsilon(formatNumber(epsilon), formatNumber(odds), odds > 100, formatNumber(delta))
}

function formatPasses(passes: number): string {
  const words = trainingWords().preview
  if (passes < 0.995) return words.inPart(Math.max(1, Math.round(passes * 100)))
  const times = formatNumber(passes < 10 ? Math.round(passes * 10) / 10 : Math.round(passes))
  return times === '1' ? words.once : words.times(times)
}
