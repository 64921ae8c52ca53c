// Private training: whether, with how much noise, and what that promises in plain words.

import { html, LitElement, nothing } from 'lit'
import type { PrivacyRequest } from '../../../worker/node/lab-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { fieldStyles, numberField, tickField } from './fields.ts'
import { settingsStyles } from './settings-styles.ts'
import { DEFAULT_PRIVACY, type TrainingProblems, type TrainingValues } from './training-values.ts'
import { describeEpsilon } from './training-words.ts'

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
    return html`<p class="soft small">
        The text never leaves this device, but an adapter that you pass on can give away parts of what it was trained
        on. Private training (DP-SGD) limits that: each document’s pull is clipped to one size and drowned in noise, at
        the cost of learning less.
      </p>
      ${tickField({
        label: 'Train privately',
        checked: privacy !== null,
        onChange: (on) => this.set({ privacy: on ? DEFAULT_PRIVACY : null }),
      })}
      ${privacy ? this.renderPrivacy(values, privacy) : nothing}`
  }

  private renderPrivacy(values: TrainingValues, privacy: PrivacyRequest) {
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
        ${number('Noise', 'noiseMultiplier', 'in units of the clip; more promises more')}
        ${number('Clip', 'clipNorm', 'longest gradient of a document')}
        ${number('δ', 'delta', 'chance that the promise fails; far below 1 in all documents')}
        ${number('Budget ε', 'budget', 'training stops before it is passed')}
      </div>
      ${tickField({
        label: 'Freeze A',
        hint: 'train B alone: fewer numbers, so less noise in all. Fits private training best',
        checked: values.freezeA,
        onChange: (freezeA) => this.set({ freezeA }),
      })}
      ${
        privacy.budget > 0 && privacy.delta > 0
          ? html`<p class="small soft">${describeEpsilon(privacy.budget, privacy.delta)}</p>`
          : nothing
      }
      <p class="small soft">
        A document is a file, or a line of a .jsonl. The losses shown while training are not covered: they stay with
        you.
      </p>`
  }

  private set(change: Partial<TrainingValues>): void {
    this.dispatchEvent(new CustomEvent('change-values', { detail: change, bubbles: true, composed: true }))
  }
}

customElements.define('privacy-settings', PrivacySettings)
