// One genome: what it is, whether the chat answers with it, and what can be done with it.

import { html, LitElement, nothing } from 'lit'
import { live } from 'lit/directives/live.js'
import { errorMessage } from '#core/errors.ts'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import type { ActiveGenome, GenomeState } from '../../../worker/node/lab-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { formatId } from '../../ui/format.ts'
import { isAtHand } from '../../ui/model-choice.ts'
import { saveFile } from '../../ui/save-file.ts'
import '../../ui/confirm-button.ts'
import '../../ui/copy-button.ts'
import { genomeCardStyles } from './genome-card-styles.ts'
import { describeFigures, describeOrigin } from './genome-words.ts'
import { lineageOf } from './merge-picture.ts'
import './merge-flow.ts'
import { TARGET_WORDS } from './target-words.ts'

export class GenomeCard extends LitElement {
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
  declare problem: string
  declare busy: boolean
  declare opened: boolean
  /** Where the switch was put, until the node has followed. */
  declare wanted: boolean | null

  constructor() {
    super()
    this.api = null
    this.state = null
    this.genome = null
    this.problem = ''
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
      ${this.problem ? html`<p class="loss small" role="alert">${this.problem}</p>` : nothing}
      ${this.opened ? this.renderDetails(state, genome) : nothing}
    </article>`
  }

  private renderActions(genome: GenomeState) {
    const { name, id } = genome
    return html`<div class="row actions">
      ${
        genome.modelId === null
          ? html`<span class="small soft none">Open ${genome.baseName || 'its model'} in the chat to use it.</span>`
          : html`<button class="plain" aria-label=${`Chat with ${name}`} @click=${() => this.chat(genome)}>
              Chat with it
            </button>`
      }
      <button
        class="plain"
        aria-expanded=${this.opened}
        aria-label=${`More about ${name}`}
        @click=${() => (this.opened = !this.opened)}
      >
        ${this.opened ? 'Less' : 'More'}
      </button>
      <button
        class="plain"
        ?disabled=${this.busy}
        aria-label=${`Export ${name}`}
        @click=${() => this.act((api) => exportTo(api, id))}
      >
        Export
      </button>
      <confirm-button
        label="Remove"
        what=${name}
        question="Remove it for good?"
        yes="Remove"
        no="Keep it"
        @confirm=${() => this.act((api) => api.removeGenome(id))}
      ></confirm-button>
    </div>`
  }

  private renderSwitch(state: NodeState, genome: GenomeState, on: ActiveGenome | undefined) {
    if (genome.modelId === null) return nothing
    // What is on is known of the model in use alone.
    if (state.placement?.modelId !== genome.modelId) return this.renderLoad(state, genome.modelId)
    return html`<div class="on">
      ${
        on
          ? html`<label class="weight">
              <span class="soft small">weight</span>
              <input
                type="number"
                step="0.1"
                aria-label=${`How much ${genome.name} counts`}
                .value=${String(on.weight)}
                @change=${(event: Event) => this.weigh(event.target as HTMLInputElement, on)}
              />
            </label>`
          : nothing
      }
      <label class="switch">
        <span class="small soft" aria-hidden="true">${on ? 'on' : 'off'}</span>
        <input
          type="checkbox"
          role="switch"
          aria-label=${`Answer with ${genome.name}`}
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
      ${model.status === 'listed' && !this.busy ? `Load ${model.title} to switch it on` : 'Loading…'}
    </button>`
  }

  private renderDetails(state: NodeState, genome: GenomeState) {
    const { training } = genome
    const row = (term: string, words: unknown) =>
      html`<dt>${term}</dt>
        <dd>${words}</dd>`
    return html`<div class="details small">
      ${genome.parents.length > 0 ? html`<merge-flow .picture=${lineageOf(genome, state.genomes)}></merge-flow>` : nothing}
      <dl>
        ${row('Changes', genome.targets.map((target) => TARGET_WORDS[target] ?? target).join(', '))}
        ${row('Alpha', genome.alpha)}
        ${
          training
            ? row(
                'Training',
                `${training.steps} steps of ${training.batchSize} × ${training.sequenceLength} tokens, learning rate ${training.learningRate}`,
              )
            : nothing
        }
        ${Object.entries(genome.fitness).map(([domain, loss]) => row(`Loss, ${domain}`, `${loss.toFixed(3)} nats a token`))}
        ${row('Author', html`<span class="mono figure">${formatId(genome.author)}</span>${genome.author === state.id ? ' (this node)' : ''}`)}
        ${row(
          'Id',
          html`<span class="mono figure">${formatId(genome.id)}</span
            ><copy-button label="Copy" .text=${genome.id}></copy-button>`,
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
    this.problem = ''
    this.busy = true
    try {
      await action(this.api)
    } catch (error) {
      this.problem = errorMessage(error)
    }
    this.busy = false
  }
}

async function exportTo(api: NodeApi, genomeId: string): Promise<void> {
  const { name, bytes } = await api.exportGenome(genomeId)
  saveFile(name, bytes)
}

customElements.define('genome-card', GenomeCard)
