// From a pipeline's steps to what a page sees of an answer: text as it comes, where each token's time went, and the sum.

import { createStreamDecoder } from '#core/tokenizer/decode.ts'
import type { Tokenizer } from '#core/tokenizer/tokenizer.ts'
import { medianOf, type Answer } from '../hyperlink/answer.ts'
import type { PipelineStep } from '../hyperlink/pipeline-session.ts'
import type { GenerateEvent, GenerateResult, Stage, StepTiming } from './api.ts'

export interface AnswerText {
  /** The event for one more token. */
  onToken(token: number, isEnd: boolean, step: PipelineStep, digest: string | undefined): GenerateEvent
  result(answer: Answer, promptTokens: number, stages: readonly Stage[], bytesSent: number): GenerateResult
}

export function createAnswerText(tokenizer: Tokenizer): AnswerText {
  const decoder = createStreamDecoder(tokenizer)
  let text = ''
  return {
    onToken(token, isEnd, step, digest) {
      const added = isEnd ? decoder.flush() : decoder.push(token)
      text += added
      const event = { type: 'token' as const, token, text: added, timing: timingOf(step) }
      return digest === undefined ? event : { ...event, logitsDigest: digest }
    },
    result(answer, promptTokens, stages, bytesSent) {
      const { tokens, finish, prefillMs, steps, digests } = answer
      const timings = steps.map(timingOf)
      return {
        text: text + decoder.flush(),
        tokens,
        promptTokens,
        finish,
        prefillMs,
        msPerToken: medianOf(timings.map((timing) => timing.totalMs)),
        computeMs: stages.map((_, index) => medianOf(timings.map((timing) => timing.computeMs[index] ?? 0))),
        networkMs: medianOf(timings.map((timing) => timing.networkMs)),
        bytesSent,
        stages,
        logitsDigests: digests,
      }
    },
  }
}

/** What is not computing is the way between the nodes. */
export function timingOf(step: PipelineStep): StepTiming {
  const computing = step.computeMs.reduce((sum, milliseconds) => sum + milliseconds, 0)
  const { totalMs, computeMs } = step
  return { totalMs, computeMs, networkMs: computeMs.length > 1 ? Math.max(0, totalMs - computing) : 0 }
}
