// How a model reads and writes text: its tokenizer and its chat template. Their code is fetched when a model needs it; the
// built-in model, which knows bytes and no template, needs none of it.

import { renderPlainly } from '#core/chat-template/plain-turns.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { createBytesTokenizer } from '#core/tokenizer/bytes-tokenizer.ts'
import type { ChatMessage, Tokenizer, TokenizerSpec } from '#core/tokenizer/tokenizer.ts'

/** Throws `FORMAT_INVALID` and `MODEL_UNSUPPORTED`. */
export async function openTokenizer(spec: TokenizerSpec): Promise<Tokenizer> {
  if (spec.kind === 'bytes') return createBytesTokenizer()
  const { createTokenizer } = await import('#core/tokenizer/create-tokenizer.ts')
  return createTokenizer(spec)
}

/** A conversation up to where the model answers. Throws what `applyChatTemplate` throws. */
export async function promptOf(
  model: Pick<OpenedModel, 'chatTemplate' | 'templateTokens'>,
  messages: readonly ChatMessage[],
): Promise<string> {
  if (model.chatTemplate === undefined) return renderPlainly(messages, true)
  const { applyChatTemplate } = await import('#core/chat-template/chat-template.ts')
  return applyChatTemplate(model, messages, { addGenerationPrompt: true })
}
