// Keeping the key: a sealed file that brings this node back on another device, and bringing one back.

import { css, html, LitElement, nothing } from 'lit'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { saveFile } from '../../ui/save-file.ts'
import '../../ui/confirm-button.ts'
import { formatTime } from './figures.ts'
import { formStyles } from './form-styles.ts'
import { suggestPassphrase } from './passphrase.ts'
import { walletWords } from './words/wallet-words.ts'

const SHORTEST = 12

export class KeySafe extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    phrase: { state: true },
    shown: { state: true },
    stage: { state: true },
    file: { state: true },
    opening: { state: true },
    restoring: { state: true },
    problem: { state: true },
  }

  static override styles = [
    baseStyles,
    formStyles,
    css`
      details > form {
        padding: 8px 0 16px;
      }
      .phrase {
        max-width: 24rem;
      }
      .show {
        display: flex;
        align-items: center;
        gap: 8px;
      }
      .show input {
        width: 18px;
        height: 18px;
        min-height: 0;
        accent-color: var(--accent);
      }
      input[type='file'] {
        padding: 8px;
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare phrase: string
  declare shown: boolean
  declare stage: 'idle' | 'sealing' | 'saved'
  declare file: File | null
  /** The passphrase of the file that is brought back. */
  declare opening: string
  declare restoring: 'idle' | 'opening' | 'done'
  declare problem: Problem | string | null

  constructor() {
    super()
    this.api = null
    this.state = null
    this.phrase = ''
    this.shown = false
    this.stage = 'idle'
    this.file = null
    this.opening = ''
    this.restoring = 'idle'
    this.problem = null
  }

  override render() {
    const words = walletWords().key
    const { state } = this
    if (!state) return nothing
    const { backedUpAt } = state.ledger
    return html`
      <p class="soft small">${words.what}</p>
      <p class="small">${backedUpAt === null ? words.never : words.last(formatTime(backedUpAt))}</p>
      ${this.renderBackup(state)} ${this.renderRestore()}
      ${
        this.problem
          ? html`<p class="loss" role="alert">
              ${typeof this.problem === 'string' ? this.problem : renderProblem(this.problem)}
            </p>`
          : nothing
      }
    `
  }

  /** Opens the form and puts the cursor into it. */
  async begin(): Promise<void> {
    const details = this.renderRoot.querySelector<HTMLDetailsElement>('details')
    if (!details) return
    details.open = true
    details.scrollIntoView({ block: 'center' })
    details.querySelector<HTMLElement>('.phrase input')?.focus()
  }

  private renderBackup(state: NodeState) {
    const words = walletWords().key
    return html`<details>
      <summary>${words.make}</summary>
      <form @submit=${(event: Event) => this.backUp(event, state)}>
        <label class="field phrase">
          <span>${words.passphrase}</span>
          <input
            type=${this.shown ? 'text' : 'password'}
            autocomplete="new-password"
            aria-describedby="phrase-hint"
            .value=${this.phrase}
            @input=${(event: Event) => this.type((event.target as HTMLInputElement).value)}
          />
        </label>
        <div class="row">
          <button type="button" class="plain" @click=${() => this.suggest()}>${words.suggest}</button>
          <label class="show small">
            <input
              type="checkbox"
              .checked=${this.shown}
              @change=${(event: Event) => (this.shown = (event.target as HTMLInputElement).checked)}
            />
            ${words.show}
          </label>
        </div>
        <p id="phrase-hint" class="hint">${words.passphraseHint} ${words.change}</p>
        <button class="primary" ?disabled=${this.stage === 'sealing'}>
          ${this.stage === 'sealing' ? words.sealing : words.save}
        </button>
        <p class="small" role="status">${this.stage === 'saved' ? words.saved : nothing}</p>
      </form>
    </details>`
  }

  private renderRestore() {
    const words = walletWords().key
    return html`<details>
      <summary>${words.restore}</summary>
      <form @submit=${(event: Event) => event.preventDefault()}>
        <p class="small soft">${words.restoreWhat}</p>
        <label class="field phrase">
          <span>${words.file}</span>
          <input
            type="file"
            accept=".backup"
            @change=${(event: Event) => (this.file = (event.target as HTMLInputElement).files?.[0] ?? null)}
          />
        </label>
        <label class="field phrase">
          <span>${words.passphrase}</span>
          <input
            type="password"
            autocomplete="current-password"
            .value=${this.opening}
            @input=${(event: Event) => (this.opening = (event.target as HTMLInputElement).value)}
          />
        </label>
        ${
          this.restoring === 'idle'
            ? html`<confirm-button
                .label=${words.restoreNow}
                .question=${words.restoreQuestion}
                .yes=${words.restoreYes}
                .no=${words.restoreNo}
                @confirm=${() => this.restore()}
              ></confirm-button>`
            : html`<p role="status">${this.restoring === 'done' ? words.restored : words.opening}</p>`
        }
      </form>
    </details>`
  }

  private type(phrase: string): void {
    this.phrase = phrase
    this.stage = 'idle'
    this.problem = null
  }

  private suggest(): void {
    this.type(suggestPassphrase())
    this.shown = true
  }

  private async backUp(event: Event, { name }: NodeState): Promise<void> {
    event.preventDefault()
    if (!this.api || this.stage === 'sealing') return
    const words = walletWords().key
    this.problem = this.phrase.length < SHORTEST ? words.tooShort : null
    if (this.problem) return
    this.stage = 'sealing'
    try {
      const file = await this.api.backUpKey(this.phrase)
      saveFile(words.fileName(name.replace(/[^\p{L}\p{N}]+/gu, '-')), new Uint8Array(file))
      this.stage = 'saved'
    } catch (error) {
      this.problem = problemOf(error)
      this.stage = 'idle'
    }
  }

  private async restore(): Promise<void> {
    if (!this.api) return
    this.problem = this.file ? null : walletWords().key.noFile
    if (!this.file) return
    this.restoring = 'opening'
    try {
      await this.api.restoreKey(new Uint8Array(await this.file.arrayBuffer()), this.opening)
      this.restoring = 'done'
      location.reload()
    } catch (error) {
      this.problem = problemOf(error)
      this.restoring = 'idle'
    }
  }
}

customElements.define('key-safe', KeySafe)
