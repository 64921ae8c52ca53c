// Documents as token ids, with a mark on each token that the loss counts: all of a plain text, and of a conversation
// only what the assistant would have to write itself.

import { applyChatTemplate } from '#core/chat-template/chat-template.ts'
import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { ChatMessage, Tokenizer } from '#core/tokenizer/tokenizer.ts'
import type { DocumentOrigin, TrainingDocument } from '#core/training/training-files.ts'

export interface TokenisedDocument extends DocumentOrigin {
  readonly tokens: Uint32Array
  /** 1 where predicting this token counts. The first token has none before it and never counts. */
  readonly counted: Uint8Array
}

type Template = Pick<OpenedModel, 'chatTemplate' | 'templateTokens'>

/** Throws `BAD_ARGUMENT` or `MODEL_UNSUPPORTED` naming file and line where the template refuses a conversation. */
export function tokeniseDocuments(
  documents: readonly TrainingDocument[],
  tokenizer: Tokenizer,
  template: Template,
): TokenisedDocument[] {
  return documents.flatMap((document) =>
    document.kind === 'text' ? [tokeniseText(document, tokenizer)] : tokeniseChat(document, tokenizer, template),
  )
}

/** Special tokens written out in a text are text; its end is marked with the model's end token where there is one. */
function tokeniseText(document: DocumentOrigin & { readonly text: string }, tokenizer: Tokenizer): TokenisedDocument {
  const leading = tokenizer.encode('')
  const [end] = tokenizer.endTokens
  const tokens = [
    ...leading,
    ...tokenizer.encode(document.text, { special: false }),
    ...(end === undefined ? [] : [end]),
  ]
  const counted = new Uint8Array(tokens.length).fill(1)
  counted.fill(0, 0, Math.max(1, leading.length))
  return { file: document.file, line: document.line, tokens: Uint32Array.from(tokens), counted }
}

function tokeniseChat(
  document: DocumentOrigin & { readonly messages: readonly ChatMessage[] },
  tokenizer: Tokenizer,
  template: Template,
): TokenisedDocument[] {
  const { file, line, messages } = document
  const render = (count: number, addGenerationPrompt: boolean): string => {
    try {
      return applyChatTemplate(template, messages.slice(0, count), { addGenerationPrompt })
    } catch (error) {
      throw new CentramError(errorCode(error), `${file}, line ${line}: ${errorMessage(error)}`, { cause: error })
    }
  }
  /** Ids of the conversation up to and with answer number `index`, and where that answer begins in them. */
  const answerAt = (index: number) => {
    const opening = tokenizer.encode(render(index, true))
    const whole = tokenizer.encode(render(index + 1, false))
    return { whole, first: sharedLength(opening, whole) }
  }

  const answers = messages.flatMap(({ role, content }, index) => {
    return role === 'assistant' && content.trim() !== '' ? [answerAt(index)] : []
  })
  const last = answers.at(-1)?.whole ?? []
  // Some templates rewrite earlier answers (dropping their reasoning, say): each answer then is an example of its own.
  const stable = answers.every(({ whole }) => sharedLength(whole, last) === whole.length)
  const examples = stable ? [{ whole: last, spans: answers }] : answers.map((a) => ({ whole: a.whole, spans: [a] }))
  return examples.map(({ whole, spans }) => {
    const counted = new Uint8Array(whole.length)
    for (const span of spans) counted.fill(1, Math.max(1, span.first), span.whole.length)
    if (!counted.includes(1)) {
      throw new CentramError(
        'MODEL_UNSUPPORTED',
        `${file}, line ${line}: this model's chat template leaves nothing of the assistant's answer to learn. Use plain ` +
          'text ("text" instead of "messages").',
      )
    }
    return { file, line, tokens: Uint32Array.from(whole), counted }
  })
}

/** How many leading ids two lists share. */
function sharedLength(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length)
  let length = 0
  while (length < most && a[length] === b[length]) length++
  return length
}
