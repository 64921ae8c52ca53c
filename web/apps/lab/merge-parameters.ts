// An operator's parameters: those of the merge, and a column of them for each parent.

import { css, html, LitElement, nothing } from 'lit'
import type { ParameterSpec } from '#core/merge/operator.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { fieldStyles, numberField, tickField } from './fields.ts'
import { parentValue, sharedValue, type MergeInputs, type MergeValues } from './merge-values.ts'
import { exchangeWords } from './words/lab-words.ts'

export class MergeParameters extends LitElement {
  static override properties = { inputs: { attribute: false }, values: { attribute: false } }

  static override styles = [
    baseStyles,
    fieldStyles,
    css`
      :host {
        display: block;
      }
      .scroll {
        overflow-x: auto;
      }
      table {
        width: 100%;
        border-spacing: 0 4px;
        font-size: var(--size-small);
        line-height: 1.4;
      }
      th {
        padding: 0 12px 0 0;
        font-weight: 400;
        text-align: left;
        vertical-align: middle;
        overflow-wrap: anywhere;
      }
      thead th {
        color: var(--ink-soft);
        vertical-align: bottom;
      }
      td {
        min-width: 84px;
        padding: 0 12px 0 0;
      }
      td input[type='number'] {
        min-width: 76px;
        max-width: 140px;
        min-height: 36px;
        padding: 4px 8px;
      }
      .shared {
        margin-top: 16px;
      }
      .ticks {
        margin-top: 12px;
      }
      .meanings {
        margin-top: 4px;
      }
    `,
  ]

  declare inputs: MergeInputs | null
  declare values: MergeValues | null

  constructor() {
    super()
    this.inputs = null
    this.values = null
  }

  override render() {
    const { inputs, values } = this
    if (!inputs || !values) return nothing
    const specs = inputs.operator.parameters
    const shared = specs.filter((spec) => spec.scope === 'shared')
    const figures = shared.filter((spec) => spec.type !== 'boolean')
    const flags = shared.filter((spec) => spec.type === 'boolean')
    return html`${this.renderColumns(
      inputs,
      values,
      specs.filter((spec) => spec.scope === 'parent'),
    )}
    ${
      figures.length > 0
        ? html`<div class="fields shared">${figures.map((spec) => this.renderShared(values, spec))}</div>`
        : nothing
    }
    ${
      flags.length > 0
        ? html`<div class="ticks">
            ${flags.map((spec) =>
              tickField({
                label: html`<span class="mono">${spec.name}</span>`,
                hint: exchangeWords().parameterMeaning(spec.meaning),
                checked: Boolean(sharedValue(values, spec)),
                onChange: (checked) => this.setShared(spec.name, checked),
              }),
            )}
          </div>`
        : nothing
    }`
  }

  private renderShared(values: MergeValues, spec: ParameterSpec) {
    const bounds = {
      ...(spec.min !== undefined && { min: spec.min }),
      ...(spec.max !== undefined && { max: spec.max }),
    }
    return numberField({
      label: spec.name,
      value: Number(sharedValue(values, spec)),
      step: spec.type === 'integer' ? 1 : 'any',
      hint: `${exchangeWords().parameterMeaning(spec.meaning)}${boundsOf(spec)}${spec.default === null ? exchangeWords().merge.needed : ''}`,
      onChange: (value) => this.setShared(spec.name, value),
      ...bounds,
    })
  }

  private renderColumns(inputs: MergeInputs, values: MergeValues, specs: readonly ParameterSpec[]) {
    if (specs.length === 0 || inputs.parents.length === 0) return nothing
    return html`<div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">${exchangeWords().merge.parent}</th>
              ${specs.map((spec) => html`<th scope="col" class="mono">${spec.name}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${inputs.parents.map(
              (parent) =>
                html`<tr>
                  <th scope="row">${parent.name}</th>
                  ${specs.map((spec) => html`<td>${this.renderCell(values, spec, parent.id, parent.name)}</td>`)}
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
      <p class="meanings small soft">
        ${specs.map(
          (spec, index) =>
            html`${index > 0 ? '; ' : nothing}<span class="mono">${spec.name}</span>:
              ${exchangeWords().parameterMeaning(spec.meaning)}${boundsOf(spec)}`,
        )}
      </p>`
  }

  private renderCell(values: MergeValues, spec: ParameterSpec, genomeId: string, name: string) {
    const value = Number(parentValue(values, spec, genomeId))
    return html`<input
      type="number"
      inputmode="decimal"
      step=${spec.type === 'integer' ? 1 : 'any'}
      min=${spec.min ?? nothing}
      max=${spec.max ?? nothing}
      aria-label=${exchangeWords().merge.parameterOf(spec.name, name)}
      .value=${Number.isNaN(value) ? '' : String(value)}
      @change=${(event: Event) => this.setParent(spec.name, genomeId, (event.target as HTMLInputElement).valueAsNumber)}
    />`
  }

  private setShared(name: string, value: number | boolean): void {
    if (this.values) this.tell({ shared: { ...this.values.shared, [name]: value } })
  }

  private setParent(name: string, genomeId: string, value: number): void {
    if (!this.values) return
    const { byParent } = this.values
    this.tell({ byParent: { ...byParent, [name]: { ...byParent[name], [genomeId]: value } } })
  }

  private tell(detail: Partial<MergeValues>): void {
    this.dispatchEvent(new CustomEvent('change-merge', { detail, bubbles: true, composed: true }))
  }
}

function boundsOf({ min, max, type }: ParameterSpec): string {
  if (type === 'boolean') return ''
  const words = exchangeWords().merge
  if (min === undefined) return max === undefined ? '' : words.upTo(max)
  return max === undefined ? words.from(min) : words.between(min, max)
}

customElements.define('merge-parameters', MergeParameters)
