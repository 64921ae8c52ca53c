// The shell: rail, the swarm's line, notices, sharing, and whichever app is in front. State comes from the node's `watch` only.

import { html, LitElement, nothing } from 'lit'
import type { ModelInput, NodeApi, NodeState, Notice, StepTiming } from '../worker/node/api.ts'
import { ChatApp } from './apps/chat/chat-app.ts'
import './apps/dashboard/node-app.ts'
import { LabApp } from './apps/lab/lab-app.ts'
import { appStyles } from './app-styles.ts'
import { filesOfDrop } from './ui/dropped-files.ts'
import { baseStyles } from './ui/base-styles.ts'
import { icons } from './ui/icons.ts'
import './ui/notice-list.ts'
import './ui/share-panel.ts'
import { sortFiles } from './ui/sort-files.ts'
import './ui/swarm-line.ts'

const VIEWS = ['chat', 'lab', 'node'] as const
type View = (typeof VIEWS)[number]
const VIEW = 'centram.view'

const DROP_WORDS = {
  chat: 'Drop a .gguf, a .safetensors, or the files of a Hugging Face folder to run a model; a text to train on.',
  lab: 'Drop .txt, .md or .jsonl files to train on, or an adapter: a zip, or its two files.',
}

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

  constructor() {
    super()
    this.api = null
    this.state = null
    this.view = VIEWS.find((view) => view === sessionStorage.getItem(VIEW)) ?? 'chat'
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
    addEventListener('dragover', this.#dragOver)
    addEventListener('dragleave', this.#dragLeave)
    addEventListener('drop', this.#drop)
  }

  override disconnectedCallback(): void {
    removeEventListener('dragover', this.#dragOver)
    removeEventListener('dragleave', this.#dragLeave)
    removeEventListener('drop', this.#drop)
    super.disconnectedCallback()
  }

  override render() {
    return html`
      <a class="skip" href="#main" @click=${(event: Event) => this.skip(event)}>Skip to the content</a>
      <nav aria-label="Apps">
        ${this.renderTab('chat', 'Chat', icons.chat)} ${this.renderTab('lab', 'Lab', icons.lab)}
        ${this.renderTab('node', 'Node', icons.node)}
      </nav>
      <header>
        <swarm-line .state=${this.state}></swarm-line>
        <button class="plain share" aria-expanded=${this.sharing} @click=${() => (this.sharing = !this.sharing)}>
          ${icons.share}<span>Share</span>
        </button>
      </header>
      <div class="notices">
        <notice-list .notices=${this.notices()}></notice-list>
        ${
          this.sharing
            ? html`<section class="sharing" aria-label="Share">
                <share-panel .api=${this.api} .state=${this.state}></share-panel>
                <button class="plain close" aria-label="Close" @click=${() => (this.sharing = false)}>
                  ${icons.close}
                </button>
              </section>`
            : nothing
        }
      </div>
      <main
        id="main"
        tabindex="-1"
        @show-share=${() => (this.sharing = true)}
        @token=${(event: CustomEvent<StepTiming>) => this.token(event.detail)}
        @open-chat=${(event: CustomEvent<string>) => this.openChat(event.detail)}
        @choose-model=${() => (this.view === 'node' ? this.show('chat') : undefined)}
      >
        <chat-app ?hidden=${this.view !== 'chat'} .api=${this.api} .state=${this.state}></chat-app>
        <lab-app ?hidden=${this.view !== 'lab'} .api=${this.api} .state=${this.state}></lab-app>
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
              <p>${DROP_WORDS[this.view === 'lab' ? 'lab' : 'chat']} They stay on this device.</p>
            </div>`
          : nothing
      }
    `
  }

  private renderTab(view: View, label: string, icon: unknown) {
    const current = this.view === view
    return html`<button class="tab" aria-current=${current ? 'page' : nothing} @click=${() => this.show(view)}>
      ${icon}<span>${label}</span>
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

  private openChat(modelId: string): void {
    this.show('chat')
    this.renderRoot.querySelector<ChatApp>(ChatApp.tag)?.useModel(modelId)
  }

  private skip(event: Event): void {
    event.preventDefault()
    this.renderRoot.querySelector<HTMLElement>('main')?.focus()
  }

  private token(timing: StepTiming): void {
    this.timing = timing
    this.tick++
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
      await this.updateComplete
      this.renderRoot.querySelector<LabApp>(LabApp.tag)?.takeFiles(sorted)
      return
    }
    this.show('chat')
    const input: ModelInput = { kind: 'files', files, names: files.map((file) => file.name) }
    await this.renderRoot.querySelector<ChatApp>(ChatApp.tag)?.addModel(input)
  }
}

customElements.define('centram-app', CentramApp)
