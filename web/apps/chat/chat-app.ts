// The chat: the chats that are kept, the one in view, ribbon, message box, and the models to choose from.

import { html, LitElement, nothing, type PropertyValues } from 'lit'
import { errorCode } from '#core/errors.ts'
import type { ModelInput, ModelState, NodeApi, NodeState, StepTiming } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { icons } from '../../ui/icons.ts'
import { canAnswer, holdersOf, isAtHand, listModels } from '../../ui/model-choice.ts'
import { ModelList } from '../../ui/model-list.ts'
import { joinNames, nodeName } from '../../ui/node-names.ts'
import '../../ui/layer-ribbon.ts'
import '../../ui/progress-bar.ts'
import './adapter-chips.ts'
import './adapter-choice.ts'
import { chatIcons } from './chat-icons.ts'
import { KeptChats } from './kept-chats.ts'
import { readSettings, writeSettings, type ChatSettings } from './chat-settings.ts'
import { createChatStore, readChosenModel, writeChosenModel } from './chat-store.ts'
import { chatStyles } from './chat-styles.ts'
import type { Answerer } from './conversation.ts'
import type { Beginning } from './first-visit.ts'
import './first-visit.ts'
import { MessageBox, type Message } from './message-box.ts'
import { createOpenChats, type OpenChats } from './open-chats.ts'
import './settings-panel.ts'
import type { TurnAction } from './turn-list.ts'
import './turn-list.ts'
import { chatWords } from './words/chat-words.ts'

/** This near to its end the conversation follows what is written. */
const FOLLOW_WITHIN_PX = 80

export class ChatApp extends LitElement {
  static readonly tag = 'chat-app'

  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    chosen: { state: true },
    panel: { state: true },
    settings: { state: true },
    tick: { state: true },
    timing: { state: true },
    problem: { state: true },
    loading: { state: true },
    listing: { state: true },
  }

  static override styles = [baseStyles, chatStyles]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare chosen: string
  /** What stands open above the message box. */
  declare panel: 'models' | 'settings' | ''
  declare settings: ChatSettings
  declare tick: number
  declare timing: StepTiming | null
  declare problem: Problem | string
  declare loading: boolean
  /** Whether the list of chats stands open. */
  declare listing: boolean
  #chats: OpenChats | null = null
  readonly #store = createChatStore()
  #restoredFor = ''
  #follow = true
  #scrolledTo = 0
  readonly #grown = new ResizeObserver(() => this.followText())

  constructor() {
    super()
    this.api = null
    this.state = null
    this.chosen = readChosenModel()
    this.panel = ''
    this.settings = readSettings()
    this.tick = 0
    this.timing = null
    this.problem = ''
    this.loading = false
    this.listing = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    document.addEventListener('visibilitychange', this.#leave)
  }

  override disconnectedCallback(): void {
    document.removeEventListener('visibilitychange', this.#leave)
    super.disconnectedCallback()
  }

  /** A page that goes out of view may never come back. */
  readonly #leave = (): void => {
    if (document.visibilityState === 'hidden') void this.#chats?.flush()
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('state') && changed.get('state')?.placement?.modelId !== this.state?.placement?.modelId) {
      this.timing = null
    }
    if (changed.has('api') && this.api) {
      this.#chats = createOpenChats(this.api, this.#store, {
        onChange: () => this.requestUpdate(),
        onToken: (timing) => this.token(timing),
        onSaveFailed: (error) => (this.problem = problemOf(error)),
        names: (ids) => {
          const { state } = this
          return state ? Object.fromEntries(ids.map((id) => [id, nodeName(state, id)])) : {}
        },
        now: () => Date.now(),
      })
    }
    const id = this.state?.id
    if (id && this.#chats && this.#restoredFor !== id) {
      this.#restoredFor = id
      void this.#chats.restore(id)
    }
  }

  protected override firstUpdated(): void {
    const column = this.renderRoot.querySelector('.scroll > .column')
    if (column) this.#grown.observe(column)
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

  private get conversation() {
    return this.#chats?.current
  }

  override render() {
    const state = this.state
    const model = this.model
    const words = chatWords().app
    const turns = this.conversation?.turns ?? []
    return html`
      ${this.listing ? this.renderList() : nothing}
      <div class="front" data-node=${state?.id ?? nothing}>
        <div class="bar">
          <button
            class="plain chats"
            aria-expanded=${this.listing}
            aria-label=${words.chats}
            title=${words.chats}
            @click=${() => this.toggleList()}
          >
            ${chatIcons.chats}<span>${words.chats}</span>
          </button>
          ${
            turns.length > 0 && !this.listing
              ? html`<button class="plain" @click=${() => this.begin()}>
                  ${icons.plus}<span>${words.newChat}</span>
                </button>`
              : nothing
          }
        </div>
        <div class="scroll" @scroll=${(event: Event) => this.scrolled(event)}>
          <div class="column">
            ${
              turns.length === 0
                ? html`<first-visit
                    .state=${state}
                    @begin=${(event: CustomEvent<Beginning>) => this.beginWith(event.detail)}
                  ></first-visit>`
                : html`<turn-list
                    .turns=${turns}
                    .all=${this.conversation?.chat.turns ?? []}
                    .state=${state}
                    @turn-action=${(event: CustomEvent<TurnAction>) => this.actOnTurn(event.detail)}
                  ></turn-list>`
            }
          </div>
        </div>
        <div class="desk">
          <div class="column">
            ${this.panel === '' ? nothing : this.renderPanel(model)} ${this.renderProgress(model)}
            ${
              this.problem
                ? html`<p class="loss small" role="alert">
                    ${typeof this.problem === 'string' ? this.problem : renderProblem(this.problem)}
                  </p>`
                : nothing
            }
            ${this.renderSpread(state)}
            <layer-ribbon .state=${state} .tick=${this.tick} .timing=${this.timing}></layer-ribbon>
            <message-box
              model=${model?.title ?? ''}
              placeholder=${placeholderFor(model)}
              panel=${this.panel}
              ?answering=${this.conversation?.answering ?? false}
              ?blocked=${!model || !this.canSend(model)}
              @send=${(event: CustomEvent<Message>) => this.send(event.detail)}
              @stop=${() => this.stop()}
              @choose=${(event: CustomEvent<'models' | 'settings'>) => this.toggle(event.detail)}
            >
              ${this.renderAdapters(state, model)}
            </message-box>
          </div>
        </div>
      </div>
    `
  }

  private renderList() {
    return html`<kept-chats
      .store=${this.#store}
      .chats=${this.#chats}
      .shown=${this.conversation?.chat}
      .answering=${this.#chats?.answering ?? new Set()}
      @new-chat=${() => this.begin()}
      @shown=${() => this.showConversation()}
      @close-list=${() => this.toggleList()}
    ></kept-chats>`
  }

  /** Which genomes the model answers with; only that of the model in use is known. */
  private renderAdapters(state: NodeState | null, model: ModelState | undefined) {
    if (!state || state.adapters.length === 0 || state.placement?.modelId !== model?.id) return nothing
    return html`<adapter-chips
      slot="adapters"
      .genomes=${state.genomes}
      .adapters=${state.adapters}
      @set-adapters=${(event: CustomEvent<NodeState['adapters']>) => this.setAdapters(event.detail)}
    ></adapter-chips>`
  }

  private renderPanel(model: ModelState | undefined) {
    const words = chatWords().app
    const { state } = this
    if (this.panel === 'settings') {
      return html`<section class="panel" aria-label=${words.settings}>
        <settings-panel
          .settings=${this.settings}
          .system=${this.conversation?.chat.system ?? ''}
          ?unheard=${model?.chat === false}
          @set-settings=${(event: CustomEvent<ChatSettings>) => this.set(event.detail)}
          @set-system=${(event: CustomEvent<string>) => this.conversation?.change({ system: event.detail })}
        ></settings-panel>
      </section>`
    }
    return html`<section
      class="panel"
      aria-label=${words.models}
      @choose-model=${(event: CustomEvent<string>) => this.choose(event.detail)}
    >
      <model-list .api=${this.api} .state=${state} selected=${model?.id ?? ''}></model-list>
      ${
        state && model
          ? html`<adapter-choice
              .genomes=${state.genomes.filter(({ modelId }) => modelId === model.id)}
              .adapters=${state.placement?.modelId === model.id ? state.adapters : []}
              ?loaded=${state.placement?.modelId === model.id && model.status === 'ready'}
              @set-adapters=${(event: CustomEvent<NodeState['adapters']>) => this.setAdapters(event.detail)}
            ></adapter-choice>`
          : nothing
      }
    </section>`
  }

  private renderProgress(model: ModelState | undefined) {
    const words = chatWords().app
    if (this.panel === 'models' || !model || (model.status !== 'fetching' && model.status !== 'loading')) {
      return model?.error && this.panel !== 'models' && !this.problem
        ? html`<p class="loss small" role="alert">${renderProblem(model.error)}</p>`
        : nothing
    }
    return html`<div class="row progress">
      <progress-bar
        label=${model.status === 'fetching' ? words.downloading(model.title) : words.loading(model.title)}
        .value=${model.progress}
        .secondsLeft=${model.secondsLeft}
      ></progress-bar>
      <button class="plain" @click=${() => this.act((api) => api.cancelLoad(model.id))}>${words.pause}</button>
    </div>`
  }

  /** Offers to spread a model that this tab still holds alone. */
  private renderSpread(state: NodeState | null) {
    const words = chatWords().app
    const placement = state?.placement
    if (!state || !placement || this.loading || this.conversation?.answering) return nothing
    const helpers = state.peers.filter((peer) => peer.link === 'open' && !peer.light)
    // With adapters a model runs in this tab alone.
    if (state.adapters.length > 0) return nothing
    if (helpers.length === 0 || placement.stages.length > 1 || placement.layers < 2) return nothing
    const model = state.models.find((one) => one.id === placement.modelId)
    if (model?.status !== 'ready') return nothing
    const names = joinNames(helpers.map((peer) => nodeName(state, peer.id)))
    return html`<p class="small spread">
      ${words.areHere(names, helpers.length === 1)}
      <button class="plain" @click=${() => this.act((api) => api.loadModel(placement.modelId, { placement: 'swarm' }))}>
        ${words.spread(helpers.length === 1)}
      </button>
    </p>`
  }

  private canSend(model: ModelState): boolean {
    const state = this.state
    if (!state) return false
    return canAnswer(state, model) || (state.gpu.kind === 'ready' && isAtHand(model))
  }

  private beginWith(detail: Beginning): void {
    if (detail.what === 'share') {
      this.dispatchEvent(new CustomEvent('show-share', { bubbles: true, composed: true }))
    } else if (detail.what === 'models') {
      void this.showModels(detail.modelId)
    } else if (detail.what === 'ask') {
      this.choose(detail.modelId)
      void this.send({ text: detail.text, attachments: [] })
    } else {
      this.useModel(detail.modelId)
    }
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
    this.focusMessage()
    void this.ready(modelId)
  }

  private focusMessage(): void {
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>(MessageBox.tag)?.focus())
  }

  private async showModels(modelId?: string): Promise<void> {
    this.panel = 'models'
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
    const { state, model } = this
    if (state && model && canAnswer(state, model) && this.panel === 'models') this.panel = ''
  }

  private toggle(panel: 'models' | 'settings'): void {
    this.panel = this.panel === panel ? '' : panel
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

  /** The model of that id once it is loaded, which tells whether it chats or only continues a text. */
  private async answererWith(modelId: string | undefined): Promise<Answerer | null> {
    if (modelId === undefined || !(await this.ready(modelId))) return null
    const { state } = this
    const model = state && listModels(state).find((one) => one.id === modelId)
    if (!model) return null
    const active = state.placement?.modelId === modelId ? state.adapters : []
    const genomes = active.map(
      ({ genomeId }) => state.genomes.find(({ id }) => id === genomeId)?.name ?? genomeId.slice(0, 8),
    )
    return { model, genomes, settings: this.settings }
  }

  private async send(message: Message): Promise<void> {
    const conversation = this.conversation
    if (!conversation) return
    this.panel = ''
    this.#follow = true
    const answerer = await this.answererWith(this.model?.id)
    if (answerer) await conversation.send(message.text, answerer, message.attachments)
    else this.renderRoot.querySelector<MessageBox>(MessageBox.tag)?.giveBack(message)
  }

  private async actOnTurn(action: TurnAction): Promise<void> {
    const conversation = this.conversation
    if (!conversation) return
    if (action.what === 'show') {
      conversation.show(action.turnId)
    } else if (action.what === 'branch') {
      this.#chats?.branch(action.turnId)
      this.focusMessage()
    } else if (action.what === 'go-on') {
      await this.goOn()
    } else {
      this.panel = ''
      this.#follow = true
      const answerer = await this.answererWith(this.model?.id)
      if (!answerer) return
      if (action.what === 'edit') await conversation.edit(action.turnId, action.text, answerer)
      else await conversation.regenerate(action.turnId, answerer)
    }
  }

  /** With the model that began the answer, whichever is chosen now. */
  private async goOn(): Promise<void> {
    const conversation = this.conversation
    const modelId = conversation?.turns.at(-1)?.kept?.modelId ?? ''
    const model = this.state && listModels(this.state).find((one) => one.id === modelId)
    if (!model) {
      this.problem = chatWords().app.modelGone
      return
    }
    this.#follow = true
    this.choose(modelId)
    const answerer = await this.answererWith(modelId)
    if (answerer) await conversation?.goOn(answerer)
  }

  private async stop(): Promise<void> {
    await this.conversation?.stop().catch((error: unknown) => (this.problem = problemOf(error)))
  }

  private begin(): void {
    this.#chats?.begin()
    this.showConversation()
  }

  /** What the list brought into view; on a phone the list makes room for it. */
  private showConversation(): void {
    this.timing = null
    this.problem = ''
    this.#follow = true
    if (KeptChats.covers()) this.listing = false
    this.focusMessage()
  }

  private async toggleList(): Promise<void> {
    this.listing = !this.listing
    await this.updateComplete
    const next = this.listing ? KeptChats.tag : '.chats'
    this.renderRoot.querySelector<HTMLElement>(next)?.focus()
  }

  private set(settings: ChatSettings): void {
    this.settings = settings
    writeSettings(settings)
  }

  private setAdapters(adapters: NodeState['adapters']): Promise<void> {
    return this.act((api) => api.setAdapters(this.model?.id ?? '', adapters))
  }

  private token(timing: StepTiming): void {
    this.timing = timing
    this.tick++
    this.dispatchEvent(new CustomEvent('token', { detail: timing, bubbles: true, composed: true }))
  }

  /** Only a person scrolls up; what grows below the end in view is still followed. */
  private scrolled(event: Event): void {
    const box = event.target as HTMLElement
    const isNearEnd = box.scrollHeight - box.scrollTop - box.clientHeight < FOLLOW_WITHIN_PX
    this.#follow = isNearEnd || (this.#follow && box.scrollTop >= this.#scrolledTo)
    this.#scrolledTo = box.scrollTop
  }

  private followText(): void {
    const box = this.renderRoot.querySelector('.scroll')
    if (box && this.#follow && this.conversation?.turns.length) box.scrollTop = box.scrollHeight
  }

  private async act(action: (api: NodeApi) => Promise<unknown>): Promise<void> {
    if (!this.api) return
    this.problem = ''
    try {
      await action(this.api)
    } catch (error) {
      if (errorCode(error) !== 'CANCELLED') this.problem = problemOf(error)
    }
  }
}

function placeholderFor(model: ModelState | undefined): string {
  const words = chatWords().app
  if (!model) return words.chooseFirst
  return model.chat === false ? words.beginText : words.write
}

customElements.define(ChatApp.tag, ChatApp)
