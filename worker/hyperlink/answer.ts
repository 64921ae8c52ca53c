// One answer: prompt tokens in, tokens out, over whatever pipeline session it is given.

import { toHex } from '#core/crypto/bytes.ts'
import { checkSamplingOptions, sampleToken, scoresNeeded, type SamplingOptions } from '#core/sampling/sampler.ts'
import { CentramError } from '#core/errors.ts'
import { TOP_CANDIDATES, type OutputKind } from '../model/shard.ts'
import type { AnswerSession } from './lasting-session.ts'
import type { PipelineStep } from './pipeline-session.ts'
import { bytesOf, type StepResult } from './step-result.ts'

export interface AnswerRequest {
  readonly prompt: readonly number[]
  readonly maxTokens: number
  readonly sampling: SamplingOptions
  /** Empty to go on past end tokens. */
  readonly endTokens: ReadonlySet<number>
  /** Reads every logit of every step and reports their SHA-256. */
  readonly digest: boolean
}

export interface AnswerHooks {
  onPrefill(done: number, total: number): void
  /** `isEnd` marks an end token, which belongs to the answer's tokens and not to its text. */
  onToken(token: number, isEnd: boolean, step: PipelineStep, logitsDigest: string | undefined): void
  isCancelled(): boolean
  sha256(bytes: Uint8Array): Promise<Uint8Array>
}

export interface Answer {
  readonly tokens: readonly number[]
  readonly finish: 'end' | 'length' | 'context' | 'cancelled'
  readonly prefillMs: number
  /** Every step after the prefill. */
  readonly steps: readonly PipelineStep[]
  readonly digests: readonly string[]
}

/** Runs one answer on a session begun with its prompt. Throws `CONTEXT_FULL` when the prompt alone does not fit. */
export async function runAnswer(
  session: Pick<AnswerSession, 'length' | 'contextLength' | 'kept' | 'prefill' | 'decode'>,
  request: AnswerRequest,
  hooks: AnswerHooks,
): Promise<Answer> {
  checkSamplingOptions(request.sampling)
  const { prompt, maxTokens } = request
  if (prompt.length === 0) throw new CentramError('BAD_ARGUMENT', 'The prompt is empty: write something first.')
  if (prompt.length > session.contextLength) {
    throw new CentramError(
      'CONTEXT_FULL',
      `The prompt has ${prompt.length} tokens and the context holds ${session.contextLength}. ` +
        'Shorten it, start a new chat, or load the model with a longer context.',
    )
  }
  const output: OutputKind = request.digest ? 'logits' : scoresNeeded(request.sampling, TOP_CANDIDATES)
  const history = [...prompt]
  const tokens: number[] = []
  const steps: PipelineStep[] = []
  const digests: string[] = []
  const { kept } = session
  const rest = Uint32Array.from(prompt.slice(kept))
  let step = await session.prefill(rest, output, (done) => hooks.onPrefill(kept + done, prompt.length))
  const prefillMs = step.totalMs
  let finish: Answer['finish'] = maxTokens <= 0 ? 'length' : hooks.isCancelled() ? 'cancelled' : 'end'
  while (tokens.length < maxTokens && !hooks.isCancelled()) {
    const token = pickToken(step.result, request.sampling, history, tokens.length)
    tokens.push(token)
    history.push(token)
    const digest = request.digest ? toHex(await hooks.sha256(logitBytes(step.result))) : undefined
    if (digest !== undefined) digests.push(digest)
    const isEnd = request.endTokens.has(token)
    hooks.onToken(token, isEnd, step, digest)
    finish = isEnd ? 'end' : tokens.length === maxTokens ? 'length' : 'context'
    if (finish !== 'context' || session.length >= session.contextLength) break
    step = await session.decode(Uint32Array.of(token), output)
    steps.push(step)
    if (hooks.isCancelled()) finish = 'cancelled'
  }
  return { tokens, finish, prefillMs, steps, digests }
}

function pickToken(result: StepResult, sampling: SamplingOptions, history: readonly number[], index: number): number {
  switch (result.kind) {
    case 'token':
      return result.token
    case 'top':
      return sampleToken({ ids: result.ids, logits: result.logits }, sampling, history, index)
    case 'logits':
      return sampleToken({ logits: result.logits }, sampling, history, index)
    case 'none':
      throw new CentramError('PROTOCOL_VIOLATION', 'The last stage gave no result for a step that asked for one.')
  }
}

const logitBytes = (result: StepResult) => (result.kind === 'logits' ? bytesOf(result.logits) : new Uint8Array(0))

/** The median of some figures; 0 of none. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
}
