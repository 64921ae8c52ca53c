// A conversation for models that ship no template (base models, the built-in one).

import type { ChatMessage } from '#core/tokenizer/tokenizer.ts'

/** The system text as a paragraph, then `User: …` and `Assistant: …` line by line. */
export function renderPlainly(messages: readonly ChatMessage[], addGenerationPrompt: boolean): string {
  const parts = messages.map(({ role, content }) => {
    if (role === 'system') return `${content}\n\n`
    return `${role === 'user' ? 'User' : 'Assistant'}: ${content}\n`
  })
  return parts.join('') + (addGenerationPrompt ? 'Assistant:' : '')
}
