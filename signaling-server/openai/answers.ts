// Answers of a door in the forms of OpenAI's API: chats and completions, whole or as server-sent events. When the client goes, or
// does not read what it is sent, the node stops computing.

import type { DoorAsk, DoorUsage } from '#core/door/messages.ts'
import { CentramError } from '#core/errors.ts'
import type { Door, DoorAnswer } from '../door/doors.ts'
import { refusalOf, type Refusal } from './refusals.ts'

type Finish = 'stop' | 'length'

/** What a whole answer and a piece of a streamed one look like. */
export interface AnswerForm {
  readonly prefix: string
  readonly object: string
  readonly pieceObject: string
  choice(index: number, text: string, finish: Finish): object
  /** Before the first text; null where there is nothing to say. */
  begin(index: number): object | null
  piece(index: number, text: string): object
  end(index: number, finish: Finish): object
}

export const chatAnswer: AnswerForm = {
  prefix: 'chatcmpl',
  object: 'chat.completion',
  pieceObject: 'chat.completion.chunk',
  choice: (index, content, finish_reason) => ({
    index,
    message: { role: 'assistant', content, refusal: null },
    logprobs: null,
    finish_reason,
  }),
  begin: (index) => ({ index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }),
  piece: (index, content) => ({ index, delta: { content }, logprobs: null, finish_reason: null }),
  end: (index, finish_reason) => ({ index, delta: {}, logprobs: null, finish_reason }),
}

export const textAnswer: AnswerForm = {
  prefix: 'cmpl',
  object: 'text_completion',
  pieceObject: 'text_completion',
  choice: (index, text, finish_reason) => ({ index, text, logprobs: null, finish_reason }),
  begin: () => null,
  piece: (index, text) => ({ index, text, logprobs: null, finish_reason: null }),
  end: (index, finish_reason) => ({ index, text: '', logprobs: null, finish_reason }),
}

export interface About {
  readonly id: string
  readonly created: number
  readonly model: string
}

export interface AnswerWay {
  readonly isStreamed: boolean
  /** Usage in a last piece of its own. */
  readonly withUsage: boolean
  /** Calls `listener` when the client's connection ended, whoever ended it. */
  onClosed(listener: () => void): void
}

/** Bytes that may wait for a client that reads slowly. */
const MAX_WAITING = 1024 * 1024
/** A failure before the first text within this time is told by its status; later the stream has begun. */
const PATIENCE_MS = 5_000
/** Proxies cut connections that say nothing; a comment is something. */
const COMMENT_MS = 15_000

/** The answers to some questions, as the choices of one. */
export async function answerChoices(
  door: Door,
  questions: readonly Omit<DoorAsk, 'ask'>[],
  form: AnswerForm,
  about: About,
  { isStreamed, withUsage, onClosed }: AnswerWay,
): Promise<object | ReadableStream<Uint8Array> | Refusal> {
  const texts = questions.map(() => '')
  let onText: ((index: number, text: string) => void) | null = null
  let hasBegun: (value: unknown) => void = () => undefined
  const begun = new Promise((resolve) => (hasBegun = resolve))
  const asked: DoorAnswer[] = questions.map((question, index) =>
    door.ask(question, {
      onText(text) {
        hasBegun(undefined)
        if (onText) onText(index, text)
        else texts[index] = `${texts[index] ?? ''}${text}`
      },
    }),
  )
  const cancel = () => {
    for (const answer of asked) answer.cancel()
  }
  onClosed(cancel)
  const ends = asked.map(async ({ done }) => {
    const { finish, usage } = await done
    if (finish === 'cancelled') throw new CentramError('CANCELLED', 'The node ended the answer before it was complete.')
    return { finish, usage }
  })
  const all = Promise.all(ends)
  try {
    if (!isStreamed) {
      const done = await all
      const choices = done.map(({ finish }, index) => form.choice(index, texts[index] ?? '', finish))
      return { ...about, object: form.object, choices, usage: usageOf(done.map(({ usage }) => usage)) }
    }
    await Promise.race([all, begun, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS).unref())])
  } catch (error) {
    cancel()
    return refusalOf(error)
  }
  return streamEvents(cancel, async (send) => {
    const say = (choices: readonly (object | null)[], more: object = {}) =>
      send({ ...about, object: form.pieceObject, choices: choices.filter((choice) => choice !== null), ...more })
    // With usage asked for, every piece has the field.
    const none = withUsage ? { usage: null } : {}
    for (const [index, text] of texts.entries()) {
      const first = form.begin(index)
      if (first) say([first], none)
      if (text !== '') say([form.piece(index, text)], none)
    }
    onText = (index, text) => say([form.piece(index, text)], none)
    const done = await Promise.all(
      ends.map(async (end, index) => {
        const result = await end
        say([form.end(index, result.finish)], none)
        return result.usage
      }),
    )
    if (withUsage) say([], { usage: usageOf(done) })
  })
}

/** Server-sent events of what `run` sends, and `[DONE]` or its error at the end. */
function streamEvents(
  cancel: () => void,
  run: (send: (event: object) => void) => Promise<void>,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let comments: NodeJS.Timeout
  let isOpen = true
  const close = () => {
    isOpen = false
    clearInterval(comments)
  }
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const write = (text: string) => {
          if (!isOpen) return
          controller.enqueue(encoder.encode(text))
          if ((controller.desiredSize ?? 0) > 0) return
          close()
          cancel()
          controller.error(new CentramError('NO_CAPACITY', 'The client does not read what it is sent.'))
        }
        comments = setInterval(() => write(': the answer is being computed\n\n'), COMMENT_MS)
        run((event) => write(`data: ${JSON.stringify(event)}\n\n`))
          .then(() => write('data: [DONE]\n\n'))
          .catch((error: unknown) => {
            cancel()
            write(`data: ${JSON.stringify({ error: refusalOf(error).error })}\n\n`)
          })
          .finally(() => {
            if (isOpen) controller.close()
            close()
          })
      },
      cancel() {
        close()
        cancel()
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: MAX_WAITING }),
  )
}

/** All that was computed: each choice reads the prompt anew, but for what a cache had. */
function usageOf(parts: readonly DoorUsage[]): object {
  const sum = (of: keyof DoorUsage) => parts.reduce((total, part) => total + part[of], 0)
  const prompt_tokens = sum('promptTokens')
  const completion_tokens = sum('tokens')
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
    prompt_tokens_details: { cached_tokens: sum('keptTokens') },
  }
}
