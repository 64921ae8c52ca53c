// The session that answers run on. It outlives its pipeline: when a node is lost in the middle of an answer, it takes a session
// of the pipeline that was placed anew, replays what is in the cache, and repeats the step that failed. And it outlives an
// answer: what the next prompt begins with is not computed again.
//
// Every column of a replay runs in the kernel family and the prefill chunks of the first time, so the bits are those of an
// answer that nothing happened to.

import { CentramError, errorCode, type ErrorCode } from '#core/errors.ts'
import { DECODE_COLUMNS, PREFILL_CHUNK, type OutputKind, type StepFamily } from '../model/shard.ts'
import type { PipelineSession, PipelineStep } from './pipeline-session.ts'

export interface AnswerSession {
  readonly length: number
  readonly contextLength: number
  /** Positions of the prompt that were in the cache already. */
  readonly kept: number
  /** Bytes of hidden state handed on in this answer, replays included. */
  bytesSent(): number
  prefill(tokens: Uint32Array, output: OutputKind, onProgress?: (done: number) => void): Promise<PipelineStep>
  decode(tokens: Uint32Array, output: OutputKind): Promise<PipelineStep>
}

export interface AnswerStart {
  readonly prompt: readonly number[]
  /** Forgets what is in the cache, so that the bits follow from this prompt alone. */
  readonly fresh: boolean
  /** An answer that was stopped is not brought back. */
  isCancelled(): boolean
  /** The pipeline broke for `reason`; `onRecovered` follows when the answer stands again where it stood. */
  onRecovery(reason: CentramError): void
  onRecovered(): void
}

export interface LastingSession {
  begin(start: AnswerStart): Promise<AnswerSession>
}

/** What another placement can mend: somebody left, fell silent, or could not go on. */
const MENDABLE: ReadonlySet<ErrorCode> = new Set(['PEER_LEFT', 'PEER_REFUSED', 'PROTOCOL_VIOLATION'])
/** Losses in a row without a single step between them. */
const MOST_LOSSES = 4

interface Ran {
  readonly family: StepFamily
  readonly tokens: readonly number[]
}

/**
 * `open` gives the session of the present pipeline, placed anew first if a node of it was lost: then it is another object with
 * an empty cache.
 */
export function createLastingSession(open: () => Promise<PipelineSession>): LastingSession {
  let session: PipelineSession | null = null
  /** What the cache holds, in order. */
  let ran: readonly Ran[] = []

  return {
    async begin(start) {
      const opened = await open()
      if (opened !== session || start.fresh) ran = []
      session = opened
      ran = sharedWith(ran, start.prompt)
      const kept = lengthOf(ran)
      opened.trim(kept)
      return runOn(opened, kept, start)
    },
  }

  function runOn(first: PipelineSession, kept: number, { isCancelled, onRecovery, onRecovered }: AnswerStart) {
    let current = first
    let bytesBefore = -first.bytesSent
    let losses = 0

    /** Until a session stands where the lost one stood. */
    async function recover(reason: CentramError): Promise<void> {
      for (let cause = reason; ;) {
        if (++losses > MOST_LOSSES || isCancelled()) throw cause
        onRecovery(cause)
        try {
          bytesBefore += current.bytesSent
          current = session = await open()
          bytesBefore -= current.bytesSent
          await replay(current, ran)
          onRecovered()
          return
        } catch (error) {
          if (!isMendable(error)) throw error
          cause = error
        }
      }
    }

    async function lasting(step: Ran, run: () => Promise<PipelineStep>): Promise<PipelineStep> {
      for (;;) {
        try {
          const result = await run()
          losses = 0
          ran = joined(ran, step)
          return result
        } catch (error) {
          if (!isMendable(error)) throw error
          await recover(error)
        }
      }
    }

    const answer: AnswerSession = {
      get length() {
        return current.length
      },
      contextLength: first.contextLength,
      kept,
      bytesSent: () => bytesBefore + current.bytesSent,
      prefill: (tokens, output, onProgress) =>
        lasting({ family: 'prefill', tokens: [...tokens] }, () => current.prefill(tokens, output, onProgress)),
      decode: (tokens, output) =>
        lasting({ family: 'decode', tokens: [...tokens] }, () => current.decode(tokens, output)),
    }
    return answer
  }
}

async function replay(session: PipelineSession, ran: readonly Ran[]): Promise<void> {
  session.trim(0)
  for (const { family, tokens } of ran) {
    if (family === 'prefill') await session.prefill(Uint32Array.from(tokens), 'token')
    else {
      for (let at = 0; at < tokens.length; at += DECODE_COLUMNS) {
        await session.decode(Uint32Array.from(tokens.slice(at, at + DECODE_COLUMNS)), 'token')
      }
    }
  }
}

/**
 * What of `ran` a prompt can go on from: its longest common beginning, but never the whole prompt, whose last token has yet
 * to give logits, and never a part of a prefill chunk, which would have to be replayed as it was.
 */
function sharedWith(ran: readonly Ran[], prompt: readonly number[]): Ran[] {
  const shared: Ran[] = []
  let at = 0
  for (const { family, tokens } of ran) {
    const most = Math.min(tokens.length, prompt.length - 1 - at)
    let same = 0
    while (same < most && tokens[same] === prompt[at + same]) same++
    if (family === 'prefill' && same < tokens.length) same -= same % PREFILL_CHUNK
    if (same > 0) shared.push({ family, tokens: tokens.slice(0, same) })
    if (same < tokens.length) break
    at += same
  }
  return shared
}

const lengthOf = (ran: readonly Ran[]) => ran.reduce((sum, { tokens }) => sum + tokens.length, 0)

/** Decoded tokens are replayed together; each prefill keeps its own chunks. */
function joined(ran: readonly Ran[], step: Ran): readonly Ran[] {
  const last = ran.at(-1)
  if (step.family === 'prefill' || last?.family !== 'decode') return [...ran, step]
  return [...ran.slice(0, -1), { family: 'decode', tokens: [...last.tokens, ...step.tokens] }]
}

function isMendable(error: unknown): error is CentramError {
  return error instanceof CentramError && MENDABLE.has(errorCode(error))
}
