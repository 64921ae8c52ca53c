// Files to be given: a place to drop or choose them, and those that are there, each with what is wrong with it.

import { css, html, LitElement, nothing } from 'lit'
import { baseStyles } from '../../ui/base-styles.ts'
import { renderProblem, type Problem } from '../../ui/error-words.ts'
import { formatBytes } from '../../ui/format.ts'
import { icons } from '../../ui/icons.ts'
import { trainingWords } from './words/training.ts'

export class FileDrop extends LitElement {
  static override properties = {
    label: {},
    words: {},
    accept: {},
    files: { attribute: false },
    problem: { attribute: false },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .place {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: center;
        gap: 0 4px;
        padding: 20px 16px;
        border: 1.5px dashed var(--line-strong);
        border-radius: var(--radius);
        background: var(--paper-raised);
      }
      .place.few {
        padding: 8px 12px;
      }
      input {
        position: absolute;
        width: 1px;
        height: 1px;
        min-height: 0;
        padding: 0;
        opacity: 0;
        pointer-events: none;
      }
      li {
        padding: 4px 0;
        border-bottom: 1px solid var(--line);
      }
      .file {
        display: flex;
        align-items: center;
        gap: var(--step);
      }
      .name {
        flex: 1;
        min-width: 0;
        overflow-wrap: anywhere;
      }
      .problem {
        padding-bottom: 4px;
      }
      button svg {
        width: 18px;
        height: 18px;
      }
      ul + .place {
        margin-top: var(--step);
      }
    `,
  ]

  declare label: string
  declare words: string
  declare accept: string
  declare files: readonly File[]
  declare problem: (Problem & { readonly name: string }) | null

  constructor() {
    super()
    this.label = ''
    this.words = ''
    this.accept = ''
    this.files = []
    this.problem = null
  }

  override render() {
    const some = this.files.length > 0
    const words = trainingWords().drop
    return html`
      ${
        some
          ? html`<ul aria-label=${this.label}>
              ${this.files.map((file) => this.renderFile(file))}
            </ul>`
          : nothing
      }
      <div class="place ${some ? 'few' : ''}">
        <span class="soft">${some ? words.more : words.or(this.words)}</span>
        <button type="button" class="plain" @click=${() => this.renderRoot.querySelector('input')?.click()}>
          ${words.choose}
        </button>
        <input
          type="file"
          multiple
          tabindex="-1"
          aria-label=${this.label}
          accept=${this.accept}
          @change=${(event: Event) => this.pick(event)}
        />
      </div>
    `
  }

  private renderFile(file: File) {
    const problem = this.problem?.name === file.name ? this.problem : null
    return html`<li>
      <div class="file">
        <span class="name">${file.name}</span>
        <span class="small soft figure">${formatBytes(file.size)}</span>
        <button
          type="button"
          class="plain"
          aria-label=${trainingWords().drop.takeOff(file.name)}
          @click=${() => this.tell('remove-file', file)}
        >
          ${icons.close}
        </button>
      </div>
      ${problem ? html`<p class="problem small loss" role="alert">${renderProblem(problem)}</p>` : nothing}
    </li>`
  }

  private pick(event: Event): void {
    const input = event.target as HTMLInputElement
    const files = [...(input.files ?? [])]
    input.value = ''
    if (files.length > 0) this.tell('add-files', files)
  }

  private tell(type: 'add-files' | 'remove-file', detail: File | readonly File[]): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }))
  }
}

customElements.define('file-drop', FileDrop)
