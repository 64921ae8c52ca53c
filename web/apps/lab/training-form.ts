// Where a run begins: the text, the model, the name; what it would do, said beforehand; settings folded away.

import { html, LitElement, nothing, type PropertyValues } from 'lit'
import { errorCode } from '#core/errors.ts'
import type { ModelEstimate, ModelState, NodeApi, NodeState } from '../../../worker/node/api.ts'
import type { TrainingPreview } from '../../../worker/node/lab-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderGpuProblem, renderProblem, type Problem } from '../../ui/error-words.ts'
import { formatBytes } from '../../ui/format.ts'
import { isAtHand } from '../../ui/model-choice.ts'
import { TRAINING_ENDINGS } from '../../ui/sort-files.ts'
import { choiceField, fieldStyles, textField } from './fields.ts'
import './file-drop.ts'
import { modelOptions } from './model-options.ts'
import './privacy-settings.ts'
import { trainingFormStyles } from './training-form-styles.ts'
import './training-settings.ts'
import {
  defaultValues,
  findProblems,
  nameFor,
  stepsFor,
  trainingRequest,
  type TrainingValues,
} from './training-values.ts'
import { describePreview } from './training-words.ts'
import { trainingWords } from './words/training.ts'

const PREVIEW_AFTER_MS = 400

export class TrainingForm extends LitElement {
  static readonly tag = 'training-form'

  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    files: { state: true },
    modelId: { state: true },
    name: { state: true },
    values: { state: true },
    estimate: { state: true },
    preview: { state: true },
    problem: { state: true },
    modelProblem: { state: true },
    starting: { state: true },
  }

  static override styles = [baseStyles, fieldStyles, trainingFormStyles]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare files: readonly File[]
  declare modelId: string
  /** As typed; empty follows the files. */
  declare name: string
  declare values: TrainingValues | null
  declare estimate: ModelEstimate | null
  declare preview: TrainingPreview | null
  declare problem: Problem | null
  declare modelProblem: Problem | null
  declare starting: boolean
  #valuesFor = ''
  #estimateFor = ''
  #previewTimer: ReturnType<typeof setTimeout> | undefined
  #asked = 0
  /** Whether a person chose the number of steps; else it follows the length of the text. */
  #stepsChosen = false

  constructor() {
    super()
    this.api = null
    this.state = null
    this.files = []
    this.modelId = ''
    this.name = ''
    this.values = null
    this.estimate = null
    this.preview = null
    this.problem = null
    this.modelProblem = null
    this.starting = false
  }

  override disconnectedCallback(): void {
    clearTimeout(this.#previewTimer)
    super.disconnectedCallback()
  }

  /** Adds texts to learn from; one of a name that is there already takes its place. */
  addFiles(files: readonly File[]): void {
    const names = new Set(files.map((file) => file.name))
    this.files = [...this.files.filter((file) => !names.has(file.name)), ...files]
    if (this.model) void this.readHeaders(this.model)
  }

  private get model(): ModelState | undefined {
    const models = this.state?.models ?? []
    return (
      models.find((model) => model.id === this.modelId) ??
      models.find((model) => model.origin === 'built-in') ??
      models[0]
    )
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const { model } = this
    if (model?.config && this.#valuesFor !== model.id) {
      this.#valuesFor = model.id
      this.#stepsChosen = false
      const kept = this.values && { licence: this.values.licence, privacy: this.values.privacy }
      this.values = { ...defaultValues(model.config), ...kept }
    }
    if (changed.has('files') || changed.has('values') || changed.has('modelId')) this.schedulePreview()
  }

  override render() {
    const { state, model } = this
    if (!state || !model) return nothing
    const words = trainingWords().form
    const problems = model.config && this.values ? findProblems(model.config, this.values) : {}
    const wrong = Object.keys(problems).length > 0
    const noGpu = state.gpu.kind === 'none'
    const ready = this.files.length > 0 && this.preview !== null && !wrong && !noGpu && !this.starting
    return html`<form @submit=${(event: Event) => this.start(event)} novalidate>
      <file-drop
        label=${words.text}
        accept=${TRAINING_ENDINGS.join(',')}
        words=${words.dropHere}
        .files=${this.files}
        .problem=${this.fileProblem()}
        @add-files=${(event: CustomEvent<readonly File[]>) => this.addFiles(event.detail)}
        @remove-file=${(event: CustomEvent<File>) => (this.files = this.files.filter((file) => file !== event.detail))}
      ></file-drop>
      <div class="pair">
        ${choiceField({
          label: words.model,
          value: model.id,
          options: modelOptions(state),
          onChange: (id) => this.choose(id),
        })}
        ${textField({
          label: words.name,
          value: this.name,
          placeholder: nameFor(this.files) || words.afterFile,
          onChange: (name) => (this.name = name),
        })}
      </div>
      ${this.modelProblem ? html`<p class="problem" role="alert">${renderProblem(this.modelProblem)}</p>` : nothing}
      <details @toggle=${() => this.readHeaders(model)}>
        <summary>${words.settings}</summary>
        ${this.renderSettings(
          model,
          html`<training-settings
            .config=${model.config}
            .values=${this.values}
            .problems=${problems}
          ></training-settings>`,
        )}
      </details>
      <details @toggle=${() => this.readHeaders(model)}>
        <summary>
          ${words.private}${this.values?.privacy ? html` <span class="soft">· ${words.on}</span>` : nothing}
        </summary>
        ${this.renderSettings(
          model,
          html`<privacy-settings .values=${this.values} .problems=${problems}></privacy-settings>`,
        )}
      </details>
      ${this.renderAnswer(model, wrong)}
      ${
        state.gpu.kind === 'none'
          ? html`<div class="problem">
              <p>${words.needsGpu}</p>
              ${renderGpuProblem(state.gpu)}
            </div>`
          : nothing
      }
      <div class="row">
        <button class="primary" ?disabled=${!ready}>${this.starting ? words.starting : words.start}</button>
        ${this.files.length === 0 ? html`<span class="small soft">${words.addText}</span>` : nothing}
      </div>
    </form>`
  }

  private renderSettings(model: ModelState, settings: unknown) {
    if (model.config) {
      return html`<div
        class="folded"
        @change-values=${(event: CustomEvent<Partial<TrainingValues>>) => this.change(event.detail)}
      >
        ${settings}
      </div>`
    }
    return html`<p class="soft small folded">
      ${this.modelProblem ? trainingWords().form.nothingToSet : trainingWords().form.readingModel(model.title)}
    </p>`
  }

  /** What the node says to all this. */
  private renderAnswer(model: ModelState, wrong: boolean) {
    if (this.files.length === 0) return nothing
    const general = this.fileProblem() === null ? this.problem : null
    const words = trainingWords().form
    return html`<div class="answer" aria-live="polite">
      ${
        wrong
          ? html`<p class="problem">${words.marked}</p>`
          : general
            ? html`<p class="problem">${renderProblem(general)}</p>`
            : this.preview && this.values
              ? describePreview(this.preview, this.values)
              : this.problem || this.modelProblem
                ? nothing
                : html`<p class="soft">${words.readingText}</p>`
      }
      ${
        this.preview && this.estimate && this.estimate.fetchBytes > 0 && !isAtHand(model)
          ? html`<p>
              ${words.beforeStart(model.title)}
              <strong class="figure">${formatBytes(this.estimate.fetchBytes)}</strong>.
            </p>`
          : nothing
      }
    </div>`
  }

  /** The refused file, where it is one's fault. */
  private fileProblem(): (Problem & { readonly name: string }) | null {
    const { problem } = this
    const file = this.files.find(
      ({ name }) => problem && [`${name}:`, `${name},`].some((start) => problem.message.startsWith(start)),
    )
    return file && problem ? { ...problem, name: file.name } : null
  }

  private choose(modelId: string): void {
    this.modelId = modelId
    this.preview = null
    const { model } = this
    if (model) void this.readHeaders(model)
  }

  private change(values: Partial<TrainingValues>): void {
    this.#stepsChosen ||= values.steps !== undefined
    if (this.values) this.values = { ...this.values, ...values }
  }

  /** Learns what the model is made of, and what is missing of it here. */
  private async readHeaders(model: ModelState): Promise<void> {
    if (!this.api || this.#estimateFor === model.id) return
    this.#estimateFor = model.id
    this.estimate = null
    this.modelProblem = null
    try {
      const estimate = await this.api.estimateModel(model.id)
      if (this.#estimateFor === model.id) this.estimate = estimate
    } catch (error) {
      if (this.#estimateFor !== model.id) return
      this.#estimateFor = ''
      this.modelProblem = problemOf(error)
    }
  }

  private schedulePreview(): void {
    clearTimeout(this.#previewTimer)
    this.#asked++
    if (this.files.length === 0) {
      this.preview = null
      this.problem = null
      return
    }
    this.#previewTimer = setTimeout(() => void this.askPreview(this.#asked), PREVIEW_AFTER_MS)
  }

  private async askPreview(asked: number): Promise<void> {
    const { api, model, values } = this
    if (!api || !model?.config || !values || Object.keys(findProblems(model.config, values)).length > 0) return
    try {
      const preview = await api.previewTraining(this.request(model, values))
      if (asked !== this.#asked) return
      this.preview = preview
      this.problem = null
      const steps = stepsFor(model.config, values, preview.sequences)
      if (!this.#stepsChosen && steps !== values.steps) this.values = { ...values, steps }
    } catch (error) {
      if (asked !== this.#asked) return
      this.preview = null
      this.problem = problemOf(error)
    }
  }

  private request(model: ModelState, values: TrainingValues) {
    return trainingRequest(model.id, this.name.trim() || nameFor(this.files), this.files, values)
  }

  private async start(event: Event): Promise<void> {
    event.preventDefault()
    const { api, model, values } = this
    if (!api || !model || !values || !this.preview || this.starting) return
    this.starting = true
    try {
      await api.startTraining(this.request(model, values))
      this.files = []
      this.name = ''
      this.#stepsChosen = false
      this.#estimateFor = ''
      this.dispatchEvent(new CustomEvent('run-started', { bubbles: true, composed: true }))
    } catch (error) {
      if (errorCode(error) !== 'CANCELLED') this.problem = problemOf(error)
    }
    this.starting = false
  }
}

customElements.define(TrainingForm.tag, TrainingForm)
