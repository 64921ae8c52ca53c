// The form fields of the Lab: a label, a figure or a tick, what it means, and what is wrong with it.

import { css, html, nothing } from 'lit'
import { live } from 'lit/directives/live.js'

export interface NumberField {
  readonly label: string
  readonly value: number
  readonly onChange: (value: number) => void
  readonly min?: number
  readonly max?: number
  readonly step?: number | 'any'
  readonly hint?: unknown
  readonly problem?: string | undefined
}

/** An empty field is NaN: whoever reads it says what is missing. What is being typed stays while the page is drawn anew. */
export function numberField({ label, value, onChange, min, max, step = 'any', hint, problem }: NumberField) {
  return html`<label class="field">
    <span class="label">${label}</span>
    <input
      type="number"
      inputmode="decimal"
      aria-label=${label}
      min=${min ?? nothing}
      max=${max ?? nothing}
      step=${step}
      aria-invalid=${problem ? 'true' : nothing}
      .value=${Number.isNaN(value) ? '' : String(value)}
      @change=${(event: Event) => onChange((event.target as HTMLInputElement).valueAsNumber)}
    />
    ${hint === undefined ? nothing : html`<span class="hint">${hint}</span>`}
    ${problem ? html`<span class="problem">${problem}</span>` : nothing}
  </label>`
}

export interface TickField {
  readonly label: unknown
  readonly checked: boolean
  readonly onChange: (checked: boolean) => void
  readonly hint?: unknown
  readonly disabled?: boolean
}

export function tickField({ label, checked, onChange, hint, disabled = false }: TickField) {
  return html`<label class="tick">
    <input
      type="checkbox"
      ?disabled=${disabled}
      .checked=${live(checked)}
      @change=${(event: Event) => onChange((event.target as HTMLInputElement).checked)}
    />
    <span>${label}${hint === undefined ? nothing : html` <span class="hint">${hint}</span>`}</span>
  </label>`
}

export interface TextField {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
  readonly list?: string
  readonly placeholder?: string
  readonly hint?: unknown
}

export function textField({ label, value, onChange, list, placeholder, hint }: TextField) {
  return html`<label class="field">
    <span class="label">${label}</span>
    <input
      type="text"
      autocomplete="off"
      maxlength="120"
      aria-label=${label}
      list=${list ?? nothing}
      placeholder=${placeholder ?? nothing}
      .value=${value}
      @input=${(event: Event) => onChange((event.target as HTMLInputElement).value)}
    />
    ${hint === undefined ? nothing : html`<span class="hint">${hint}</span>`}
  </label>`
}

export interface ChoiceField {
  readonly label: string
  readonly value: string
  readonly options: readonly { readonly value: string; readonly label: string; readonly group?: string }[]
  readonly onChange: (value: string) => void
  readonly hint?: unknown
}

export function choiceField({ label, value, options, onChange, hint }: ChoiceField) {
  const groups = [...new Set(options.map((option) => option.group))]
  const renderOptions = (group: string | undefined) =>
    options
      .filter((option) => option.group === group)
      .map((option) => html`<option value=${option.value} ?selected=${option.value === value}>${option.label}</option>`)
  return html`<label class="field">
    <span class="label">${label}</span>
    <select
      aria-label=${label}
      .value=${live(value)}
      @change=${(event: Event) => onChange((event.target as HTMLSelectElement).value)}
    >
      ${groups.map((group) =>
        group === undefined ? renderOptions(group) : html`<optgroup label=${group}>${renderOptions(group)}</optgroup>`,
      )}
    </select>
    ${hint === undefined ? nothing : html`<span class="hint">${hint}</span>`}
  </label>`
}

export const fieldStyles = css`
  .fields {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(150px, 1fr));
    gap: 16px;
  }
  .field,
  .label {
    display: block;
  }
  .label {
    margin-bottom: 2px;
    font-size: var(--size-small);
    color: var(--ink-soft);
  }
  .hint,
  .problem {
    display: block;
    margin-top: 2px;
    font-size: var(--size-small);
    line-height: 1.45;
  }
  .hint {
    color: var(--ink-soft);
  }
  .field input,
  .field select {
    height: 44px;
  }
  .tick .hint {
    display: inline;
  }
  .problem {
    color: var(--loss);
  }
  .field input[type='number'] {
    font-variant-numeric: tabular-nums;
  }
  input[aria-invalid] {
    border-color: var(--loss);
  }
  .tick {
    display: flex;
    align-items: baseline;
    gap: var(--step);
    min-height: 28px;
    line-height: 1.45;
  }
  .tick input {
    flex: none;
    width: 18px;
    height: 18px;
    min-height: 0;
    margin: 0;
    accent-color: var(--accent);
    transform: translateY(3px);
  }
`
