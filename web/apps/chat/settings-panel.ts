// The settings of a chat: what the model is told before the first question, and how its answers are sampled.

import { css, html, LitElement } from 'lit'
import { baseStyles } from '../../ui/base-styles.ts'
import { formatNumber } from '../../ui/format.ts'
import { DEFAULT_SETTINGS, MAX_SEED, RANGES, type ChatSettings, type RangedSetting } from './chat-settings.ts'
import { chatWords } from './words/chat-words.ts'

export class SettingsPanel extends LitElement {
  static override properties = { settings: { attribute: false }, system: {}, unheard: { type: Boolean } }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: grid;
        gap: 16px;
        font-size: var(--size-small);
      }
      textarea {
        min-height: 72px;
        max-height: 24vh;
        margin-top: 4px;
        font-size: var(--size-body);
        field-sizing: content;
        resize: vertical;
      }
      .fields {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(200px, 1fr));
        gap: 16px 32px;
      }
      label {
        display: block;
      }
      details .fields {
        padding: 8px 0;
      }
    `,
  ]

  declare settings: ChatSettings
  declare system: string
  /** The model in use only continues a text. */
  declare unheard: boolean

  constructor() {
    super()
    this.settings = DEFAULT_SETTINGS
    this.system = ''
    this.unheard = false
  }

  override render() {
    const words = chatWords().settings
    const { temperature, maxTokens, topK, topP, minP, repetitionPenalty, seed } = this.settings
    const off = (value: number, least: number) => (value === least ? words.off : formatNumber(value))
    return html`
      <label>
        <span>${words.system}</span>
        <textarea
          rows="2"
          placeholder=${words.systemHint}
          .value=${this.system}
          @input=${(event: Event) => this.tell('set-system', (event.target as HTMLTextAreaElement).value)}
        ></textarea>
        <span class="soft">${this.unheard ? words.systemUnheard : words.systemNote}</span>
      </label>
      <div class="fields">
        ${this.renderRange('temperature', words.temperature, temperature === 0 ? words.likeliest : formatNumber(temperature))}
        ${this.renderRange('maxTokens', words.maxTokens, words.tokens(maxTokens))}
      </div>
      <details>
        <summary>${words.more}</summary>
        <div class="fields">
          ${this.renderRange('topK', words.topK, topK === 0 ? words.all : formatNumber(topK))}
          ${this.renderRange('topP', words.topP, topP === 1 ? words.all : formatNumber(topP))}
          ${this.renderRange('minP', words.minP, off(minP, 0))}
          ${this.renderRange('repetitionPenalty', words.repetitionPenalty, off(repetitionPenalty, 1))}
          <label>
            <span>${words.seed}</span>
            <input
              inputmode="numeric"
              placeholder=${words.seedHint}
              .value=${seed === null ? '' : String(seed)}
              @input=${(event: Event) => this.setSeed(event.target as HTMLInputElement)}
            />
          </label>
        </div>
        <button type="button" class="plain" @click=${() => this.set(DEFAULT_SETTINGS)}>${words.reset}</button>
      </details>
    `
  }

  private renderRange(name: RangedSetting, label: string, value: string) {
    const [least, most, step] = RANGES[name]
    return html`<label>
      <span>${label} <span class="figure soft">${value}</span></span>
      <input
        type="range"
        min=${least}
        max=${most}
        step=${step}
        .value=${String(this.settings[name])}
        @input=${(event: Event) => this.set({ [name]: Number((event.target as HTMLInputElement).value) })}
      />
    </label>`
  }

  /** What is no seed does not stay in the field. */
  private setSeed(input: HTMLInputElement): void {
    const typed = input.value.trim()
    const seed = Number(typed)
    if (typed === '') this.set({ seed: null })
    else if (/^\d+$/.test(typed) && seed <= MAX_SEED) this.set({ seed })
    else input.value = this.settings.seed === null ? '' : String(this.settings.seed)
  }

  private set(change: Partial<ChatSettings>): void {
    this.tell('set-settings', { ...this.settings, ...change })
  }

  private tell(type: 'set-settings' | 'set-system', detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }))
  }
}

customElements.define('settings-panel', SettingsPanel)
