// Answers on this node: prompts become tokens, askers wait their turn, and each answer runs through the active model's
// pipeline, placed anew in the middle of it if a node of it is lost.

import { applyChatTemplate } from '#core/chat-template/chat-template.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { CentramError } from '#core/errors.ts'
import { runAnswer } from '../hyperlink/answer.ts'
import { createLastingSession, type LastingSession } from '../hyperlink/lasting-session.ts'
import type { ActiveModel, LoadedModel } from './active-model.ts'
import { createAnswerText } from './answer-events.ts'
import type { GenerateEvent, GenerateRequest, GenerateResult } from './api.ts'

export interface Answers {
  generate(request: GenerateRequest, hooks: AnswerListener): Promise<GenerateResult>
  /** Whether an answer of that id was running or waiting here. */
  stop(requestId: string): boolean
  /**
   * Runs `work`, which may change what the model computes, when the answers asked for so far are given; those asked for later
   * wait for it, and go on from nothing that was computed before.
   */
  between<T>(work: () => Promise<T>): Promise<T>
  busy(): boolean
}

export interface AnswerListener {
  /** The prompt's length, once it is its turn. */
  onStart?(promptTokens: number): void
  onEvent(event: GenerateEvent): void
}

export function createAnswers(active: ActiveModel, onIdle: () => void): Answers {
  const cancelled = new Set<string>()
  const known = new Set<string>()
  let turn: Promise<unknown> = Promise.resolve()
  let waiting = 0
  /** Of the model that answered last. */
  let lasting: { readonly modelId: string; readonly session: LastingSession } | null = null

  async function run(request: GenerateRequest, hooks: AnswerListener): Promise<GenerateResult> {
    const loaded = await active.ready(request.modelId)
    const prompt = promptTokens(loaded, request)
    hooks.onStart?.(prompt.length)
    const text = createAnswerText(loaded.tokenizer)
    const isCancelled = () => cancelled.has(request.requestId)
    const session = await sessionOf(request.modelId).begin({
      prompt,
      // Bits that are to be compared follow from the prompt alone.
      fresh: request.logits === 'digest',
      isCancelled,
      onRecovery: ({ message }) => hooks.onEvent({ type: 'recovery', state: 'began', message }),
      onRecovered: () => hooks.onEvent({ type: 'recovery', state: 'done', message: '' }),
    })
    const answer = await runAnswer(
      session,
      {
        prompt,
        maxTokens: request.maxTokens,
        sampling: request.sampling ?? {},
        endTokens: request.stopAtEnd === false ? new Set() : loaded.tokenizer.endTokens,
        digest: request.logits === 'digest',
      },
      {
        onPrefill: (done, total) => hooks.onEvent({ type: 'prefill', done, total }),
        onToken: (token, isEnd, step, digest) => hooks.onEvent(text.onToken(token, isEnd, step, digest)),
        isCancelled,
        sha256: async (bytes) => sha256(bytes),
      },
    )
    return text.result(answer, prompt.length, (active.current() ?? loaded).stages(), session.bytesSent())
  }

  function sessionOf(modelId: string): LastingSession {
    if (lasting?.modelId !== modelId) {
      const open = async () => (await active.ready(modelId)).session()
      lasting = { modelId, session: createLastingSession(open) }
    }
    return lasting.session
  }

  return {
    async generate(request, hooks) {
      if (known.has(request.requestId)) throw new CentramError('BAD_ARGUMENT', 'There is an answer of that id already.')
      known.add(request.requestId)
      waiting++
      const running = turn.then(() => run(request, hooks))
      turn = running.catch(() => undefined)
      try {
        return await running
      } finally {
        known.delete(request.requestId)
        cancelled.delete(request.requestId)
        waiting--
        if (waiting === 0) onIdle()
      }
    },
    stop(requestId) {
      if (!known.has(requestId)) return false
      cancelled.add(requestId)
      return true
    },
    between(work) {
      const running = turn.then(() => {
        lasting = null
        return work()
      })
      turn = running.catch(() => undefined)
      return running
    },
    busy: () => waiting > 0,
  }
}

function promptTokens(loaded: LoadedModel, request: GenerateRequest): number[] {
  const { prompt } = request
  if ('text' in prompt) return loaded.tokenizer.encode(prompt.text)
  return loaded.tokenizer.encode(applyChatTemplate(loaded.model, prompt.messages, { addGenerationPrompt: true }))
}
