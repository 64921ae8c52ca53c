// The shell: rail, the swarm's line, notices, sharing, and whichever app is in front. State comes from the node's `watch` only.

import { html, LitElement, nothing, type PropertyValues } from 'lit'
import type { ModelInput, NodeApi, NodeState, Notice, StepTiming } from '../worker/node/api.ts'
import { ChatApp } from './apps/chat/chat-app.ts'
import type { LabApp } from './apps/lab/lab-app.ts'
import type { WalletApp } from './apps/wallet/wallet-app.ts'
import { appStyles } from './app-styles.ts'
import { filesOfDrop } from './ui/dropped-files.ts'
import { baseStyles } from './ui/base-styles.ts'
import { icons } from './ui/icons.ts'
import './ui/language-choice.ts'
import { language } from './ui/language.ts'
import { createLastingStorage, isKeeping } from './ui/lasting-storage.ts'
import './ui/notice-list.ts'
import { sortFiles } from './ui/sort-files.ts'
import './ui/swarm-line.ts'
import { answerTabs } from './ui/tab-payments.ts'
import { uiWords } from './ui/words/ui-words.ts'
import { fetchPart, VIEWS, type View } from './views.ts'

const VIEW = 'centram.view'

export class CentramApp extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { state: true },
    view: { state: true },
    sharing: { state: true },
    dropping: { state: true },
    crash: { state: true },
    tick: { state: true },
    timing: { state: true },
  }

  static override styles = [baseStyles, appStyles]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare view: View
  declare sharing: boolean
  declare dropping: boolean
  /** Why there is no node at all, once that is known. */
  declare crash: string
  declare tick: number
  declare timing: StepTiming | null

  readonly #lasting = createLastingStorage(navigator.storage)
  #unanswerTabs = () => {}

  constructor() {
    super()
    document.documentElement.lang = language()
    this.api = null
    this.state = null
    // A link to a payment opens the wallet, one to an experiment the Lab, whatever was in front before.
    const query = new URLSearchParams(location.search)
    const linked = query.has('pay') ? 'wallet' : query.has('experiment') ? 'lab' : undefined
    this.view = linked ?? VIEWS.find((view) => view === sessionStorage.getItem(VIEW)) ?? 'chat'
    this.sharing = false
    this.dropping = false
    this.crash = ''
    this.tick = 0
    this.timing = null
  }

  /** Shows the node behind `api` from now on. */
  attach(api: NodeApi): void {
    this.api = api
    api.watch((state) => this.follow(state)).catch((error: unknown) => (this.crash = String(error)))
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#unanswerTabs = answerTabs(
      () => this.state,
      (request) => void this.openPayment(request),
    )
    addEventListener('dragover', this.#dragOver)
    addEventListener('dragleave', this.#dragLeave)
    addEventListener('drop', this.#drop)
  }

  override disconnectedCallback(): void {
    this.#unanswerTabs()
    removeEventListener('dragover', this.#dragOver)
    removeEventListener('dragleave', this.#dragLeave)
    removeEventListener('drop', this.#drop)
    super.disconnectedCallback()
  }

  override render() {
    const words = uiWords().shell
    return html`
      <nav aria-label=${words.apps}>
        <button class="skip" @click=${() => this.skip()}>${words.skip}</button>
        ${VIEWS.map((view) => this.renderTab(view))}
      </nav>
      <header>
        <h1 class="visually-hidden">${words[this.view]}</h1>
        <swarm-line .state=${this.state}></swarm-line>
        <language-choice></language-choice>
        <button class="plain share" aria-expanded=${this.sharing} @click=${() => (this.sharing = !this.sharing)}>
          ${icons.share}<span>${words.share}</span>
        </button>
      </header>
      <div class="notices">
        <notice-list .notices=${this.notices()}></notice-list>
        ${
          this.sharing
            ? html`<section
                class="sharing"
                aria-label=${words.share}
                @keydown=${(event: KeyboardEvent) => event.key === 'Escape' && this.closeSharing()}
              >
                <share-panel .api=${this.api} .state=${this.state}></share-panel>
                <button class="plain close" aria-label=${words.close} @click=${() => this.closeSharing()}>
                  ${icons.close}
                </button>
              </section>`
            : nothing
        }
      </div>
      <main
        tabindex="-1"
        @show-share=${() => (this.sharing = true)}
        @token=${(event: CustomEvent<StepTiming>) => this.token(event.detail)}
        @open-chat=${(event: CustomEvent<string>) => this.openChat(event.detail)}
        @choose-model=${() => (this.view === 'node' ? this.show('chat') : undefined)}
      >
        <chat-app ?hidden=${this.view !== 'chat'} .api=${this.api} .state=${this.state}></chat-app>
        <lab-app ?hidden=${this.view !== 'lab'} .api=${this.api} .state=${this.state}></lab-app>
        <wallet-app ?hidden=${this.view !== 'wallet'} .api=${this.api} .state=${this.state}></wallet-app>
        <node-app
          ?hidden=${this.view !== 'node'}
          .api=${this.api}
          .state=${this.state}
          .tick=${this.tick}
          .timing=${this.timing}
        ></node-app>
      </main>
      ${
        this.dropping
          ? html`<div class="drop" aria-hidden="true">
              <p>${this.view === 'lab' ? words.dropInLab : words.dropInChat} ${words.dropStays}</p>
            </div>`
          : nothing
      }
    `
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('view')) void this.fetch(this.view)
    if (changed.has('sharing') && this.sharing) void this.fetch('share')
  }

  override updated(changed: PropertyValues<this>): void {
    // Who reads by ear, and the list of open windows, hear where they are.
    document.title = `${uiWords().shell[this.view]} · Centram`
    if (changed.has('state') && this.state && isKeeping(this.state)) void this.#lasting.ask()
  }

  private renderTab(view: View) {
    const current = this.view === view
    return html`<button class="tab" aria-current=${current ? 'page' : nothing} @click=${() => this.show(view)}>
      ${icons[view]}<span>${uiWords().shell[view]}</span>
    </button>`
  }

  private notices(): readonly Notice[] {
    const crash: Notice[] = this.crash
      ? [{ id: `crash ${this.crash}`, level: 'error', code: 'INTERNAL', message: this.crash }]
      : []
    const gpu = this.state?.gpu
    const lost: Notice[] =
      gpu?.kind === 'none' && gpu.reason === 'device-lost'
        ? [{ id: 'device-lost', level: 'error', code: 'GPU_LOST', message: `${gpu.message} ${gpu.remedy}` }]
        : []
    return [...crash, ...lost, ...(this.state?.notices ?? [])]
  }

  private follow(state: NodeState): void {
    const was = this.state?.room?.invite
    const asked = state.nearby.pairing?.stage === 'asked' && this.state?.nearby.pairing?.stage !== 'asked'
    // Somebody stands beside another device and waits.
    if (asked) this.sharing = true
    if (this.state?.placement?.modelId !== state.placement?.modelId) this.timing = null
    this.state = state
    const invite = state.room?.invite
    // The address bar carries the invite, so that a reload returns to the room.
    if (invite !== was) {
      const url = invite && URL.canParse(invite) ? new URL(invite).hash : ''
      if (url || was) history.replaceState(null, '', `${location.pathname}${location.search}${url}`)
    }
  }

  private show(view: View): void {
    this.view = view
    sessionStorage.setItem(VIEW, view)
  }

  /** False where the app's files cannot be had; that is told. */
  private async fetch(part: View | 'share'): Promise<boolean> {
    try {
      await fetchPart(part)
      return true
    } catch {
      this.crash = uiWords().shell.notFetched
      return false
    }
  }

  private closeSharing(): void {
    this.sharing = false
    this.renderRoot.querySelector<HTMLElement>('.share')?.focus()
  }

  private openChat(modelId: string): void {
    this.show('chat')
    this.renderRoot.querySelector<ChatApp>(ChatApp.tag)?.useModel(modelId)
  }

  private async openPayment(request: string): Promise<void> {
    this.show('wallet')
    if (await this.fetch('wallet')) {
      await this.renderRoot.querySelector<WalletApp>('wallet-app')?.openPayment(request)
    }
  }

  private skip(): void {
    this.renderRoot.querySelector<HTMLElement>('main')?.focus()
  }

  private token(timing: StepTiming): void {
    this.timing = timing
    this.tick++
    // A conversation is something to keep.
    void this.#lasting.ask()
  }

  readonly #dragOver = (event: DragEvent): void => {
    if (!event.dataTransfer?.types.includes('Files')) return
    event.preventDefault()
    this.dropping = true
  }

  readonly #dragLeave = (event: DragEvent): void => {
    // Leaving for another element of the page is not leaving the page.
    if (event.relatedTarget === null) this.dropping = false
  }

  readonly #drop = (event: DragEvent): void => {
    this.dropping = false
    if (!event.dataTransfer?.types.includes('Files')) return
    event.preventDefault()
    void this.take(event.dataTransfer)
  }

  private async take(transfer: DataTransfer): Promise<void> {
    const files = await filesOfDrop(transfer)
    if (files.length === 0) return
    const sorted = sortFiles(files)
    if (sorted.purpose !== 'model') {
      this.show('lab')
      if (!(await this.fetch('lab'))) return
      await this.updateComplete
      this.renderRoot.querySelector<LabApp>('lab-app')?.takeFiles(sorted)
      return
    }
    this.show('chat')
    const input: ModelInput = { kind: 'files', files, names: files.map((file) => file.name) }
    await this.renderRoot.querySelector<ChatApp>(ChatApp.tag)?.addModel(input)
  }
}

customElements.define('centram-app', CentramApp)
