// The settings of a run that most people leave alone: the adapter, the steps, and what becomes of the result.

import { html, LitElement, nothing } from 'lit'
import type { ModelConfig } from '#core/formats/model-config.ts'
import { loraScale, targetsOf, type LoraTarget } from '#core/genome/lora-config.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { formatNumber } from '../../ui/format.ts'
import { choiceField, fieldStyles, numberField, tickField } from './fields.ts'
import { licenceWords } from './genome-words.ts'
import { settingsStyles } from './settings-styles.ts'
import { targetWords } from './target-words.ts'
import { LICENCES, type TrainingProblems, type TrainingValues } from './training-values.ts'
import { trainingWords } from './words/training.ts'

export class TrainingSettings extends LitElement {
  static override properties = {
    config: { attribute: false },
    values: { attribute: false },
    problems: { attribute: false },
  }

  static override styles = [baseStyles, fieldStyles, settingsStyles]

  declare config: ModelConfig | null
  declare values: TrainingValues | null
  declare problems: TrainingProblems

  constructor() {
    super()
    this.config = null
    this.values = null
    this.problems = {}
  }

  override render() {
    const { config, values } = this
    if (!config || !values) return nothing
    return html`${this.renderAdapter(config, values)}${this.renderSteps(values)}${this.renderResult(values)}`
  }

  private renderAdapter(config: ModelConfig, values: TrainingValues) {
    const scale = formatNumber(loraScale(values))
    const words = trainingWords().settings
    return html`<fieldset>
      <legend>${words.adapter}</legend>
      <div class="targets" role="group" aria-label=${words.linears}>
        ${targetsOf(config.family).map((target) =>
          tickField({
            label: targetWords(target),
            hint: html`<span class="mono">${target}</span>`,
            checked: values.targets.includes(target),
            onChange: (checked) => this.setTarget(target, checked),
          }),
        )}
      </div>
      <div class="fields">
        ${numberField({
          label: words.rank,
          value: values.rank,
          min: 1,
          max: 512,
          step: 1,
          hint: words.rankHint,
          onChange: (rank) => this.set({ rank }),
        })}
        ${numberField({
          label: words.alpha,
          value: values.alpha,
          min: 0,
          hint: Number.isFinite(loraScale(values)) ? words.alphaHint(scale) : '',
          onChange: (alpha) => this.set({ alpha }),
        })}
        ${numberField({
          label: words.dropout,
          value: values.dropout,
          min: 0,
          max: 0.99,
          hint: words.dropoutHint,
          problem: this.problems.dropout,
          onChange: (dropout) => this.set({ dropout }),
        })}
      </div>
      ${this.problems.lora ? html`<p class="problem" role="alert">${this.problems.lora}</p>` : nothing}
      ${tickField({
        label: words.stabilised,
        hint: words.stabilisedHint,
        checked: values.rankStabilised,
        onChange: (rankStabilised) => this.set({ rankStabilised }),
      })}
    </fieldset>`
  }

  private renderSteps(values: TrainingValues) {
    const words = trainingWords().settings
    const number = (
      label: string,
      field: 'steps' | 'batchSize' | 'sequenceLength' | 'learningRate' | 'seed',
      hint: string,
      whole = true,
    ) =>
      numberField({
        label,
        value: values[field],
        min: 0,
        step: whole ? 1 : 'any',
        hint,
        problem: this.problems[field],
        onChange: (value) => this.set({ [field]: value }),
      })
    return html`<fieldset>
      <legend>${words.steps}</legend>
      <div class="fields">
        ${number(words.steps, 'steps', words.stepsHint)} ${number(words.batch, 'batchSize', words.batchHint)}
        ${number(words.length, 'sequenceLength', words.lengthHint)}
        ${number(words.learningRate, 'learningRate', words.learningRateHint, false)}
        ${numberField({
          label: words.heldOut,
          value: Number((values.heldOutFraction * 100).toPrecision(4)),
          min: 0,
          max: 50,
          hint: words.heldOutHint,
          problem: this.problems.heldOutFraction,
          onChange: (percent) => this.set({ heldOutFraction: percent / 100 }),
        })}
        ${number(words.seed, 'seed', words.seedHint)}
      </div>
    </fieldset>`
  }

  private renderResult(values: TrainingValues) {
    const words = trainingWords().settings
    return html`<fieldset>
      <legend>${words.result}</legend>
      ${choiceField({
        label: words.licence,
        value: values.licence,
        options: LICENCES.map((value) => ({ value, label: licenceWords(value) })),
        hint: words.licenceHint,
        onChange: (licence) => this.set({ licence }),
      })}
    </fieldset>`
  }

  private setTarget(target: LoraTarget, checked: boolean): void {
    if (!this.config || !this.values) return
    const { targets } = this.values
    this.set({
      targets: targetsOf(this.config.family).filter((one) => (one === target ? checked : targets.includes(one))),
    })
  }

  private set(change: Partial<TrainingValues>): void {
    this.dispatchEvent(new CustomEvent('change-values', { detail: change, bubbles: true, composed: true }))
  }
}

customElements.define('training-settings', TrainingSettings)
