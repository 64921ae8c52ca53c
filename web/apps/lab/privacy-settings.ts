// Private training: whether, with how much noise, and what that promises in plain words.

import { html, LitElement, nothing } from 'lit'
import type { PrivacyRequest } from '../../../worker/node/lab-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { fieldStyles, numberField, tickField } from './fields.ts'
import { settingsStyles } from './settings-styles.ts'
import { DEFAULT_PRIVACY, type TrainingProblems, type TrainingValues } from './training-values.ts'
import { describeEpsilon } from './training-words.ts'
import { trainingWords } from './words/training.ts'

export class PrivacySettings extends LitElement {
  static override properties = {
    values: { attribute: false },
    problems: { attribute: false },
  }

  static override styles = [baseStyles, fieldStyles, settingsStyles]

  declare values: TrainingValues | null
  declare problems: TrainingProblems

  constructor() {
    super()
    this.values = null
    this.problems = {}
  }

  override render() {
    const { values } = this
    if (!values) return nothing
    const { privacy } = values
    const words = trainingWords().privacy
    return html`<p class="soft small">${words.what}</p>
      ${tickField({
        label: words.train,
        checked: privacy !== null,
        onChange: (on) => this.set({ privacy: on ? DEFAULT_PRIVACY : null }),
      })}
      ${privacy ? this.renderPrivacy(values, privacy) : nothing}`
  }

  private renderPrivacy(values: TrainingValues, privacy: PrivacyRequest) {
    const words = trainingWords().privacy
    const number = (label: string, field: keyof PrivacyRequest, hint: string) =>
      numberField({
        label,
        value: privacy[field],
        min: 0,
        hint,
        problem: this.problems[field],
        onChange: (value) => this.set({ privacy: { ...privacy, [field]: value } }),
      })
    return html`<div class="fields">
        ${number(words.noise, 'noiseMultiplier', words.noiseHint)} ${number(words.clip, 'clipNorm', words.clipHint)}
        ${number('δ', 'delta', words.deltaHint)} ${number(words.budget, 'budget', words.budgetHint)}
      </div>
      ${tickField({
        label: words.freeze,
        hint: words.freezeHint,
        checked: values.freezeA,
        onChange: (freezeA) => this.set({ freezeA }),
      })}
      ${
        privacy.budget > 0 && privacy.delta > 0
          ? html`<p class="small soft">${describeEpsilon(privacy.budget, privacy.delta)}</p>`
          : nothing
      }
      <p class="small soft">${words.document}</p>`
  }

  private set(change: Partial<TrainingValues>): void {
    this.dispatchEvent(new CustomEvent('change-values', { detail: change, bubbles: true, composed: true }))
  }
}

customElements.define('privacy-settings', PrivacySettings)
