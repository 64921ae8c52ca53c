// Where genomes are merged: which, how, a picture of what goes into what, and what the node says to it beforehand.

import { html, LitElement, nothing, type PropertyValues } from 'lit'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import type { GenomeState, MergePreview, MergeProgress } from '../../../worker/node/lab-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { formatBytes, formatId } from '../../ui/format.ts'
import '../../ui/copy-button.ts'
import '../../ui/progress-bar.ts'
import { choiceField, fieldStyles, numberField, textField, tickField } from './fields.ts'
import { describeOrigin, licenceWords, operatorTitle } from './genome-words.ts'
import './merge-flow.ts'
import { mergeFormStyles } from './merge-form-styles.ts'
import { noteOn, operatorChoices } from './merge-notes.ts'
import './merge-parameters.ts'
import { pictureOf } from './merge-picture.ts'
import {
  allInputs,
  chosenBounds,
  FIRST_VALUES,
  mergeInputs,
  mergeLicence,
  mergeName,
  mergeRequest,
  missingParameters,
  reasonAgainst,
  type MergeInputs,
  type MergeValues,
} from './merge-values.ts'
import { LICENCES } from './training-values.ts'
import { exchangeWords } from './words/lab-words.ts'

const PREVIEW_AFTER_MS = 300

export class MergeForm extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    values: { state: true },
    preview: { state: true },
    problem: { state: true },
    merging: { state: true },
    done: { state: true },
  }

  static override styles = [baseStyles, fieldStyles, mergeFormStyles]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare values: MergeValues
  declare preview: MergePreview | null
  declare problem: Problem | null
  declare merging: boolean
  declare done: string
  #timer: ReturnType<typeof setTimeout> | undefined
  #asked = 0
  #known = ''

  constructor() {
    super()
    this.api = null
    this.state = null
    this.values = FIRST_VALUES
    this.preview = null
    this.problem = null
    this.merging = false
    this.done = ''
  }

  override disconnectedCallback(): void {
    clearTimeout(this.#timer)
    super.disconnectedCallback()
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const ids = this.state?.genomes.map((genome) => genome.id).join() ?? ''
    if (ids !== this.#known) {
      this.#known = ids
      const left = this.values.chosen.filter((id) => ids.includes(id))
      const base = ids.includes(this.values.base) ? this.values.base : ''
      this.values = { ...this.values, chosen: left, base }
    }
    if (changed.has('values')) this.schedulePreview()
  }

  override render() {
    const genomes = this.state?.genomes ?? []
    if (genomes.length < 2) {
      return html`<p class="soft">${exchangeWords().merge.tooFew(genomes.length)}</p>`
    }
    const inputs = mergeInputs(this.values, genomes)
    const ready = this.enough(inputs)
    return html`<form @submit=${(event: Event) => this.merge(event)} novalidate>
        ${this.renderChoice(genomes, inputs)} ${this.renderOperator(inputs)}
        ${ready ? this.renderRest(inputs, genomes) : nothing}
      </form>
      <div class="outcome">
        ${
          ready
            ? html`<merge-flow .picture=${pictureOf(this.values, inputs, this.preview)}></merge-flow>`
            : html`<p class="soft">${exchangeWords().merge.pictureHere}</p>`
        }
        ${ready ? this.renderAnswer(inputs) : nothing} ${this.renderProgress()}
        <p class="small" role="status">${this.done}</p>
      </div>`
  }

  private enough({ operator, base, parents }: MergeInputs): boolean {
    const bounds = chosenBounds(operator)
    const count = parents.length + (operator.base === 'endpoint' && base ? 1 : 0)
    return count >= bounds.min && count <= bounds.max
  }

  private renderChoice(genomes: readonly GenomeState[], inputs: MergeInputs) {
    const { operator } = inputs
    const { min, max } = chosenBounds(operator)
    const chosen = this.values.chosen.flatMap((id) => genomes.find((genome) => genome.id === id) ?? [])
    const words = exchangeWords().merge
    return html`<fieldset>
      <legend>${words.choose(min, max)}</legend>
      ${genomes.map((genome) => {
        const checked = this.values.chosen.includes(genome.id)
        const place = this.values.chosen.indexOf(genome.id) + 1
        const against = checked
          ? null
          : (reasonAgainst(genome, chosen) ?? (chosen.length >= max ? words.takes(operator.name, max) : null))
        return tickField({
          label: html`${genome.name}${checked && operator.base === 'endpoint' ? html` <span class="soft">${place === 1 ? words.oneEnd : words.otherEnd}</span>` : nothing}`,
          hint: against ?? describeOrigin(genome),
          checked,
          disabled: against !== null,
          onChange: (on) => this.pick(genome.id, on),
        })
      })}
      ${
        operator.base === 'endpoint' && chosen.length === 2
          ? html`<button
              type="button"
              class="plain swap"
              @click=${() => this.set({ chosen: [...this.values.chosen].reverse() })}
            >
              ${words.swap}
            </button>`
          : nothing
      }
    </fieldset>`
  }

  private hasGuests(inputs: MergeInputs): boolean {
    const fetched = this.state?.arrivals.filter(({ kind }) => kind === 'fetched').map(({ id }) => id) ?? []
    return allInputs(inputs).some(({ id }) => fetched.includes(id))
  }

  private renderOperator({ operator }: MergeInputs) {
    const note = noteOn(operator.name)
    return html`<div class="operator">
      ${choiceField({
        label: exchangeWords().merge.operator,
        value: operator.name,
        options: operatorChoices(),
        onChange: (name) => this.set({ operator: name, shared: {}, byParent: {} }),
      })}
      <p class="small note ${note.exact ? '' : 'inexact'}">
        ${note.words}
        <a href=${operator.source} target="_blank" rel="noopener noreferrer">${exchangeWords().merge.source}</a>
      </p>
    </div>`
  }

  private renderRest(inputs: MergeInputs, genomes: readonly GenomeState[]) {
    const { values } = this
    const { operator } = inputs
    const takesBase = operator.base === 'origin' || operator.base === 'optional'
    const bases = genomes.filter((genome) => reasonAgainst(genome, inputs.parents) === null)
    const random = operator.random
    const words = exchangeWords().merge
    return html`<merge-parameters
        .inputs=${inputs}
        .values=${values}
        @change-merge=${(event: CustomEvent<Partial<MergeValues>>) => this.set(event.detail)}
      ></merge-parameters>
      <div class="fields rest">
        ${
          takesBase
            ? choiceField({
                label: operator.base === 'origin' ? words.origin : words.base,
                value: values.base,
                options: [
                  { value: '', label: operator.base === 'origin' ? words.noUpdate : words.none },
                  ...bases.map((genome) => ({ value: genome.id, label: genome.name })),
                ],
                hint: words.baseHint,
                onChange: (base) => this.set({ base }),
              })
            : nothing
        }
        ${numberField({
          label: words.rank,
          value: values.rank,
          min: 1,
          step: 1,
          hint: words.rankHint,
          onChange: (rank) => this.set({ rank }),
        })}
        ${
          random
            ? numberField({
                label: words.seed,
                value: values.seed,
                min: 0,
                step: 1,
                hint: words.seedHint,
                onChange: (seed) => this.set({ seed: Number.isNaN(seed) ? 0 : seed }),
              })
            : nothing
        }
        ${textField({
          label: words.name,
          value: values.name,
          placeholder: mergeName({ ...values, name: '' }, inputs),
          onChange: (name) => this.set({ name }),
        })}
        ${choiceField({
          label: words.licence,
          value: mergeLicence(values, inputs),
          options: [...new Set([mergeLicence(values, inputs), ...LICENCES])].map((value) => ({
            value,
            label: licenceWords(value),
          })),
          hint: licenceHint(inputs),
          onChange: (licence) => this.set({ licence }),
        })}
      </div>
      ${
        this.hasGuests(inputs)
          ? tickField({
              label: words.uncapped,
              hint: words.uncappedHint,
              checked: values.uncapped,
              onChange: (uncapped) => this.set({ uncapped }),
            })
          : nothing
      }
      <button class="primary" ?disabled=${!this.preview || this.merging || Boolean(this.state?.merge)}>
        ${this.merging ? words.merging : words.merge}
      </button>`
  }

  private renderAnswer(inputs: MergeInputs) {
    const { preview } = this
    const words = exchangeWords().merge
    const [missing] = missingParameters(this.values, inputs)
    if (missing)
      return html`<p class="soft small">
        ${words.give(missing.name, exchangeWords().parameterMeaning(missing.meaning))}
      </p>`
    if (this.problem) return html`<p class="problem" role="alert">${renderProblem(this.problem)}</p>`
    if (!preview) return html`<p class="soft small">${words.checking}</p>`
    return html`<dl aria-live="polite">
        <div>
          <dt>${words.rank}</dt>
          <dd class="figure">${preview.rank}</dd>
        </div>
        <div>
          <dt>${words.modules}</dt>
          <dd class="figure">${preview.modules}</dd>
        </div>
        <div>
          <dt>${words.size}</dt>
          <dd class="figure">${formatBytes(preview.genomeBytes)}</dd>
        </div>
        <div>
          <dt>${words.mergeId}</dt>
          <dd>
            <span class="mono figure">${formatId(preview.mergeId)}</span
            ><copy-button label=${words.copy} .text=${preview.mergeId}></copy-button>
          </dd>
        </div>
      </dl>
      <p class="small soft">${words.same(preview.random)}</p>`
  }

  private renderProgress() {
    const merge: MergeProgress | null = this.state?.merge ?? null
    if (!merge) return nothing
    return html`<progress-bar
      label=${exchangeWords().merge.progress(merge.name, operatorTitle(merge.operator))}
      .value=${merge.progress}
      .secondsLeft=${undefined}
    ></progress-bar>`
  }

  private pick(id: string, on: boolean): void {
    const { chosen } = this.values
    this.set({ chosen: on ? [...chosen, id] : chosen.filter((one) => one !== id) })
  }

  private set(change: Partial<MergeValues>): void {
    this.values = { ...this.values, ...change }
    this.done = ''
  }

  private schedulePreview(): void {
    clearTimeout(this.#timer)
    const asked = ++this.#asked
    const inputs = mergeInputs(this.values, this.state?.genomes ?? [])
    if (!this.enough(inputs) || missingParameters(this.values, inputs).length > 0) {
      this.preview = null
      this.problem = null
      return
    }
    this.#timer = setTimeout(() => void this.askPreview(asked, inputs), PREVIEW_AFTER_MS)
  }

  private async askPreview(asked: number, inputs: MergeInputs): Promise<void> {
    let preview: MergePreview | null = null
    let problem: Problem | null = null
    try {
      preview = (await this.api?.previewMerge(mergeRequest(this.values, inputs))) ?? null
    } catch (error) {
      problem = problemOf(error)
    }
    if (asked !== this.#asked) return
    this.preview = preview
    this.problem = problem
  }

  private async merge(event: Event): Promise<void> {
    event.preventDefault()
    const inputs = mergeInputs(this.values, this.state?.genomes ?? [])
    if (!this.api || !this.preview || this.merging) return
    this.merging = true
    this.problem = null
    try {
      const request = mergeRequest(this.values, inputs)
      await this.api.mergeGenomes(request)
      this.values = { ...this.values, name: '', chosen: [] }
      this.done = exchangeWords().merge.done(request.name)
    } catch (error) {
      this.problem = problemOf(error)
    }
    this.merging = false
  }
}

function licenceHint(inputs: MergeInputs): string {
  const licences = new Set(allInputs(inputs).map((genome) => genome.licence))
  return licences.size > 1 ? exchangeWords().merge.licencesDiffer : ''
}

customElements.define('merge-form', MergeForm)
