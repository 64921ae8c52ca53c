// One genome: what it is, whether the chat answers with it, and what can be done with it.

import { html, LitElement, nothing } from 'lit'
import { live } from 'lit/directives/live.js'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import type { ActiveGenome, GenomeState } from '../../../worker/node/lab-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { formatId } from '../../ui/format.ts'
import { isAtHand } from '../../ui/model-choice.ts'
import { saveFile } from '../../ui/save-file.ts'
import '../../ui/confirm-button.ts'
import '../../ui/copy-button.ts'
import { genomeCardStyles } from './genome-card-styles.ts'
import { describeFigures, describeOrigin } from './genome-words.ts'
import { lineageOf } from './merge-picture.ts'
import './merge-flow.ts'
import { targetWords } from './target-words.ts'
import { labWords } from './words/lab-words.ts'

export class GenomeCard extends LitElement {
  static readonly tag = 'genome-card'

  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    genome: { attribute: false },
    problem: { state: true },
    busy: { state: true },
    opened: { state: true },
    wanted: { state: true },
  }

  static override styles = [baseStyles, genomeCardStyles]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare genome: GenomeState | null
  declare problem: Problem | null
  declare busy: boolean
  declare opened: boolean
  /** Where the switch was put, until the node has followed. */
  declare wanted: boolean | null

  constructor() {
    super()
    this.api = null
    this.state = null
    this.genome = null
    this.problem = null
    this.busy = false
    this.opened = false
    this.wanted = null
  }

  override render() {
    const { genome, state } = this
    if (!genome || !state) return nothing
    const on = state.adapters.find((adapter) => adapter.genomeId === genome.id)
    return html`<article aria-label=${genome.name} data-genome=${genome.id}>
      <div class="head">
        <div class="what">
          <h3>${genome.name}</h3>
          <p class="small soft">${describeOrigin(genome)}</p>
        </div>
        ${this.renderSwitch(state, genome, on)}
      </div>
      <p class="small soft figures">${describeFigures(genome).map((words) => html`<span>${words}</span>`)}</p>
      ${this.renderActions(genome)}
      ${this.problem ? html`<p class="loss small" role="alert">${renderProblem(this.problem)}</p>` : nothing}
      ${this.opened ? this.renderDetails(state, genome) : nothing}
    </article>`
  }

  private renderActions(genome: GenomeState) {
    const { name, id } = genome
    const words = labWords().genomes
    return html`<div class="row actions">
      ${
        genome.modelId === null
          ? html`<span class="small soft none">${words.openFirst(genome.baseName || words.itsModel)}</span>`
          : html`<button class="plain" aria-label=${words.chatWith(name)} @click=${() => this.chat(genome)}>
              ${words.chat}
            </button>`
      }
      <button
        class="plain"
        aria-expanded=${this.opened}
        aria-label=${words.moreAbout(name)}
        @click=${() => (this.opened = !this.opened)}
      >
        ${this.opened ? words.less : words.more}
      </button>
      <button
        class="plain"
        ?disabled=${this.busy}
        aria-label=${words.exportOf(name)}
        @click=${() => this.act((api) => exportTo(api, id))}
      >
        ${words.export}
      </button>
      ${this.renderShare(name, id)}
      <confirm-button
        label=${words.remove}
        what=${name}
        question=${words.removeQuestion}
        yes=${words.remove}
        no=${words.keepIt}
        @confirm=${() => this.act((api) => api.removeGenome(id))}
      ></confirm-button>
    </div>`
  }

  private renderShare(name: string, id: string) {
    const shared = this.state?.sharedGenomes.includes(id) ?? false
    return html`<label class="switch share">
      <span class="small" aria-hidden="true">${shared ? labWords().genomes.shared : labWords().genomes.share}</span>
      <input
        type="checkbox"
        role="switch"
        aria-label=${labWords().genomes.shareOf(name)}
        ?disabled=${this.busy}
        .checked=${live(shared)}
        @change=${(event: Event) => {
          const isWanted = (event.target as HTMLInputElement).checked
          void this.act((api) => api.shareGenome(id, isWanted))
        }}
      />
    </label>`
  }

  private renderSwitch(state: NodeState, genome: GenomeState, on: ActiveGenome | undefined) {
    if (genome.modelId === null) return nothing
    // What is on is known of the model in use alone.
    if (state.placement?.modelId !== genome.modelId) return this.renderLoad(state, genome.modelId)
    return html`<div class="on">
      ${
        on
          ? html`<label class="weight">
              <span class="soft small">${labWords().genomes.weight}</span>
              <input
                type="number"
                step="0.1"
                aria-label=${labWords().genomes.weightOf(genome.name)}
                .value=${String(on.weight)}
                @change=${(event: Event) => this.weigh(event.target as HTMLInputElement, on)}
              />
            </label>`
          : nothing
      }
      <label class="switch">
        <span class="small soft" aria-hidden="true">${on ? labWords().genomes.on : labWords().genomes.off}</span>
        <input
          type="checkbox"
          role="switch"
          aria-label=${labWords().genomes.answerWith(genome.name)}
          ?disabled=${this.busy}
          .checked=${live(this.wanted ?? on !== undefined)}
          @change=${(event: Event) => this.turn((event.target as HTMLInputElement).checked)}
        />
      </label>
    </div>`
  }

  private renderLoad(state: NodeState, modelId: string) {
    const model = state.models.find((one) => one.id === modelId)
    if (!model || !isAtHand(model) || state.gpu.kind !== 'ready') return nothing
    return html`<button
      class="plain small"
      ?disabled=${this.busy || model.status !== 'listed'}
      @click=${() => this.act((api) => api.loadModel(modelId))}
    >
      ${model.status === 'listed' && !this.busy ? labWords().genomes.load(model.title) : labWords().genomes.loading}
    </button>`
  }

  private renderDetails(state: NodeState, genome: GenomeState) {
    const { training } = genome
    const words = labWords().genomes
    const row = (term: string, words: unknown) =>
      html`<dt>${term}</dt>
        <dd>${words}</dd>`
    return html`<div class="details small">
      ${genome.parents.length > 0 ? html`<merge-flow .picture=${lineageOf(genome, state.genomes)}></merge-flow>` : nothing}
      <dl>
        ${row(words.changes, genome.targets.map((target) => targetWords(target)).join(', '))}
        ${row(words.alpha, genome.alpha)}
        ${
          training
            ? row(
                words.training,
                words.trainingOf(training.steps, training.batchSize, training.sequenceLength, training.learningRate),
              )
            : nothing
        }
        ${Object.entries(genome.fitness).map(([domain, loss]) => row(words.lossOn(domain), words.nats(loss.toFixed(3))))}
        ${row(words.author, html`<span class="mono figure">${formatId(genome.author)}</span>${genome.author === state.id ? ` ${words.thisNode}` : ''}`)}
        ${row(
          words.id,
          html`<span class="mono figure">${formatId(genome.id)}</span
            ><copy-button label=${words.copy} .text=${genome.id}></copy-button>`,
        )}
      </dl>
    </div>`
  }

  private async turn(on: boolean): Promise<void> {
    const others = this.others()
    this.wanted = on
    await this.set(on ? [...others, { genomeId: this.genome?.id ?? '', weight: 1 }] : others)
    this.wanted = null
  }

  private weigh(input: HTMLInputElement, on: ActiveGenome): void {
    const weight = input.valueAsNumber
    if (!Number.isFinite(weight)) {
      input.value = String(on.weight)
      return
    }
    void this.set((this.state?.adapters ?? []).map((adapter) => (adapter === on ? { ...adapter, weight } : adapter)))
  }

  private others(): readonly ActiveGenome[] {
    return (this.state?.adapters ?? []).filter((adapter) => adapter.genomeId !== this.genome?.id)
  }

  private set(adapters: readonly ActiveGenome[]): Promise<void> {
    const modelId = this.genome?.modelId
    return this.act(async (api) => {
      if (modelId) await api.setAdapters(modelId, adapters)
    })
  }

  private chat(genome: GenomeState): void {
    this.dispatchEvent(new CustomEvent('chat-with', { detail: genome.id, bubbles: true, composed: true }))
  }

  private async act(action: (api: NodeApi) => Promise<unknown>): Promise<void> {
    if (!this.api) return
    this.problem = null
    this.busy = true
    try {
      await action(this.api)
    } catch (error) {
      this.problem = problemOf(error)
    }
    this.busy = false
  }
}

async function exportTo(api: NodeApi, genomeId: string): Promise<void> {
  const { name, bytes } = await api.exportGenome(genomeId)
  saveFile(name, bytes)
}

customElements.define(GenomeCard.tag, GenomeCard)
