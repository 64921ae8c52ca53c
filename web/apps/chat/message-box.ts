// Where a person writes: the text, the files that go along, send or stop, and the model it goes to.

import { html, LitElement, nothing } from 'lit'
import { baseStyles } from '../../ui/base-styles.ts'
import { formatBytes } from '../../ui/format.ts'
import { icons } from '../../ui/icons.ts'
import { MAX_ATTACHMENT_BYTES, readAttachment, type Attachment } from './attachment.ts'
import { chatIcons } from './chat-icons.ts'
import { messageBoxStyles } from './message-box-styles.ts'
import { chatWords } from './words/chat-words.ts'

/** What a person sends. */
export interface Message {
  readonly text: string
  readonly attachments: readonly Attachment[]
}

type Panel = 'models' | 'settings'

export class MessageBox extends LitElement {
  static readonly tag = 'message-box'

  static override properties = {
    model: {},
    placeholder: {},
    answering: { type: Boolean },
    blocked: { type: Boolean },
    panel: {},
    text: { state: true },
    attachments: { state: true },
    problem: { state: true },
  }

  static override styles = [baseStyles, messageBoxStyles]

  declare model: string
  declare placeholder: string
  declare answering: boolean
  declare blocked: boolean
  /** The panel that stands open above. */
  declare panel: Panel | ''
  declare text: string
  declare attachments: readonly Attachment[]
  declare problem: string

  constructor() {
    super()
    this.model = ''
    this.placeholder = ''
    this.answering = false
    this.blocked = false
    this.panel = ''
    this.text = ''
    this.attachments = []
    this.problem = ''
  }

  override render() {
    const words = chatWords().box
    return html`<form @submit=${(event: Event) => this.send(event)}>
        ${this.attachments.length > 0 ? this.renderAttachments() : nothing}
        <textarea
          rows="1"
          aria-label=${words.message}
          placeholder=${this.placeholder}
          .value=${this.text}
          @input=${(event: Event) => (this.text = (event.target as HTMLTextAreaElement).value)}
          @keydown=${(event: KeyboardEvent) => this.key(event)}
          @paste=${(event: ClipboardEvent) => this.paste(event)}
        ></textarea>
        <div class="line">
          <button
            type="button"
            class="plain model"
            aria-label=${this.model ? words.model(this.model) : words.chooseModel}
            aria-expanded=${this.panel === 'models'}
            @click=${() => this.choose('models')}
          >
            <span>${this.model || words.chooseModel}</span>${icons.chevron}</button
          ><slot name="adapters"></slot>
        </div>
        <div class="line end">
          <button
            type="button"
            class="plain tool"
            aria-label=${chatWords().app.settings}
            title=${chatWords().app.settings}
            aria-expanded=${this.panel === 'settings'}
            @click=${() => this.choose('settings')}
          >
            ${chatIcons.sliders}
          </button>
          <button
            type="button"
            class="plain tool"
            aria-label=${words.attach}
            title=${words.attach}
            @click=${() => this.renderRoot.querySelector<HTMLInputElement>('input[type=file]')?.click()}
          >
            ${chatIcons.clip}
          </button>
          <input
            type="file"
            multiple
            hidden
            aria-label=${words.files}
            @change=${(event: Event) => this.pick(event.target as HTMLInputElement)}
          />
          ${
            this.answering
              ? html`<button
                  type="button"
                  class="go"
                  aria-label=${words.stop}
                  title=${words.stop}
                  @click=${() => this.tell('stop')}
                >
                  ${icons.stop}
                </button>`
              : html`<button
                  class="go primary"
                  aria-label=${words.send}
                  title=${words.send}
                  ?disabled=${this.blocked || this.isEmpty}
                >
                  ${icons.send}
                </button>`
          }
        </div>
      </form>
      ${this.problem ? html`<p class="loss small problem" role="alert">${this.problem}</p>` : nothing}`
  }

  private renderAttachments() {
    const words = chatWords().box
    return html`<ul class="files" aria-label=${words.files}>
      ${this.attachments.map(
        (file) =>
          html`<li>
            <span class="name">${file.name}</span>
            <span class="figure soft">${formatBytes(sizeOf(file))}</span>
            <button
              type="button"
              class="plain"
              aria-label=${words.detach(file.name)}
              @click=${() => (this.attachments = this.attachments.filter((one) => one !== file))}
            >
              ${icons.close}
            </button>
          </li>`,
      )}
    </ul>`
  }

  private get isEmpty(): boolean {
    return this.text.trim() === '' && this.attachments.length === 0
  }

  override focus(): void {
    this.renderRoot.querySelector('textarea')?.focus()
  }

  /** Puts back what could not be sent. */
  giveBack({ text, attachments }: Message): void {
    if (!this.isEmpty) return
    this.text = text
    this.attachments = attachments
  }

  /** Takes text files along with the next message. */
  async attach(files: readonly File[]): Promise<void> {
    const words = chatWords().box
    this.problem = ''
    for (const file of files) {
      const read = await readAttachment(file)
      const size = read === 'tooLarge' || read === 'notText' ? 0 : sizeOf(read)
      const total = this.attachments.reduce((sum, one) => sum + sizeOf(one), size)
      if (read === 'notText') this.problem = words.notText(file.name)
      else if (read === 'tooLarge' || total > MAX_ATTACHMENT_BYTES)
        this.problem = words.tooLarge(file.name, formatBytes(MAX_ATTACHMENT_BYTES))
      else this.attachments = [...this.attachments, read]
    }
  }

  private async pick(input: HTMLInputElement): Promise<void> {
    const files = [...(input.files ?? [])]
    input.value = ''
    await this.attach(files)
    this.focus()
  }

  private paste(event: ClipboardEvent): void {
    const files = [...(event.clipboardData?.files ?? [])]
    if (files.length === 0) return
    event.preventDefault()
    void this.attach(files)
  }

  private key(event: KeyboardEvent): void {
    // Enter sends; with Shift, or while an input method composes a character, it belongs to the text.
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) this.send(event)
    if (event.key === 'Escape' && this.answering) this.tell('stop')
  }

  private send(event: Event): void {
    event.preventDefault()
    if (this.isEmpty || this.answering || this.blocked) return
    const detail: Message = { text: this.text.trim(), attachments: this.attachments }
    this.text = ''
    this.attachments = []
    this.problem = ''
    this.tell('send', detail)
  }

  private choose(panel: Panel): void {
    this.tell('choose', panel)
  }

  private tell(type: 'send' | 'stop' | 'choose', detail?: Message | Panel): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }))
  }
}

function sizeOf({ text }: Attachment): number {
  return new Blob([text]).size
}

customElements.define(MessageBox.tag, MessageBox)
