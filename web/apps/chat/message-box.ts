// Where a person writes: the text, send or stop, and the model it goes to.

import { css, html, LitElement } from 'lit'
import { baseStyles } from '../../ui/base-styles.ts'
import { icons } from '../../ui/icons.ts'

export class MessageBox extends LitElement {
  static readonly tag = 'message-box'

  static override properties = {
    model: {},
    placeholder: {},
    answering: { type: Boolean },
    blocked: { type: Boolean },
    choosing: { type: Boolean },
    text: { state: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      form {
        display: grid;
        grid-template-columns: 1fr auto;
        gap: 0 var(--step);
        padding: 4px;
        border: 1px solid var(--line-strong);
        border-radius: 12px;
        background: var(--paper-raised);
      }
      form:focus-within {
        border-color: var(--accent);
      }
      textarea {
        grid-column: 1 / -1;
        min-height: 48px;
        max-height: 30vh;
        padding: 8px 12px;
        border: 0;
        background: none;
        line-height: 1.5;
        resize: none;
        field-sizing: content;
      }
      textarea:focus-visible {
        outline: none;
      }
      .line {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        min-width: 0;
      }
      .model {
        min-width: 0;
        max-width: 100%;
        color: var(--ink-soft);
        font-size: var(--size-small);
      }
      .model span {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      ::slotted(*) {
        margin: 0 0 4px 4px;
      }
      .go {
        align-self: end;
        width: 40px;
        min-height: 40px;
        padding: 0;
      }
    `,
  ]

  declare model: string
  declare placeholder: string
  declare answering: boolean
  declare blocked: boolean
  declare choosing: boolean
  declare text: string

  constructor() {
    super()
    this.model = ''
    this.placeholder = ''
    this.answering = false
    this.blocked = false
    this.choosing = false
    this.text = ''
  }

  override render() {
    return html`<form @submit=${(event: Event) => this.send(event)}>
      <textarea
        rows="1"
        aria-label="Message"
        placeholder=${this.placeholder}
        .value=${this.text}
        @input=${(event: Event) => (this.text = (event.target as HTMLTextAreaElement).value)}
        @keydown=${(event: KeyboardEvent) => this.key(event)}
      ></textarea>
      <div class="line">
        <button
          type="button"
          class="plain model"
          aria-label=${this.model ? `Model: ${this.model}` : 'Choose a model'}
          aria-expanded=${this.choosing}
          @click=${() => this.dispatchEvent(new CustomEvent('choose', { bubbles: true, composed: true }))}
        >
          <span>${this.model || 'Choose a model'}</span>${icons.chevron}</button
        ><slot name="adapters"></slot>
      </div>
      ${
        this.answering
          ? html`<button type="button" class="go" aria-label="Stop" title="Stop" @click=${() => this.tell('stop', '')}>
              ${icons.stop}
            </button>`
          : html`<button
              class="go primary"
              aria-label="Send"
              title="Send"
              ?disabled=${this.blocked || this.text.trim() === ''}
            >
              ${icons.send}
            </button>`
      }
    </form>`
  }

  override focus(): void {
    this.renderRoot.querySelector('textarea')?.focus()
  }

  /** Puts a text back that could not be sent. */
  giveBack(text: string): void {
    if (this.text === '') this.text = text
  }

  private key(event: KeyboardEvent): void {
    // Enter sends; with Shift, or while an input method composes a character, it belongs to the text.
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) this.send(event)
    if (event.key === 'Escape' && this.answering) this.tell('stop', '')
  }

  private send(event: Event): void {
    event.preventDefault()
    const text = this.text.trim()
    if (text === '' || this.answering || this.blocked) return
    this.text = ''
    this.tell('send', text)
  }

  private tell(type: 'send' | 'stop', text: string): void {
    this.dispatchEvent(new CustomEvent(type, { detail: text, bubbles: true, composed: true }))
  }
}

customElements.define(MessageBox.tag, MessageBox)
