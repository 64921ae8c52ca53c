// Changing the key that others know this node by, with what each way of it means.

import { css, html, LitElement, nothing } from 'lit'
import type { KeyChange, NodeApi } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import '../../ui/confirm-button.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { dashboardWords } from './words/dashboard-words.ts'

const WAYS: readonly KeyChange[] = ['retired', 'compromised', 'anew']

export class KeySettings extends LitElement {
  static override properties = {
    api: { attribute: false },
    how: { state: true },
    problem: { state: true },
    busy: { state: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .body {
        max-width: 36rem;
        padding: 8px 0 16px;
      }
      fieldset {
        margin: 12px 0;
        padding: 0;
        border: 0;
      }
      label {
        display: grid;
        grid-template-columns: max-content minmax(0, 1fr);
        gap: 0 8px;
        padding: 6px 0;
      }
      label span {
        grid-column: 2;
      }
      input {
        min-height: 0;
        margin: 4px 0 0;
      }
    `,
  ]

  declare api: NodeApi | null
  declare how: KeyChange
  declare problem: Problem | null
  declare busy: boolean

  constructor() {
    super()
    this.api = null
    this.how = 'retired'
    this.problem = null
    this.busy = false
  }

  override render() {
    const words = dashboardWords().key
    return html`<details>
      <summary>${words.title}</summary>
      <div class="body">
        <p class="soft">${words.explain}</p>
        <fieldset>
          <legend class="visually-hidden">${words.why}</legend>
          ${WAYS.map(
            (how) =>
              html`<label>
                <input type="radio" name="how" .checked=${this.how === how} @change=${() => (this.how = how)} />
                <strong>${words.ways[how].label}</strong>
                <span class="small soft">${words.ways[how].words}</span>
              </label>`,
          )}
        </fieldset>
        ${
          this.busy
            ? html`<p class="soft" role="status">${words.changing}</p>`
            : html`<confirm-button
                label=${words.change}
                what=""
                question=${words.question}
                yes=${words.yes}
                no=${words.no}
                @confirm=${() => this.change()}
              ></confirm-button>`
        }
        ${this.problem ? html`<p class="loss small" role="alert">${renderProblem(this.problem)}</p>` : nothing}
      </div>
    </details>`
  }

  private async change(): Promise<void> {
    if (!this.api) return
    this.busy = true
    this.problem = null
    try {
      await this.api.changeKey(this.how)
      location.reload()
    } catch (error) {
      this.problem = problemOf(error)
      this.busy = false
    }
  }
}

customElements.define('key-settings', KeySettings)
