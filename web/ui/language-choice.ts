// The other languages of the page, each named in itself, to switch to with one press.

import { css, html, LitElement } from 'lit'
import { baseStyles } from './base-styles.ts'
import { language, LANGUAGES, setLanguage, type Language } from './language.ts'

export class LanguageChoice extends LitElement {
  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .code {
        display: none;
        text-transform: uppercase;
      }
      @media (max-width: 640px) {
        .name {
          display: none;
        }
        .code {
          display: inline;
        }
      }
    `,
  ]

  override render() {
    const others = (Object.keys(LANGUAGES) as Language[]).filter((one) => one !== language())
    return others.map(
      (one) =>
        html`<button class="plain" lang=${one} aria-label=${LANGUAGES[one]} @click=${() => setLanguage(one)}>
          <span class="name">${LANGUAGES[one]}</span><span class="code">${one}</span>
        </button>`,
    )
  }
}

customElements.define('language-choice', LanguageChoice)
