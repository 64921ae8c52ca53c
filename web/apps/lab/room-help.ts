// What this node does for others when they ask: merges, and judging genomes on text that stays here. Both wait for a person's
// consent.

import { css, html, LitElement, nothing } from 'lit'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { formatBytes } from '../../ui/format.ts'
import { fieldStyles, textField, tickField } from './fields.ts'
import './file-drop.ts'
import { exchangeWords } from './words/lab-words.ts'

export class RoomHelp extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    domain: { state: true },
    files: { state: true },
    problem: { state: true },
  }

  static override styles = [
    baseStyles,
    fieldStyles,
    css`
      :host {
        display: block;
      }
      .body {
        max-width: 40rem;
        padding: 8px 0 16px;
      }
      .body > * + * {
        margin-top: 12px;
      }
      .field {
        max-width: 24rem;
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare domain: string
  declare files: readonly File[]
  declare problem: Problem | null

  constructor() {
    super()
    this.api = null
    this.state = null
    this.domain = ''
    this.files = []
    this.problem = null
  }

  override render() {
    const { state } = this
    if (!state) return nothing
    const { judging } = state
    const words = exchangeWords().room
    return html`<details>
      <summary>${words.help}</summary>
      <div class="body">
        ${tickField({
          label: words.merges,
          hint: words.mergesHint,
          checked: state.mergesForOthers,
          onChange: (allowed) => void this.act((api) => api.setMergesForOthers(allowed)),
        })}
        ${
          judging
            ? html`<p>${words.judging(judging.domain, formatBytes(judging.bytes))}</p>
                <button class="plain" @click=${() => this.act((api) => api.setJudgingText('', [], []))}>
                  ${words.judgeNoLonger}
                </button>`
            : html`<p class="soft">${words.offer}</p>
                ${textField({
                  label: words.about,
                  value: this.domain,
                  placeholder: words.aboutExample,
                  onChange: (domain) => (this.domain = domain),
                })}
                <file-drop
                  label=${words.text}
                  accept=".txt,.md,.jsonl"
                  words=${words.drop}
                  .files=${this.files}
                  @add-files=${(event: CustomEvent<readonly File[]>) => (this.files = [...this.files, ...event.detail])}
                  @remove-file=${(event: CustomEvent<File>) => (this.files = this.files.filter((file) => file !== event.detail))}
                ></file-drop>
                <button ?disabled=${this.files.length === 0 || this.domain.trim() === ''} @click=${() => this.offer()}>
                  ${words.judgeForOthers}
                </button>`
        }
        ${this.problem ? html`<p class="problem" role="alert">${renderProblem(this.problem)}</p>` : nothing}
      </div>
    </details>`
  }

  private async offer(): Promise<void> {
    const names = this.files.map(({ name }) => name)
    await this.act((api) => api.setJudgingText(this.domain, this.files, names))
    if (!this.problem) this.files = []
  }

  private async act(action: (api: NodeApi) => Promise<unknown>): Promise<void> {
    if (!this.api) return
    this.problem = null
    try {
      await action(this.api)
    } catch (error) {
      this.problem = problemOf(error)
    }
  }
}

customElements.define('room-help', RoomHelp)
