// One answer: prompt tokens in, tokens out, over whatever pipeline session it is given.

import { toHex } from '#core/crypto/bytes.ts'
import { checkSamplingOptions, sampleToken, scoresNeeded, type SamplingOptions } from '#core/sampling/sampler.ts'
import { CentramError } from '#core/errors.ts'
import { DECODE_COLUMNS, TOP_CANDIDATES, type OutputKind } from '../model/shard.ts'
import type { DraftDepth } from '#core/speculation/draft-depth.ts'
import type { Stretch } from './cache-path.ts'
import { createDraftedSteps, type DraftCount } from './drafted-steps.ts'
import type { AnswerSession } from './lasting-session.ts'
import type { PipelineStep } from './pipeline-session.ts'
import { bytesOf, type StepResult } from './step-result.ts'

export interface AnswerRequest {
  readonly prompt: readonly number[]
  /** Tokens it had when it ended early; it goes on as if it never had. */
  readonly goOnFrom?: readonly number[] | undefined
  /** New ones. */
  readonly maxTokens: number
  readonly sampling: SamplingOptions
  /** Empty to go on past end tokens. */
  readonly endTokens: ReadonlySet<number>
  /** Reads every logit of every step and reports their SHA-256. */
  readonly digest: boolean
  /** Verifies drafts taken from the text itself; without it every token is a step of its own. The bits are the same. */
  readonly drafting?: { readonly depth: DraftDepth; now(): number } | undefined
}

export interface AnswerHooks {
  onPrefill(done: number, total: number): void
  /** `isEnd` marks an end token, which belongs to the answer's tokens and not to its text. */
  onToken(token: number, isEnd: boolean, step: PipelineStep, logitsDigest: string | undefined): void
  isCancelled(): boolean
  sha256(bytes: Uint8Array): Promise<Uint8Array>
}

export interface Answer {
  /** All of them, those it went on from first. */
  readonly tokens: readonly number[]
  readonly finish: 'end' | 'length' | 'context' | 'cancelled'
  /** Positions of the prompt that were in the cache already. */
  readonly kept: number
  readonly prefillMs: number
  /** What brought each token after the first; those that a draft brought took no time and no stage's. */
  readonly steps: readonly PipelineStep[]
  readonly drafts: DraftCount
  readonly digests: readonly string[]
}

/** Runs one answer on a session begun with its prompt. Throws `CONTEXT_FULL` when the prompt alone does not fit. */
export async function runAnswer(
  session: Pick<AnswerSession, 'length' | 'contextLength' | 'kept' | 'prefill' | 'decode' | 'trim'> &
    Partial<Pick<AnswerSession, 'rest'>>,
  request: AnswerRequest,
  hooks: AnswerHooks,
): Promise<Answer> {
  checkSamplingOptions(request.sampling)
  const { prompt, goOnFrom = [] } = request
  const maxTokens = goOnFrom.length + request.maxTokens
  if (prompt.length === 0) throw new CentramError('BAD_ARGUMENT', 'The prompt is empty: write something first.')
  if (prompt.length + goOnFrom.length > session.contextLength) {
    throw new CentramError(
      'CONTEXT_FULL',
      `The prompt has ${prompt.length + goOnFrom.length} tokens and the context holds ${session.contextLength}. ` +
        'Shorten it, start a new chat, or load the model with a longer context.',
    )
  }
  const output: OutputKind = request.digest ? 'logits' : scoresNeeded(request.sampling, TOP_CANDIDATES)
  const history = [...prompt, ...goOnFrom]
  const tokens = [...goOnFrom]
  const steps: PipelineStep[] = []
  const digests: string[] = []
  const { kept } = session
  const { rest = [{ family: 'prefill', tokens: prompt.slice(kept) }] } = session
  let step = await runPath(session, rest, output, (done) => hooks.onPrefill(kept + done, history.length))
  const prefillMs = step.totalMs
  const { drafting } = request
  const drafted = drafting && createDraftedSteps(session, history, drafting.depth, () => drafting.now())
  // Whoever gave it may have been lost between its end token and its goodbye.
  const isOver = goOnFrom.slice(-1).some((token) => request.endTokens.has(token))
  let finish: Answer['finish'] = isOver ? 'end' : request.maxTokens <= 0 ? 'length' : 'cancelled'
  while (!isOver && tokens.length < maxTokens && !hooks.isCancelled()) {
    const token = pickToken(step.result, request.sampling, history, tokens.length)
    tokens.push(token)
    history.push(token)
    const digest = request.digest ? toHex(await hooks.sha256(logitBytes(step.result))) : undefined
    if (digest !== undefined) digests.push(digest)
    const isEnd = request.endTokens.has(token)
    hooks.onToken(token, isEnd, step, digest)
    finish = isEnd ? 'end' : tokens.length === maxTokens ? 'length' : 'context'
    if (finish !== 'context' || (drafted ?? session).length >= session.contextLength) break
    step = drafted
      ? await drafted.decode(token, output, maxTokens - tokens.length)
      : await session.decode(Uint32Array.of(token), output)
    steps.push(step)
    if (hooks.isCancelled()) finish = 'cancelled'
  }
  drafted?.settle()
  return {
    tokens,
    finish,
    kept: Math.min(kept, prompt.length),
    prefillMs,
    steps,
    drafts: drafted?.count ?? { handedIn: 0, held: 0 },
    digests,
  }
}

/** Computes `path` in its families and stretches; the last step gives the result. */
async function runPath(
  session: Pick<AnswerSession, 'prefill' | 'decode'>,
  path: readonly Stretch[],
  output: OutputKind,
  onProgress: (done: number) => void,
): Promise<PipelineStep> {
  let done = 0
  let totalMs = 0
  let last: PipelineStep | null = null
  const run = async (tokens: readonly number[], running: Promise<PipelineStep>) => {
    last = await running
    totalMs += last.totalMs
    done += tokens.length
    onProgress(done)
  }
  for (const [index, { family, tokens }] of path.entries()) {
    if (family === 'prefill') {
      const before = done
      const wanted = index === path.length - 1 ? output : 'token'
      await run(
        tokens,
        session.prefill(Uint32Array.from(tokens), wanted, (part) => onProgress(before + part)),
      )
      continue
    }
    for (let at = 0; at < tokens.length; at += DECODE_COLUMNS) {
      const columns = tokens.slice(at, at + DECODE_COLUMNS)
      await run(columns, session.decode(Uint32Array.from(columns), output))
    }
  }
  if (!last) throw new CentramError('INTERNAL', 'There was nothing to compute.')
  return { ...(last as PipelineStep), totalMs }
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
    case 'columns':
    case 'states':
      throw new CentramError('PROTOCOL_VIOLATION', 'The last stage gave another result than the step asked for.')
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
