// The list of chats at the side of the conversation, or over it on a phone: carries out what a person asks of them.

import { css, html, LitElement, nothing, type PropertyValues } from 'lit'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { saveFile } from '../../ui/save-file.ts'
import type { ListAction, SaveAction } from './chat-list.ts'
import './chat-list.ts'
import type { ChatStore, ChatSummary } from './chat-store.ts'
import type { Chat } from './chat-tree.ts'
import { newId } from './new-id.ts'
import type { OpenChats } from './open-chats.ts'
import { chatWords } from './words/chat-words.ts'

/** Below this width the list covers the conversation. */
const COVERS = '(max-width: 1000px)'

export class KeptChats extends LitElement {
  static readonly tag = 'kept-chats'

  static override properties = {
    store: { attribute: false },
    chats: { attribute: false },
    shown: { attribute: false },
    answering: { attribute: false },
    found: { state: true },
    note: { state: true },
    problem: { state: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: grid;
        min-height: 0;
      }
    `,
  ]

  static covers(): boolean {
    return matchMedia(COVERS).matches
  }

  declare store: ChatStore | null
  declare chats: OpenChats | null
  /** The chat in view. */
  declare shown: Chat | undefined
  declare answering: ReadonlySet<string>
  declare found: readonly ChatSummary[]
  declare note: string
  declare problem: Problem | null
  #query = ''

  constructor() {
    super()
    this.store = null
    this.chats = null
    this.shown = undefined
    this.answering = new Set()
    this.found = []
    this.note = ''
    this.problem = null
  }

  override render() {
    return html`<chat-list
      .chats=${this.found}
      current=${this.shown?.id ?? ''}
      .answering=${this.answering}
      note=${this.note}
      .problem=${this.problem ? renderProblem(this.problem) : nothing}
      @list-action=${(event: CustomEvent<ListAction>) => this.take(event.detail)}
      @keydown=${(event: KeyboardEvent) => (event.key === 'Escape' ? this.tell('close-list') : undefined)}
    ></chat-list>`
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get('shown')
    const after = this.shown
    // A chat joins the list with its first turn, and an answer that ends may hold what is looked for.
    const isOther = before?.id !== after?.id || before?.turns.length !== after?.turns.length
    if (changed.has('store') || (changed.has('shown') && isOther)) void this.refresh()
  }

  override focus(): void {
    this.renderRoot.querySelector<HTMLElement>('chat-list')?.focus()
  }

  private async refresh(): Promise<void> {
    await this.chats?.flush()
    this.found = (await this.store?.find(this.#query)) ?? []
  }

  private async take(action: ListAction): Promise<void> {
    this.note = ''
    this.problem = null
    try {
      await this.carryOut(action)
    } catch (error) {
      this.problem = problemOf(error)
    }
  }

  private async carryOut(action: ListAction): Promise<void> {
    const { chats, store } = this
    if (!chats || !store) return
    switch (action.what) {
      case 'close':
        return this.tell('close-list')
      case 'new':
        return this.tell('new-chat')
      case 'find':
        this.#query = action.query
        return this.refresh()
      case 'open':
        await chats.open(action.id)
        return this.tell('shown')
      case 'rename':
        await chats.rename(action.id, action.title)
        return this.refresh()
      case 'delete':
        await chats.remove(action.id)
        return this.refresh()
      case 'bring-in':
        return this.bringIn(action.file)
      default:
        return this.save(action)
    }
  }

  private async save(action: SaveAction): Promise<void> {
    const { chats, store } = this
    if (!chats || !store) return
    await chats.flush()
    const { writeChats, writeMarkdown, fileNameOf } = await import('./chat-files.ts')
    const bytes = (text: string) => new TextEncoder().encode(text)
    if (action.what === 'save-all') return saveFile('centram-chats.json', bytes(writeChats(await store.all())))
    const chat = await store.load(action.id)
    if (!chat) return
    const name = fileNameOf(chat)
    if (action.what === 'save-json') return saveFile(`${name}.json`, bytes(writeChats([chat])))
    saveFile(`${name}.md`, bytes(writeMarkdown(chat, chatWords().turns)))
  }

  /** What is here already is left as it is; another state of a chat that is here comes in beside it. */
  private async bringIn(file: File): Promise<void> {
    const { store } = this
    if (!store) return
    const { MAX_FILE_BYTES, isSameChat, readChats } = await import('./chat-files.ts')
    if (file.size > MAX_FILE_BYTES) {
      this.problem = { code: 'BAD_ARGUMENT', message: chatWords().list.fileTooLarge(file.name) }
      return
    }
    let added = 0
    let known = 0
    for (const chat of readChats(file.name, await file.text())) {
      const here = await store.load(chat.id)
      if (here && isSameChat(here, chat)) {
        known++
        continue
      }
      await store.save(here ? { ...chat, id: newId() } : chat, new Set())
      added++
    }
    this.note = chatWords().list.broughtIn(added, known)
    await this.refresh()
  }

  private tell(type: 'close-list' | 'new-chat' | 'shown'): void {
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, composed: true }))
  }
}

customElements.define(KeptChats.tag, KeptChats)
