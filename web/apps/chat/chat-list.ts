// The chats that are kept: found by their words, opened, renamed, saved as files, brought in, deleted.

import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { baseStyles } from '../../ui/base-styles.ts'
import '../../ui/confirm-button.ts'
import { formatDay } from '../../ui/format.ts'
import { icons } from '../../ui/icons.ts'
import { chatIcons } from './chat-icons.ts'
import type { ChatSummary } from './chat-store.ts'
import { chatWords } from './words/chat-words.ts'

/** What a person asks of the chats. */
export type ListAction =
  | { readonly what: 'open' | 'delete'; readonly id: string }
  | SaveAction
  | { readonly what: 'rename'; readonly id: string; readonly title: string }
  | { readonly what: 'find'; readonly query: string }
  | { readonly what: 'bring-in'; readonly file: File }
  | { readonly what: 'new' | 'close' }

export type SaveAction =
  { readonly what: 'save-json' | 'save-markdown'; readonly id: string } | { readonly what: 'save-all' }

export class ChatList extends LitElement {
  static override properties = {
    chats: { attribute: false },
    current: {},
    answering: { attribute: false },
    note: {},
    problem: { attribute: false },
    query: { state: true },
    more: { state: true },
    renaming: { state: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        gap: 12px;
        min-height: 0;
        padding: 12px 16px 16px;
      }
      .head {
        display: flex;
        align-items: center;
        justify-content: space-between;
      }
      h2 {
        font-size: var(--size-body);
      }
      .list {
        flex: 1;
        min-height: 0;
        margin: 0 -8px;
        overflow-y: auto;
        overscroll-behavior: contain;
        scrollbar-width: thin;
      }
      .chat {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        align-items: center;
        border-radius: var(--radius);
      }
      .chat[data-current] {
        background: var(--accent-wash);
      }
      .open {
        flex-direction: column;
        align-items: flex-start;
        gap: 0;
        min-width: 0;
        padding: 6px 8px;
        border: 0;
        background: none;
        text-align: start;
      }
      .open > span {
        overflow: hidden;
        max-width: 100%;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .open .excerpt {
        display: -webkit-box;
        -webkit-line-clamp: 2;
        -webkit-box-orient: vertical;
        white-space: normal;
        overflow-wrap: anywhere;
      }
      .dots {
        width: 40px;
        min-height: 40px;
        padding: 0;
        color: var(--ink-soft);
      }
      .more,
      .rename {
        grid-column: 1 / -1;
        padding: 0 0 8px;
        font-size: var(--size-small);
      }
      .rename {
        display: flex;
        gap: var(--step);
        padding: 0 8px 8px;
      }
      .foot {
        gap: 0;
        margin: 0 -8px;
        font-size: var(--size-small);
      }
      input[type='file'] {
        display: none;
      }
    `,
  ]

  declare chats: readonly ChatSummary[]
  /** Id of the chat in view. */
  declare current: string
  /** Ids of those with an answer under way. */
  declare answering: ReadonlySet<string>
  /** What came of the last thing done. */
  declare note: string
  declare problem: unknown
  declare query: string
  /** Id of the chat whose further actions are shown. */
  declare more: string
  declare renaming: string

  constructor() {
    super()
    this.chats = []
    this.current = ''
    this.answering = new Set()
    this.note = ''
    this.problem = nothing
    this.query = ''
    this.more = ''
    this.renaming = ''
  }

  override render() {
    const words = chatWords().list
    return html`
      <div class="head">
        <h2>${words.title}</h2>
        <span>
          <button class="plain" @click=${() => this.act({ what: 'new' })}>
            ${icons.plus}${chatWords().app.newChat}</button
          ><button class="plain" aria-label=${chatWords().app.close} @click=${() => this.act({ what: 'close' })}>
            ${icons.close}
          </button>
        </span>
      </div>
      <input
        type="search"
        aria-label=${words.search}
        placeholder=${words.search}
        .value=${this.query}
        @input=${(event: Event) => this.find((event.target as HTMLInputElement).value)}
      />
      <div class="list">
        <ul>
          ${repeat(
            this.chats,
            (chat) => chat.id,
            (chat) => this.renderChat(chat),
          )}
        </ul>
        ${
          this.chats.length > 0
            ? nothing
            : html`<p class="soft small">${this.query.trim() ? words.nothing(this.query.trim()) : words.empty}</p>`
        }
      </div>
      <p class="small soft" role="status" ?hidden=${this.note === ''}>${this.note}</p>
      ${this.problem === nothing ? nothing : html`<p class="small loss" role="alert">${this.problem}</p>`}
      <div class="row foot">
        <button
          class="plain"
          @click=${() => this.renderRoot.querySelector<HTMLInputElement>('input[type=file]')?.click()}
        >
          ${words.bringIn}
        </button>
        ${
          this.chats.length > 0
            ? html`<button class="plain" @click=${() => this.act({ what: 'save-all' })}>${words.saveAll}</button>`
            : nothing
        }
        <input
          type="file"
          accept=".json,application/json"
          aria-label=${words.chatFile}
          @change=${(event: Event) => this.bringIn(event.target as HTMLInputElement)}
        />
      </div>
    `
  }

  private renderChat(chat: ChatSummary) {
    const words = chatWords().list
    const { id } = chat
    const title = chat.title || words.untitled
    const open = this.more === id
    const isCurrent = this.current === id
    return html`<li class="chat" data-chat=${id} ?data-current=${isCurrent}>
      <button class="open" aria-current=${isCurrent ? 'true' : nothing} @click=${() => this.act({ what: 'open', id })}>
        <span>${title}</span>
        ${chat.excerpt ? html`<span class="small soft excerpt">${chat.excerpt}</span>` : nothing}
        <span class="small soft">${this.answering.has(id) ? words.answering : formatDay(chat.changedAt)}</span>
      </button>
      <button
        class="plain dots"
        aria-label=${words.more(title)}
        aria-expanded=${open}
        @click=${() => this.showMore(open ? '' : id)}
      >
        ${chatIcons.more}
      </button>
      ${open ? (this.renaming === id ? this.renderRename(id, title) : this.renderMore(id, title)) : nothing}
    </li>`
  }

  private renderMore(id: string, title: string) {
    const words = chatWords().list
    return html`<div class="more row">
      <button class="plain" @click=${() => this.rename(id)}>${words.rename}</button>
      <button class="plain" @click=${() => this.act({ what: 'save-json', id })}>${words.saveJson}</button>
      <button class="plain" @click=${() => this.act({ what: 'save-markdown', id })}>${words.saveMarkdown}</button>
      <confirm-button
        label=${words.delete}
        what=${title}
        question=${words.deleteQuestion}
        yes=${words.deleteYes}
        no=${words.deleteNo}
        @confirm=${() => this.act({ what: 'delete', id })}
      ></confirm-button>
    </div>`
  }

  private renderRename(id: string, title: string) {
    const words = chatWords().list
    return html`<form class="rename" @submit=${(event: Event) => this.keepName(event, id)}>
      <input
        aria-label=${words.name}
        maxlength="200"
        .value=${title}
        @keydown=${(event: KeyboardEvent) => (event.key === 'Escape' ? this.leaveName(event) : undefined)}
      />
      <button>${words.keepName}</button>
    </form>`
  }

  override focus(): void {
    this.renderRoot.querySelector<HTMLElement>('input[type=search]')?.focus()
  }

  private find(query: string): void {
    this.query = query
    this.act({ what: 'find', query })
  }

  private showMore(id: string): void {
    this.more = id
    this.renaming = ''
  }

  private async rename(id: string): Promise<void> {
    this.renaming = id
    await this.updateComplete
    this.renderRoot.querySelector<HTMLInputElement>('.rename input')?.select()
  }

  private keepName(event: Event, id: string): void {
    event.preventDefault()
    const title = this.renderRoot.querySelector<HTMLInputElement>('.rename input')?.value.trim() ?? ''
    this.showMore('')
    this.act({ what: 'rename', id, title })
  }

  private leaveName(event: KeyboardEvent): void {
    event.stopPropagation()
    this.renaming = ''
  }

  private bringIn(input: HTMLInputElement): void {
    const [file] = input.files ?? []
    input.value = ''
    if (file) this.act({ what: 'bring-in', file })
  }

  private act(detail: ListAction): void {
    this.dispatchEvent(new CustomEvent('list-action', { detail, bubbles: true, composed: true }))
  }
}

customElements.define('chat-list', ChatList)
