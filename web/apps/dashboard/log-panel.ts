// The node's log: the latest lines first, filtered by subject, level and words, and saved as a file.

import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { NodeApi } from '../../../worker/node/api.ts'
import type { LogEvent, LogLine } from '../../../worker/node/limits-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { saveFile } from '../../ui/save-file.ts'
import { filterLines, formatTime, linesAsText, TOPICS, type LogFilter } from './log-lines.ts'
import { dashboardWords, logWords } from './words/dashboard-words.ts'
import { logSentence } from './words/log-sentence.ts'

const EVERY_MS = 1000
/** As many as the node keeps. */
const MOST_LINES = 2000
/** More would make the page slow; the file has all. */
const MOST_SHOWN = 300

export class LogPanel extends LitElement {
  static override properties = {
    api: { attribute: false },
    lines: { state: true },
    filter: { state: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .filters {
        display: grid;
        grid-template-columns: minmax(0, 2fr) minmax(0, 1fr) minmax(0, 1fr) auto;
        gap: var(--step);
        margin: 12px 0;
      }
      .lines {
        height: 320px;
        overflow-y: auto;
        padding: 4px 12px;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--paper-raised);
      }
      li {
        display: grid;
        grid-template-columns: max-content minmax(0, 1fr);
        gap: 0 16px;
        padding: 4px 0;
        border-top: 1px solid var(--line);
        overflow-wrap: anywhere;
      }
      li:first-child {
        border-top: 0;
      }
      .mark {
        font-weight: 600;
      }
      .error .mark {
        color: var(--loss);
      }
      @media (max-width: 700px) {
        .filters {
          grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
        }
        .filters input {
          grid-column: 1 / -1;
        }
        .filters button {
          grid-column: 1 / -1;
        }
        li {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ]

  declare api: NodeApi | null
  declare lines: readonly LogLine[]
  declare filter: LogFilter
  #timer: ReturnType<typeof setInterval> | undefined
  #isReading = false

  constructor() {
    super()
    this.api = null
    this.lines = []
    this.filter = { topic: 'all', level: 'info', words: '' }
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#timer = setInterval(() => void this.read(), EVERY_MS)
  }

  override disconnectedCallback(): void {
    clearInterval(this.#timer)
    super.disconnectedCallback()
  }

  override firstUpdated(): void {
    void this.read()
  }

  override render() {
    const words = dashboardWords().log
    const { lines, filter } = this
    const fitting = filterLines(lines, filter, sentence)
    return html`<p class="small soft">${words.explain}</p>
      <div class="filters">
        <input
          type="search"
          aria-label=${words.search}
          placeholder=${words.search}
          autocomplete="off"
          @input=${(event: Event) => this.narrow({ words: valueOf(event) })}
        />
        <select
          aria-label=${words.topic}
          @change=${(event: Event) => this.narrow({ topic: valueOf(event) as LogFilter['topic'] })}
        >
          ${(['all', ...TOPICS] as const).map(
            (topic) => html`<option value=${topic} ?selected=${filter.topic === topic}>${words.topics[topic]}</option>`,
          )}
        </select>
        <select
          aria-label=${words.level}
          @change=${(event: Event) => this.narrow({ level: valueOf(event) as LogFilter['level'] })}
        >
          ${(['info', 'warning', 'error'] as const).map(
            (level) => html`<option value=${level} ?selected=${filter.level === level}>${words.levels[level]}</option>`,
          )}
        </select>
        <button
          aria-label=${words.saveWords(fitting.length)}
          ?disabled=${fitting.length === 0}
          @click=${() => this.save(fitting)}
        >
          ${words.save}
        </button>
      </div>
      ${
        fitting.length === 0
          ? html`<p class="soft">${lines.length === 0 ? words.empty : words.none}</p>`
          : html`<div class="lines small" tabindex="0" role="region" aria-label=${words.newest}>
              <ol>
                ${repeat(
                  fitting.slice(-MOST_SHOWN).reverse(),
                  ({ number }) => number,
                  (line) => renderLine(line),
                )}
              </ol>
            </div>`
      }
      <p class="small soft figure" role="status">${words.shown(fitting.length, lines.length)}</p>`
  }

  private narrow(change: Partial<LogFilter>): void {
    this.filter = { ...this.filter, ...change }
  }

  private save(lines: readonly LogLine[]): void {
    const day = new Date().toISOString().slice(0, 10)
    saveFile(`centram-log-${day}.txt`, new TextEncoder().encode(linesAsText(lines, sentence)))
  }

  private async read(): Promise<void> {
    const isInView = document.visibilityState === 'visible' && this.checkVisibility()
    if (!this.api || this.#isReading || (!isInView && this.lines.length > 0)) return
    this.#isReading = true
    try {
      const more = await this.api.readLog(this.lines.at(-1)?.number ?? 0)
      if (more.length > 0) this.lines = [...this.lines, ...more].slice(-MOST_LINES)
    } catch {
      // The node is gone, of which the page tells elsewhere.
    } finally {
      this.#isReading = false
    }
  }
}

const sentence = (event: LogEvent) => logSentence(logWords(), event)
const valueOf = (event: Event) => (event.target as HTMLInputElement | HTMLSelectElement).value

function renderLine({ at, level, event }: LogLine) {
  const words = dashboardWords().log
  return html`<li class=${level}>
    <time class="figure soft" datetime=${new Date(at).toISOString()}>${formatTime(at)}</time>
    <span>${level === 'info' ? nothing : html`<span class="mark">${words[level]}: </span>`}${sentence(event)}</span>
  </li>`
}

customElements.define('log-panel', LogPanel)
