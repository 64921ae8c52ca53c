// The chat: conversation, ribbon, message box, and the models to choose from.

import { html, LitElement, nothing, type PropertyValues } from 'lit'
import { errorCode, errorMessage } from '#core/errors.ts'
import type { ModelInput, ModelState, NodeApi, NodeState, StepTiming } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { countOf } from '../../ui/format.ts'
import { canAnswer, holdersOf, isAtHand, listModels } from '../../ui/model-choice.ts'
import { ModelList } from '../../ui/model-list.ts'
import { joinNames, nodeName } from '../../ui/node-names.ts'
import '../../ui/layer-ribbon.ts'
import '../../ui/progress-bar.ts'
import { createConversation, type ChatSettings, type Conversation } from './conversation.ts'
import { createChatStore, readChosenModel, readSettings, writeChosenModel, writeSettings } from './chat-store.ts'
import './adapter-chips.ts'
import type { Beginning } from './first-visit.ts'
import './first-visit.ts'
import { MessageBox } from './message-box.ts'
import './turn-list.ts'
import { chatStyles } from './chat-styles.ts'

const SAVE_EVERY_MS = 1000
/** This near to its end the conversation follows what is written. */
const FOLLOW_WITHIN_PX = 80

export class ChatApp extends LitElement {
  static readonly tag = 'chat-app'

  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    chosen: { state: true },
    choosing: { state: true },
    settings: { state: true },
    tick: { state: true },
    timing: { state: true },
    problem: { state: true },
    loading: { state: true },
  }

  static override styles = [baseStyles, chatStyles]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare chosen: string
  declare choosing: boolean
  declare settings: ChatSettings
  declare tick: number
  declare timing: StepTiming | null
  declare problem: string
  declare loading: boolean
  #conversation: Conversation | null = null
  readonly #store = createChatStore()
  #restoredFor = ''
  #saveTimer: ReturnType<typeof setTimeout> | undefined
  #follow = true

  constructor() {
    super()
    this.api = null
    this.state = null
    this.chosen = readChosenModel()
    this.choosing = false
    this.settings = readSettings()
    this.tick = 0
    this.timing = null
    this.problem = ''
    this.loading = false
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('state') && changed.get('state')?.placement?.modelId !== this.state?.placement?.modelId) {
      this.timing = null
    }
    if (changed.has('api') && this.api) {
      this.#conversation = createConversation(this.api, {
        onChange: () => this.changed(),
        onToken: (timing) => this.token(timing),
      })
    }
    const id = this.state?.id
    if (id && this.#restoredFor !== id) {
      this.#restoredFor = id
      void this.restore(id)
    }
  }

  /** The model messages go to: the one chosen, else the one in use, else one that can answer at once. */
  private get model(): ModelState | undefined {
    const state = this.state
    if (!state) return undefined
    const models = listModels(state)
    return (
      models.find((model) => model.id === this.chosen) ??
      models.find((model) => model.status === 'ready') ??
      models.find((model) => canAnswer(state, model)) ??
      (state.gpu.kind === 'ready' ? models.find((model) => model.origin === 'built-in') : undefined)
    )
  }

  override render() {
    const state = this.state
    const model = this.model
    const turns = this.#conversation?.turns ?? []
    return html`
      <div class="scroll" @scroll=${(event: Event) => this.scrolled(event)} @turns-rendered=${() => this.followText()}>
        <div class="column">
          ${
            turns.length === 0
              ? html`<first-visit
                  .state=${state}
                  @begin=${(event: CustomEvent<Beginning>) => this.begin(event.detail)}
                ></first-visit>`
              : html`<div class="top">
                    <button class="plain" ?disabled=${this.#conversation?.answering} @click=${() => this.clear()}>
                      New chat
                    </button>
                  </div>
                  <turn-list .turns=${turns} .state=${state}></turn-list>`
          }
        </div>
      </div>
      <div class="desk">
        <div class="column">
          ${this.choosing ? this.renderModels() : nothing} ${this.renderProgress(model)}
          ${this.problem ? html`<p class="loss small" role="alert">${this.problem}</p>` : nothing}
          ${this.renderSpread(state)}
          <layer-ribbon .state=${state} .tick=${this.tick} .timing=${this.timing}></layer-ribbon>
          <message-box
            model=${model?.title ?? ''}
            placeholder=${this.placeholder(model)}
            ?answering=${this.#conversation?.answering ?? false}
            ?blocked=${!model || !this.canSend(model)}
            ?choosing=${this.choosing}
            @send=${(event: CustomEvent<string>) => this.send(event.detail)}
            @stop=${() => this.stop()}
            @choose=${() => (this.choosing = !this.choosing)}
          >
            ${this.renderAdapters(state, model)}
          </message-box>
        </div>
      </div>
    `
  }

  /** Which genomes the model answers with; only that of the model in use is known. */
  private renderAdapters(state: NodeState | null, model: ModelState | undefined) {
    if (!state || state.adapters.length === 0 || state.placement?.modelId !== model?.id) return nothing
    return html`<adapter-chips
      slot="adapters"
      .genomes=${state.genomes}
      .adapters=${state.adapters}
      @set-adapters=${(event: CustomEvent<NodeState['adapters']>) =>
        this.act((api) => api.setAdapters(model?.id ?? '', event.detail))}
    ></adapter-chips>`
  }

  private renderModels() {
    return html`<section
      class="models"
      aria-label="Models"
      @choose-model=${(event: CustomEvent<string>) => this.choose(event.detail)}
    >
      <model-list .api=${this.api} .state=${this.state} selected=${this.model?.id ?? ''}></model-list>
      <div class="settings">
        <label>
          <span
            >Variety
            <span class="figure soft"
              >${this.settings.temperature === 0 ? 'none: always the likeliest token' : this.settings.temperature}</span
            ></span
          >
          <input
            type="range"
            min="0"
            max="1.5"
            step="0.1"
            .value=${String(this.settings.temperature)}
            @input=${(event: Event) => this.set({ temperature: Number((event.target as HTMLInputElement).value) })}
          />
        </label>
        <label>
          <span>Longest answer <span class="figure soft">${countOf(this.settings.maxTokens, 'token')}</span></span>
          <input
            type="range"
            min="32"
            max="2048"
            step="32"
            .value=${String(this.settings.maxTokens)}
            @input=${(event: Event) => this.set({ maxTokens: Number((event.target as HTMLInputElement).value) })}
          />
        </label>
      </div>
    </section>`
  }

  private renderProgress(model: ModelState | undefined) {
    if (this.choosing || !model || (model.status !== 'fetching' && model.status !== 'loading')) {
      return model?.error && !this.choosing && !this.problem
        ? html`<p class="loss small" role="alert">${model.error.message}</p>`
        : nothing
    }
    return html`<div class="row progress">
      <progress-bar
        label=${`${model.status === 'fetching' ? 'Downloading' : 'Loading'} ${model.title}`}
        .value=${model.progress}
        .secondsLeft=${model.secondsLeft}
      ></progress-bar>
      <button class="plain" @click=${() => this.act((api) => api.cancelLoad(model.id))}>Pause</button>
    </div>`
  }

  /** Offers to spread a model that this tab still holds alone. */
  private renderSpread(state: NodeState | null) {
    const placement = state?.placement
    if (!state || !placement || this.loading || this.#conversation?.answering) return nothing
    const helpers = state.peers.filter((peer) => peer.link === 'open' && !peer.light)
    // With adapters a model runs in this tab alone.
    if (state.adapters.length > 0) return nothing
    if (helpers.length === 0 || placement.stages.length > 1 || placement.layers < 2) return nothing
    const model = state.models.find((one) => one.id === placement.modelId)
    if (model?.status !== 'ready') return nothing
    const names = joinNames(helpers.map((peer) => nodeName(state, peer.id)))
    return html`<p class="small spread">
      ${names} ${helpers.length === 1 ? 'is' : 'are'} here.
      <button class="plain" @click=${() => this.act((api) => api.loadModel(placement.modelId, { placement: 'swarm' }))}>
        Spread the layers over ${helpers.length === 1 ? 'both' : 'all'}
      </button>
    </p>`
  }

  private placeholder(model: ModelState | undefined): string {
    if (!model) return 'Choose a model first'
    return model.chat === false ? 'Begin a text; the model goes on with it' : 'Write a message'
  }

  private canSend(model: ModelState): boolean {
    const state = this.state
    if (!state) return false
    return canAnswer(state, model) || (state.gpu.kind === 'ready' && isAtHand(model))
  }

  private begin(detail: Beginning): void {
    if (detail.what === 'share') {
      this.dispatchEvent(new CustomEvent('show-share', { bubbles: true, composed: true }))
      return
    }
    if (detail.what === 'models') {
      void this.showModels(detail.modelId)
      return
    }
    this.useModel(detail.modelId)
  }

  /** Turns to a model, and loads it where nothing large must be fetched first. */
  useModel(modelId: string): void {
    this.choose(modelId)
    const { state, model } = this
    if (!state || model?.id !== modelId) return
    if (!canAnswer(state, model) && !isAtHand(model)) {
      void this.showModels(modelId)
      return
    }
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('message-box')?.focus())
    void this.ready(modelId)
  }

  private async showModels(modelId?: string): Promise<void> {
    this.choosing = true
    await this.updateComplete
    const list = this.renderRoot.querySelector(ModelList.tag)
    if (list instanceof ModelList && modelId) await list.open(modelId)
  }

  /** Lists a model of one's own (a dropped file, a pasted address) and shows what it takes. */
  async addModel(input: ModelInput): Promise<void> {
    await this.showModels()
    const list = this.renderRoot.querySelector(ModelList.tag)
    if (list instanceof ModelList) await list.add(input)
  }

  private choose(modelId: string): void {
    this.chosen = modelId
    writeChosenModel(modelId)
    const state = this.state
    const model = this.model
    if (state && model && canAnswer(state, model)) this.choosing = false
  }

  /** Loads what is here already, so that a message can be answered. */
  private async ready(modelId: string): Promise<boolean> {
    const state = this.state
    const model = state && listModels(state).find((one) => one.id === modelId)
    if (!state || !model) return false
    if (model.status === 'ready' || holdersOf(state, modelId).length > 0) return true
    this.loading = true
    await this.act((api) => api.loadModel(modelId))
    this.loading = false
    return this.problem === '' && this.model?.status !== 'listed'
  }

  private async send(text: string): Promise<void> {
    const model = this.model
    if (!model || !this.#conversation) return
    this.choosing = false
    this.#follow = true
    if (!(await this.ready(model.id))) {
      this.renderRoot.querySelector<MessageBox>(MessageBox.tag)?.giveBack(text)
      return
    }
    // What loading learnt of it: whether it chats or only continues a text.
    const loaded = this.state && listModels(this.state).find((one) => one.id === model.id)
    await this.#conversation.send(text, loaded ?? model, this.settings)
  }

  private async stop(): Promise<void> {
    await this.#conversation?.stop().catch((error: unknown) => (this.problem = errorMessage(error)))
  }

  private clear(): void {
    this.#conversation?.replace([])
    this.timing = null
  }

  private set(change: Partial<ChatSettings>): void {
    this.settings = { ...this.settings, ...change }
    writeSettings(this.settings)
  }

  private token(timing: StepTiming): void {
    this.timing = timing
    this.tick++
    this.dispatchEvent(new CustomEvent('token', { detail: timing, bubbles: true, composed: true }))
  }

  private changed(): void {
    this.requestUpdate()
    const id = this.#restoredFor
    this.#saveTimer ??= setTimeout(() => {
      this.#saveTimer = undefined
      if (id && this.#conversation) void this.#store.save(id, this.#conversation.turns)
    }, SAVE_EVERY_MS)
  }

  private async restore(nodeId: string): Promise<void> {
    const turns = await this.#store.load(nodeId)
    if (turns.length > 0 && this.#conversation?.turns.length === 0) this.#conversation.replace(turns)
  }

  private scrolled(event: Event): void {
    const box = event.target as HTMLElement
    this.#follow = box.scrollHeight - box.scrollTop - box.clientHeight < FOLLOW_WITHIN_PX
  }

  private followText(): void {
    const box = this.renderRoot.querySelector('.scroll')
    if (box && this.#follow) box.scrollTop = box.scrollHeight
  }

  private async act(action: (api: NodeApi) => Promise<unknown>): Promise<void> {
    if (!this.api) return
    this.problem = ''
    try {
      await action(this.api)
    } catch (error) {
      if (errorCode(error) !== 'CANCELLED') this.problem = errorMessage(error)
    }
  }
}

customElements.define(ChatApp.tag, ChatApp)
