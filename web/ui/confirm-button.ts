// A button that asks once, in its place, before it does what cannot be undone.

import { css, html, LitElement } from 'lit'
import { baseStyles } from './base-styles.ts'
import { uiWords } from './words/ui-words.ts'

export class ConfirmButton extends LitElement {
  static override properties = {
    label: {},
    what: {},
    question: {},
    yes: {},
    no: {},
    asking: { state: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: inline-block;
      }
      .row {
        padding-left: 8px;
        font-size: var(--size-small);
      }
      .yes {
        color: var(--loss);
      }
    `,
  ]

  declare label: string
  /** What it is done to, for those who hear the button without its surroundings. */
  declare what: string
  declare question: string
  /** Where absent, simply yes and no. */
  declare yes: string
  declare no: string
  declare asking: boolean

  constructor() {
    super()
    this.label = ''
    this.what = ''
    this.question = ''
    this.yes = ''
    this.no = ''
    this.asking = false
  }

  override render() {
    if (!this.asking) {
      return html`<button
        class="plain"
        aria-label=${`${this.label} ${this.what}`.trim()}
        @click=${() => this.ask(true)}
      >
        ${this.label}
      </button>`
    }
    const words = uiWords().confirm
    return html`<span
      class="row"
      role="group"
      aria-label=${this.question}
      @keydown=${(event: KeyboardEvent) => this.key(event)}
    >
      <span>${this.question}</span>
      <button class="plain yes" @click=${() => this.confirm()}>${this.yes || words.yes}</button>
      <button class="plain no" @click=${() => this.ask(false)}>${this.no || words.no}</button>
    </span>`
  }

  private async ask(asking: boolean): Promise<void> {
    this.asking = asking
    await this.updateComplete
    // Focus goes to the harmless answer, so that a second press by accident does nothing.
    this.renderRoot.querySelector<HTMLElement>(asking ? '.no' : 'button')?.focus()
  }

  private confirm(): void {
    this.asking = false
    this.dispatchEvent(new CustomEvent('confirm', { bubbles: true, composed: true }))
  }

  private key(event: KeyboardEvent): void {
    if (event.key === 'Escape') void this.ask(false)
  }
}

customElements.define('confirm-button', ConfirmButton)
