// Things a person should know now, each until they put it away.

import { css, html, LitElement, nothing } from 'lit'
import type { Notice } from '../../worker/node/api.ts'
import { baseStyles } from './base-styles.ts'
import { renderProblem } from './error-words.ts'
import { icons } from './icons.ts'
import { uiWords } from './words/ui-words.ts'

export class NoticeList extends LitElement {
  static override properties = { notices: { attribute: false }, dismissed: { state: true } }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .notice {
        display: flex;
        align-items: flex-start;
        gap: var(--step);
        padding: 8px 8px 8px 16px;
        border-bottom: 1px solid var(--line);
        background: var(--accent-wash);
        font-size: var(--size-small);
        line-height: 1.6;
      }
      .error {
        background: var(--loss-wash);
        color: var(--loss);
      }
      p {
        flex: 1;
        padding: 4px 0;
        min-width: 0;
        overflow-wrap: anywhere;
      }
      button.plain {
        padding: 4px;
        color: inherit;
      }
    `,
  ]

  declare notices: readonly Notice[]
  declare dismissed: ReadonlySet<string>

  constructor() {
    super()
    this.notices = []
    this.dismissed = new Set()
  }

  override render() {
    const shown = this.notices.filter((notice) => !this.dismissed.has(notice.id))
    if (shown.length === 0) return nothing
    const words = uiWords().notices
    return html`<section aria-label=${words.label}>
      ${shown.map(
        (notice) =>
          html`<div class="notice ${notice.level}" role=${notice.level === 'error' ? 'alert' : 'status'}>
            <p>${renderProblem(notice)}</p>
            <button class="plain" aria-label=${words.dismiss} @click=${() => this.dismiss(notice.id)}>
              ${icons.close}
            </button>
          </div>`,
      )}
    </section>`
  }

  private dismiss(id: string): void {
    this.dismissed = new Set(this.dismissed).add(id)
  }
}

customElements.define('notice-list', NoticeList)
