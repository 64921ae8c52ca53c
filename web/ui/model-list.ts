// The models: what each takes before it starts, download and load progress, and ways to add one's own.

import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { EngineName } from '../../worker/node/engine-api.ts'
import type { LoadOptions, ModelEstimate, ModelInput, ModelState, NodeApi, NodeState } from '../../worker/node/api.ts'
import { baseStyles } from './base-styles.ts'
import { problemOf, renderProblem, type Problem } from './error-words.ts'
import { formatBytes } from './format.ts'
import { canAnswer, describeModel, isAtHand, isPartlyStored, listModels } from './model-choice.ts'
import './progress-bar.ts'
import { uiWords } from './words/ui-words.ts'

export class ModelList extends LitElement {
  static readonly tag = 'model-list'

  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    selected: {},
    opened: { state: true },
    estimate: { state: true },
    problem: { state: true },
    url: { state: true },
    adding: { state: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .model {
        padding: 12px 0;
        border-top: 1px solid var(--line);
      }
      .model:first-child {
        border-top: 0;
      }
      .head {
        display: flex;
        align-items: center;
        gap: var(--step) 16px;
      }
      .name {
        flex: 1;
        min-width: 0;
      }
      .name p {
        overflow-wrap: anywhere;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        justify-content: flex-end;
        gap: var(--step);
      }
      .detail {
        margin-top: 12px;
        padding: 12px 16px;
        border-radius: var(--radius);
        background: var(--paper-sunken);
      }
      .detail .row {
        margin-top: 12px;
      }
      progress-bar {
        display: block;
        margin-top: 12px;
      }
      form {
        display: flex;
        flex-wrap: wrap;
        gap: var(--step);
        padding-top: 16px;
        border-top: 1px solid var(--line);
      }
      form input[type='text'] {
        flex: 1 1 240px;
      }
      input[type='file'] {
        display: none;
      }
      .hint {
        margin-top: var(--step);
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  /** Id of the model the chat is set to. */
  declare selected: string
  declare opened: string
  declare estimate: ModelEstimate | null
  declare problem: Problem | null
  declare url: string
  declare adding: boolean

  constructor() {
    super()
    this.api = null
    this.state = null
    this.selected = ''
    this.opened = ''
    this.estimate = null
    this.problem = null
    this.url = ''
    this.adding = false
  }

  override render() {
    const state = this.state
    const words = uiWords().models
    if (!state) return nothing
    return html`
      <ul>
        ${repeat(
          listModels(state),
          (model) => model.id,
          (model) => this.renderModel(state, model),
        )}
      </ul>
      <form @submit=${(event: Event) => this.addUrl(event)}>
        <input
          type="text"
          inputmode="url"
          aria-label=${words.address}
          placeholder=${words.addressHint}
          .value=${this.url}
          @input=${(event: Event) => (this.url = (event.target as HTMLInputElement).value)}
        />
        <button ?disabled=${this.adding || this.url.trim() === ''}>${words.add}</button>
        <button type="button" ?disabled=${this.adding} @click=${() => this.pickFiles()}>${words.chooseFile}</button>
        <input
          type="file"
          multiple
          accept=".gguf,.safetensors,.json,.txt,.jinja"
          aria-label=${words.files}
          @change=${(event: Event) => this.addFiles(event)}
        />
      </form>
      <p class="hint small soft">${this.adding ? words.reading : words.dropHint}</p>
      ${this.problem ? html`<p class="loss" role="alert">${renderProblem(this.problem)}</p>` : nothing}
    `
  }

  private renderModel(state: NodeState, model: ModelState) {
    const busy = model.status === 'fetching' || model.status === 'loading'
    const words = uiWords().models
    return html`<li class="model" data-model=${model.id}>
      <div class="head">
        <div class="name">
          <h3>${model.title}</h3>
          <p class="small soft">
            ${model.sizeBytes > 0 ? html`<span class="figure">${formatBytes(model.sizeBytes)}</span> · ` : nothing}${describeModel(
              state,
              model,
            )}${model.config ? ` · ${words.layers(model.config.layers)}` : ''}${model.licence ? ` · ${model.licence}` : ''}
          </p>
          ${renderTraffic(state, model)}
        </div>
        <div class="actions">${this.renderActions(state, model, busy)}</div>
      </div>
      ${
        busy
          ? html`<progress-bar
              label=${model.status === 'fetching' ? words.downloadingBar : words.loadingBar}
              .value=${model.progress}
              .secondsLeft=${model.secondsLeft}
            ></progress-bar>`
          : nothing
      }
      ${model.error ? html`<p class="loss small" role="alert">${renderProblem(model.error)}</p>` : nothing}
      ${this.opened === model.id && !busy ? this.renderEstimate(state, model) : nothing}
    </li>`
  }

  private renderActions(state: NodeState, model: ModelState, busy: boolean) {
    const words = uiWords().models
    if (busy) return html`<button @click=${() => this.act((api) => api.cancelLoad(model.id))}>${words.pause}</button>`
    const use = html`<button
      class=${this.selected === model.id ? '' : 'primary'}
      ?disabled=${this.selected === model.id}
      @click=${() => this.choose(model.id)}
    >
      ${this.selected === model.id ? words.chosen : words.chat}
    </button>`
    const goesOn = !isAtHand(model) && model.origin !== 'file' && isPartlyStored(model)
    const verb = isAtHand(model) || model.origin === 'file' ? words.load : goesOn ? words.goOnWith : words.get
    const stored = isPartlyStored(model) && model.origin !== 'built-in' && model.origin !== 'file'
    return html`
      ${
        stored || model.status === 'ready'
          ? html`<button
              class="plain"
              aria-label=${words.verbOn(stored ? words.delete : words.unload, model.title)}
              @click=${() => this.discard(model)}
            >
              ${stored ? words.delete : words.unload}
            </button>`
          : nothing
      }
      ${
        canAnswer(state, model)
          ? use
          : html`<button
              ?disabled=${state.gpu.kind === 'starting'}
              aria-label=${words.verbOn(verb, model.title)}
              aria-expanded=${this.opened === model.id}
              @click=${() => this.open(model.id)}
            >
              ${goesOn ? words.goOn : verb}
            </button>`
      }
    `
  }

  private renderEstimate(state: NodeState, model: ModelState) {
    const estimate = this.estimate
    const words = uiWords().models
    if (!estimate) return html`<p class="detail small soft">${words.measuring}</p>`
    if (state.gpu.kind !== 'ready') return this.renderProcessor(model, estimate)
    const helpers = state.peers.filter((peer) => peer.link === 'open' && !peer.light).length
    const free = estimate.freeStorageBytes
    const short = free !== undefined && estimate.storeBytes > free
    return html`<div class="detail">
      <p>
        ${
          estimate.fetchBytes > 0
            ? html`${words.downloads} <strong class="figure">${formatBytes(estimate.fetchBytes)}</strong>,
                ${words.keeps}
                <span class="figure">${formatBytes(estimate.storeBytes)}</span>
                ${words.inBrowser}${
                  free === undefined ? '' : html` (<span class="figure">${formatBytes(free)}</span> ${words.free})`
                },`
            : words.nothingToFetch
        }
        ${words.takes} <strong class="figure">${formatBytes(estimate.gpuBytes)}</strong>
        ${words.ofGpu}${helpers > 0 ? words.spreadOver(helpers + 1) : nothing}.
      </p>
      ${short ? html`<p class="loss">${words.short}</p>` : nothing}
      <div class="row">
        <button class="primary" ?disabled=${short} @click=${() => this.load(model.id, {})}>
          ${estimate.fetchBytes > 0 ? words.downloadAndLoad(formatBytes(estimate.fetchBytes)) : words.load}
        </button>
        ${
          helpers > 0
            ? html`<button ?disabled=${short} @click=${() => this.load(model.id, { placement: 'solo' })}>
                ${words.keepHere}
              </button>`
            : nothing
        }
        ${estimate.engines.map(
          (engine) =>
            html`<button class="plain" ?disabled=${short} @click=${() => this.loadWith(model.id, engine)}>
              ${words.runBy[engine]}
            </button>`,
        )}
        <button class="plain" @click=${() => (this.opened = '')}>${words.notNow}</button>
      </div>
      ${estimate.engines.length > 0 ? html`<p class="small soft">${words.otherEngines(estimate.engines)}</p>` : nothing}
    </div>`
  }

  /** What a device without a GPU can do with the model. */
  private renderProcessor(model: ModelState, { engines, fetchBytes, storeBytes, freeStorageBytes }: ModelEstimate) {
    const words = uiWords().models
    const short = freeStorageBytes !== undefined && storeBytes > freeStorageBytes
    return html`<div class="detail">
      <p>
        ${engines.length === 0 ? words.noProcessor : words.slowProcessor}
        ${
          fetchBytes > 0 && engines.length > 0
            ? html`${words.downloads} <strong class="figure">${formatBytes(fetchBytes)}</strong>.`
            : nothing
        }
      </p>
      ${short ? html`<p class="loss">${words.short}</p>` : nothing}
      <div class="row">
        ${engines.map(
          (engine) =>
            html`<button class="primary" ?disabled=${short} @click=${() => this.loadWith(model.id, engine)}>
              ${words.runBy[engine]}
            </button>`,
        )}
        <button class="plain" @click=${() => (this.opened = '')}>${words.notNow}</button>
      </div>
    </div>`
  }

  /** Shows what a model takes. */
  async open(modelId: string): Promise<void> {
    if (this.opened === modelId) {
      this.opened = ''
      return
    }
    this.opened = modelId
    this.estimate = null
    await this.act(async (api) => {
      const estimate = await api.estimateModel(modelId)
      if (this.opened === modelId) this.estimate = estimate
    })
    if (this.problem) this.opened = ''
  }

  private async load(modelId: string, options: LoadOptions): Promise<void> {
    this.opened = ''
    this.choose(modelId)
    // Its failure is told by the model's own `error`, beside it.
    await this.api?.loadModel(modelId, options).catch(() => {})
  }

  private async loadWith(modelId: string, engine: EngineName): Promise<void> {
    this.opened = ''
    this.choose(modelId)
    await this.api?.loadWithEngine(modelId, engine).catch(() => {})
  }

  private async discard(model: ModelState): Promise<void> {
    const kept = model.origin === 'built-in' || model.origin === 'file' || model.storedBytes === 0
    await this.act((api) => (kept ? api.unloadModel(model.id) : api.removeModel(model.id)))
  }

  private choose(modelId: string): void {
    this.dispatchEvent(new CustomEvent('choose-model', { detail: modelId, bubbles: true, composed: true }))
  }

  private pickFiles(): void {
    this.renderRoot.querySelector<HTMLInputElement>('input[type=file]')?.click()
  }

  private async addFiles(event: Event): Promise<void> {
    const input = event.target as HTMLInputElement
    const files = [...(input.files ?? [])]
    input.value = ''
    if (files.length > 0) await this.add({ kind: 'files', files, names: files.map((file) => file.name) })
  }

  private async addUrl(event: Event): Promise<void> {
    event.preventDefault()
    const url = this.url.trim()
    await this.add({ kind: 'url', url })
    if (!this.problem) this.url = ''
  }

  /** Lists a model of one's own and shows what it takes. */
  async add(input: ModelInput): Promise<void> {
    this.adding = true
    let added = ''
    await this.act(async (api) => {
      added = await api.addModel(input)
    })
    this.adding = false
    if (added) {
      this.opened = ''
      await this.open(added)
    }
  }

  private async act(action: (api: NodeApi) => Promise<unknown>): Promise<void> {
    if (!this.api) return
    this.problem = null
    try {
      await action(this.api)
    } catch (error) {
      this.problem = problemOf(error)
    }
  }
}

/** Where its bytes came from and went since the tab was opened. */
function renderTraffic({ sharing }: NodeState, { id }: ModelState) {
  const words = uiWords().models
  const bytes = sharing.models.find(({ modelId }) => modelId === id)
  if (!bytes) return nothing
  const parts = [
    ...(bytes.fromPeers > 0 ? [words.fromPeers(formatBytes(bytes.fromPeers))] : []),
    ...(bytes.fromOrigin > 0 ? [words.fromOrigin(formatBytes(bytes.fromOrigin))] : []),
    ...(bytes.given > 0 ? [words.given(formatBytes(bytes.given))] : []),
  ]
  return html`<p class="small soft figure">${parts.join(' · ')}</p>`
}

customElements.define(ModelList.tag, ModelList)
