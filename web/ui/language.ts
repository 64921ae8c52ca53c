// The language of the page. An area keeps its words in a dictionary per language, of one shape; a sentence with something in
// it is a function. Elements read their words while they render, so a change of language shows at the next rendering.

import { LitElement } from 'lit'

export const LANGUAGES = { en: 'English', de: 'Deutsch' } as const
export type Language = keyof typeof LANGUAGES

/** How figures and days are written. */
const LOCALES: Readonly<Record<Language, string>> = { en: 'en-GB', de: 'de-DE' }
const KEPT = 'centram.language'

let current: Language = keptLanguage() ?? preferredLanguage()

export function language(): Language {
  return current
}

/** The language as `Intl` takes it. */
export function locale(): string {
  return LOCALES[current]
}

/** A function that returns the words of the present language; `de` has the shape of `en`, which the compiler holds it to. */
export function wordsOf<T>(dictionaries: Readonly<Record<Language, T>>): () => T {
  return () => dictionaries[current]
}

/** Changes the language of everything under `root` and keeps the choice for later visits. */
export function setLanguage(chosen: Language, root: Document | ShadowRoot = document): void {
  current = chosen
  try {
    localStorage.setItem(KEPT, chosen)
  } catch {
    // Storage is blocked: the choice lasts as long as the page.
  }
  document.documentElement.lang = chosen
  renderAnew(root)
}

function renderAnew(root: Document | ShadowRoot | Element): void {
  for (const element of root.querySelectorAll('*')) {
    if (element instanceof LitElement) element.requestUpdate()
    if (element.shadowRoot) renderAnew(element.shadowRoot)
  }
}

function keptLanguage(): Language | null {
  try {
    const kept = localStorage.getItem(KEPT)
    return kept !== null && kept in LANGUAGES ? (kept as Language) : null
  } catch {
    return null
  }
}

function preferredLanguage(): Language {
  const wanted = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase())
  return wanted.find((tag): tag is Language => tag in LANGUAGES) ?? 'en'
}
