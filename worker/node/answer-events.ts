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

/** `before`: tokens of an answer that goes on. */
export function createAnswerText(tokenizer: Tokenizer, before: readonly number[] = []): AnswerText {
  const decoder = createStreamDecoder(tokenizer)
  let text = before.map((token) => decoder.push(token)).join('')
  return {
    onToken(token, isEnd, step, digest) {
      const added = isEnd ? decoder.flush() : decoder.push(token)
      text += added
      const event = { type: 'token' as const, token, text: added, timing: timingOf(step) }
      return digest === undefined ? event : { ...event, logitsDigest: digest }
    },
    result(answer, promptTokens, stages, bytesSent) {
      const { tokens, finish, kept, prefillMs, steps, drafts, digests } = answer
      const timings = steps.filter(({ computeMs }) => computeMs.length > 0).map(timingOf)
      // With drafts a step brings several tokens, so what a token took is a share of all steps.
      const perToken = (of: (timing: StepTiming) => number) => {
        const values = timings.map(of)
        return drafts.held > 0 ? values.reduce((sum, value) => sum + value, 0) / steps.length : medianOf(values)
      }
      return {
        text: text + decoder.flush(),
        tokens,
        promptTokens,
        keptTokens: kept,
        finish,
        prefillMs,
        msPerToken: perToken((timing) => timing.totalMs),
        computeMs: stages.map((_, index) => perToken((timing) => timing.computeMs[index] ?? 0)),
        networkMs: perToken((timing) => timing.networkMs),
        bytesSent,
        stages,
        drafts,
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
