// Errors and notices in the language of the page. The node words them in English, exactly, with names and figures; in another
// language their code says what happened and what to do, and the node's own sentence stands under that as the detail.

import { html } from 'lit'
import { errorCode, errorMessage, type ErrorCode } from '#core/errors.ts'
import { language, type Language } from './language.ts'
import type { GpuState } from '../../worker/node/api.ts'
import { errorWordsDe, gpuProblemsDe } from './words/errors-de.ts'

export interface Problem {
  readonly code: ErrorCode
  readonly message: string
}

/** By language and code; English needs none, for the message itself is in English. */
const ERROR_WORDS: Readonly<Record<Exclude<Language, 'en'>, Readonly<Record<ErrorCode, string>>>> = { de: errorWordsDe }

/** What an element keeps of anything thrown, to show it in whichever language the page has then. */
export function problemOf(error: unknown): Problem {
  return { code: errorCode(error), message: errorMessage(error) }
}

/** The problem for a person: within a paragraph or a list's entry. */
export function renderProblem({ code, message }: Problem) {
  const chosen = language()
  if (chosen === 'en') return html`${message}`
  return html`${ERROR_WORDS[chosen][code]}<br /><small lang="en">${message}</small>`
}

/** Why there is no GPU and what to do, as one or two paragraphs. */
export function renderGpuProblem({ reason, message, remedy }: Extract<GpuState, { kind: 'none' }>) {
  if (language() === 'en')
    return html`<p>${message}</p>
      <p>${remedy}</p>`
  return html`<p>${gpuProblemsDe[reason]}<br /><small lang="en">${message} ${remedy}</small></p>`
}
