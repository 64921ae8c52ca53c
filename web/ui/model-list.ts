// The models: what each takes before it starts, download and load progress, and ways to add one's own.

import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { errorMessage } from '#core/errors.ts'
import type { LoadOptions, ModelEstimate, ModelInput, ModelState, NodeApi, NodeState } from '../../worker/node/api.ts'
import { baseStyles } from './base-styles.ts'
import { countOf, formatBytes } from './format.ts'
import { canAnswer, describeModel, isAtHand, isPartlyStored, listModels } from './model-choice.ts'
import './progress-bar.ts'

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
  declare problem: string
  declare url: string
  declare adding: boolean

  constructor() {
    super()
    this.api = null
    this.state = null
    this.selected = ''
    this.opened = ''
    this.estimate = null
    this.problem = ''
    this.url = ''
    this.adding = false
  }

  override render() {
    const state = this.state
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
          aria-label="Address of a model"
          placeholder="https://… address of a .gguf or .safetensors"
          .value=${this.url}
          @input=${(event: Event) => (this.url = (event.target as HTMLInputElement).value)}
        />
        <button ?disabled=${this.adding || this.url.trim() === ''}>Add</button>
        <button type="button" ?disabled=${this.adding} @click=${() => this.pickFiles()}>Choose a file</button>
        <input
          type="file"
          multiple
          accept=".gguf,.safetensors,.json,.txt,.jinja"
          aria-label="Model files"
          @change=${(event: Event) => this.addFiles(event)}
        />
      </form>
      <p class="hint small soft">
        ${
          this.adding
            ? 'Reading the model’s headers…'
            : 'You can also drop a .gguf, or the files of a Hugging Face folder, anywhere on this page.'
        }
      </p>
      ${this.problem ? html`<p class="loss" role="alert">${this.problem}</p>` : nothing}
    `
  }

  private renderModel(state: NodeState, model: ModelState) {
    const busy = model.status === 'fetching' || model.status === 'loading'
    return html`<li class="model" data-model=${model.id}>
      <div class="head">
        <div class="name">
          <h3>${model.title}</h3>
          <p class="small soft">
            ${model.sizeBytes > 0 ? html`<span class="figure">${formatBytes(model.sizeBytes)}</span> · ` : nothing}${describeModel(
              state,
              model,
            )}${model.config ? ` · ${countOf(model.config.layers, 'layer')}` : ''}${model.licence ? ` · ${model.licence}` : ''}
          </p>
        </div>
        <div class="actions">${this.renderActions(state, model, busy)}</div>
      </div>
      ${
        busy
          ? html`<progress-bar
              label=${model.status === 'fetching' ? 'Downloading' : 'Loading'}
              .value=${model.progress}
              .secondsLeft=${model.secondsLeft}
            ></progress-bar>`
          : nothing
      }
      ${model.error ? html`<p class="loss small" role="alert">${model.error.message}</p>` : nothing}
      ${this.opened === model.id && !busy ? this.renderEstimate(state, model) : nothing}
    </li>`
  }

  private renderActions(state: NodeState, model: ModelState, busy: boolean) {
    if (busy) return html`<button @click=${() => this.act((api) => api.cancelLoad(model.id))}>Pause</button>`
    const use = html`<button
      class=${this.selected === model.id ? '' : 'primary'}
      ?disabled=${this.selected === model.id}
      @click=${() => this.choose(model.id)}
    >
      ${this.selected === model.id ? 'Chosen' : 'Chat'}
    </button>`
    const verb = isAtHand(model) || model.origin === 'file' ? 'Load' : isPartlyStored(model) ? 'Go on with' : 'Get'
    const stored = isPartlyStored(model) && model.origin !== 'built-in' && model.origin !== 'file'
    return html`
      ${
        stored || model.status === 'ready'
          ? html`<button
              class="plain"
              aria-label="${stored ? 'Delete' : 'Unload'} ${model.title}"
              @click=${() => this.discard(model)}
            >
              ${stored ? 'Delete' : 'Unload'}
            </button>`
          : nothing
      }
      ${
        canAnswer(state, model)
          ? use
          : html`<button
              ?disabled=${state.gpu.kind !== 'ready'}
              aria-label="${verb} ${model.title}"
              aria-expanded=${this.opened === model.id}
              @click=${() => this.open(model.id)}
            >
              ${verb === 'Go on with' ? 'Go on' : verb}
            </button>`
      }
    `
  }

  private renderEstimate(state: NodeState, model: ModelState) {
    const estimate = this.estimate
    if (!estimate) return html`<p class="detail small soft">Reading how much it takes…</p>`
    const helpers = state.peers.filter((peer) => peer.link === 'open' && !peer.light).length
    const free = estimate.freeStorageBytes
    const short = free !== undefined && estimate.storeBytes > free
    return html`<div class="detail">
      <p>
        ${
          estimate.fetchBytes > 0
            ? html`Downloads <strong class="figure">${formatBytes(estimate.fetchBytes)}</strong>, keeps
                <span class="figure">${formatBytes(estimate.storeBytes)}</span> in this
                browser${free === undefined ? '' : html` (<span class="figure">${formatBytes(free)}</span> free)`},`
            : 'Nothing to download;'
        }
        takes <strong class="figure">${formatBytes(estimate.gpuBytes)}</strong> of GPU memory in
        all${helpers > 0 ? html`, spread over ${countOf(helpers + 1, 'node')}` : nothing}.
      </p>
      ${short ? html`<p class="loss">This browser has not that much room for the page. Delete another model or free disk space.</p>` : nothing}
      <div class="row">
        <button class="primary" ?disabled=${short} @click=${() => this.load(model.id, {})}>
          ${estimate.fetchBytes > 0 ? `Download ${formatBytes(estimate.fetchBytes)} and load` : 'Load'}
        </button>
        ${
          helpers > 0
            ? html`<button ?disabled=${short} @click=${() => this.load(model.id, { placement: 'solo' })}>
                Keep it all in this tab
              </button>`
            : nothing
        }
        <button class="plain" @click=${() => (this.opened = '')}>Not now</button>
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
    if (added && this.state?.gpu.kind === 'ready') {
      this.opened = ''
      await this.open(added)
    }
  }

  private async act(action: (api: NodeApi) => Promise<unknown>): Promise<void> {
    if (!this.api) return
    this.problem = ''
    try {
      await action(this.api)
    } catch (error) {
      this.problem = errorMessage(error)
    }
  }
}

customElements.define(ModelList.tag, ModelList)
