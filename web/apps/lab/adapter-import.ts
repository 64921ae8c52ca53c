// Takes in an adapter that was made elsewhere: a zip, or the two files of a PEFT folder, for a chosen model.

import { css, html, LitElement, nothing } from 'lit'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { choiceField, fieldStyles } from './fields.ts'
import './file-drop.ts'
import { modelOptions } from './model-options.ts'
import { labWords } from './words/lab-words.ts'

export class AdapterImport extends LitElement {
  static readonly tag = 'adapter-import'

  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    files: { state: true },
    modelId: { state: true },
    open: { state: true },
    problem: { state: true },
    done: { state: true },
    busy: { state: true },
  }

  static override styles = [
    baseStyles,
    fieldStyles,
    css`
      :host {
        display: block;
      }
      form {
        padding: 8px 0 16px;
      }
      form > * + * {
        margin-top: 12px;
      }
      .field {
        max-width: 24rem;
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare files: readonly File[]
  declare modelId: string
  declare open: boolean
  declare problem: Problem | null
  declare done: string
  declare busy: boolean

  constructor() {
    super()
    this.api = null
    this.state = null
    this.files = []
    this.modelId = ''
    this.open = false
    this.problem = null
    this.done = ''
    this.busy = false
  }

  /** Shows what was dropped, so that its model can be chosen. */
  addFiles(files: readonly File[]): void {
    const names = new Set(files.map((file) => file.name))
    this.files = [...this.files.filter((file) => !names.has(file.name)), ...files]
    this.open = true
    this.problem = null
    this.done = ''
  }

  override render() {
    const { state } = this
    if (!state) return nothing
    const model =
      state.models.find((one) => one.id === this.modelId) ??
      state.models.find((one) => one.id === state.placement?.modelId) ??
      state.models.find((one) => one.origin === 'built-in') ??
      state.models[0]
    if (!model) return nothing
    return html`<details
        ?open=${this.open}
        @toggle=${(event: Event) => (this.open = (event.target as HTMLDetailsElement).open)}
      >
        <summary>${labWords().import.title}</summary>
        <form @submit=${(event: Event) => this.take(event, model.id)}>
          <file-drop
            label=${labWords().import.label}
            accept=".zip,.json,.safetensors"
            words=${labWords().import.drop}
            .files=${this.files}
            @add-files=${(event: CustomEvent<readonly File[]>) => this.addFiles(event.detail)}
            @remove-file=${(event: CustomEvent<File>) => (this.files = this.files.filter((file) => file !== event.detail))}
          ></file-drop>
          ${choiceField({
            label: labWords().import.madeFor,
            value: model.id,
            options: modelOptions(state),
            onChange: (id) => (this.modelId = id),
          })}
          ${this.problem ? html`<p class="problem" role="alert">${renderProblem(this.problem)}</p>` : nothing}
          <button ?disabled=${this.files.length === 0 || this.busy}>
            ${this.busy ? labWords().import.importing : labWords().import.import}
          </button>
        </form>
      </details>
      <p class="small soft" role="status">${this.done}</p>`
  }

  private async take(event: Event, modelId: string): Promise<void> {
    event.preventDefault()
    if (!this.api || this.busy) return
    this.busy = true
    this.problem = null
    try {
      const names = this.files.map((file) => file.name)
      await this.api.importGenome(modelId, this.files, names)
      this.done = labWords().import.done(names)
      this.files = []
      this.open = false
    } catch (error) {
      this.problem = problemOf(error)
    }
    this.busy = false
  }
}

customElements.define(AdapterImport.tag, AdapterImport)
