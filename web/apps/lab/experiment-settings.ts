// What can be changed of a published experiment before it runs.

import { css, html, LitElement, nothing } from 'lit'
import type { Exchange, Experiment } from '#core/experiments/experiment.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { mixOf } from './experiment-figures.ts'
import { choiceField, fieldStyles, numberField, tickField } from './fields.ts'
import { experimentWords } from './words/lab-words.ts'

export class ExperimentSettings extends LitElement {
  static override properties = { experiment: { attribute: false } }

  static override styles = [
    baseStyles,
    fieldStyles,
    css`
      :host {
        display: block;
        padding: 8px 0 16px;
      }
      .fields .wide {
        grid-column: span 2;
      }
      .fields + * {
        margin-top: 12px;
      }
    `,
  ]

  declare experiment: Experiment | null

  constructor() {
    super()
    this.experiment = null
  }

  override render() {
    const { experiment } = this
    if (!experiment) return nothing
    const words = experimentWords()
    const { trainer } = experiment
    const mix = mixOf(experiment)
    const number = (
      label: string,
      value: number,
      set: (value: number) => Partial<Experiment>,
      hint = '',
      step: number | 'any' = 1,
    ) =>
      numberField({
        label,
        value,
        min: 0,
        step,
        hint,
        onChange: (next) => this.set(set(next)),
      })
    const training = (change: Partial<Experiment['trainer']>) => ({ trainer: { ...trainer, ...change } })
    return html`<div class="fields">
        ${html`<div class="wide">
          ${choiceField({
            label: words.base,
            value: experiment.base,
            options: (['built-in', 'random'] as const).map((value) => ({ value, label: words.bases[value] })),
            onChange: (base) => this.set({ base: base as Experiment['base'] }),
          })}
        </div>`}
        ${number(words.seeds, experiment.seeds.length, (count) => ({ seeds: firstSeeds(count) }), words.seedsHint)}
        ${number(words.rounds, experiment.rounds, (rounds) => ({ rounds }), words.roundsHint)}
        ${number(words.steps, trainer.steps, (steps) => training({ steps }), words.stepsHint)}
        ${number(words.batch, trainer.batch, (batch) => training({ batch }), words.batchHint)}
        ${trainer.kind === 'lora' ? number(words.rank, trainer.rank, (rank) => training({ rank })) : nothing}
        ${number(words.rate, trainer.learningRate, (learningRate) => training({ learningRate }), '', 'any')}
        ${
          mix
            ? [
                number(
                  words.peerWeight,
                  mix.peerWeight,
                  (peerWeight) => this.mixing({ peerWeight }),
                  words.peerWeightHint,
                  'any',
                ),
                choiceField({
                  label: words.operator,
                  value: mix.operator,
                  options: (['linear', 'slerp'] as const).map((value) => ({ value, label: words.operators[value] })),
                  onChange: (operator) => this.set(this.mixing({ operator: operator as 'linear' | 'slerp' })),
                }),
                html`<div class="wide">
                  ${choiceField({
                    label: words.judge,
                    value: mix.gate.judge,
                    options: (['generalist', 'own', 'none'] as const).map((value) => ({
                      value,
                      label: words.judges[value],
                    })),
                    onChange: (judge) =>
                      this.set(this.mixing({ gate: { ...mix.gate, judge: judge as typeof mix.gate.judge } })),
                  })}
                </div>`,
              ]
            : nothing
        }
        ${number(words.heldOut, experiment.heldOut, (heldOut) => ({ heldOut }), words.heldOutHint)}
      </div>
      ${tickField({
        label: words.joint,
        hint: words.jointHint,
        checked: experiment.arms.some(({ exchange }) => exchange.kind === 'joint'),
        onChange: (on) => {
          const others = experiment.arms.filter(({ exchange }) => exchange.kind !== 'joint')
          this.set({ arms: on ? [...others, { name: 'joint', exchange: { kind: 'joint' } }] : others })
        },
      })}`
  }

  /** The same change in every arm that mixes. */
  private mixing(change: Partial<Extract<Exchange, { kind: 'mix' }>>): Partial<Experiment> {
    const arms = this.experiment?.arms ?? []
    return {
      arms: arms.map((arm) =>
        arm.exchange.kind === 'mix' ? { ...arm, exchange: { ...arm.exchange, ...change } } : arm,
      ),
    }
  }

  private set(change: Partial<Experiment>): void {
    this.dispatchEvent(new CustomEvent('change-experiment', { detail: change, bubbles: true, composed: true }))
  }
}

/** 1 to `count`; an empty or silly field is told of by the check, not here. */
const firstSeeds = (count: number): number[] =>
  Array.from({ length: Number.isInteger(count) && count > 0 ? Math.min(count, 51) : 0 }, (_, i) => i + 1)

customElements.define('experiment-settings', ExperimentSettings)
