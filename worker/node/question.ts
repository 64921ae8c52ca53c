// A question as nodes ask it of each other, and as the transcript of its answer names it.

import type { Question } from '#core/protocol/answer-transcript.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { GenerateRequest, KeptAnswer } from './api.ts'

/** Of a path, as many as INFER_REQUEST and INFER_ACCEPT take; a longer one is not told. */
export const MOST_STRETCHES = 512

/** `fingerprint` is the model's. */
export function questionOf(fingerprint: string, request: GenerateRequest): Question {
  const { prompt, maxTokens, sampling = {}, stopAtEnd = true, continueFrom } = request
  const kept = continueFrom && { continueFrom: wireKept(continueFrom) }
  return { model: fingerprint, prompt: wirePrompt(prompt), maxTokens, sampling, stopAtEnd, ...kept }
}

function wireKept({ tokens, path }: KeptAnswer): NonNullable<Question['continueFrom']> {
  const told = path?.map((stretch) => ({ family: stretch.family, tokens: stretch.tokens }))
  return { tokens: [...tokens], ...(told && told.length <= MOST_STRETCHES && { path: told }) }
}

/** With the fields of the protocol alone, whatever else the page's messages carry. */
function wirePrompt(prompt: GenerateRequest['prompt']): BodyOf<'INFER_REQUEST'>['prompt'] {
  if ('text' in prompt) return { text: prompt.text }
  return { messages: prompt.messages.map(({ role, content }) => ({ role, content })) }
}
