// The session that answers run on. It outlives its pipeline's nodes: when one is lost in the middle of an answer, it waits until
// others took over its layers, replays what is in the cache where that could not be rebuilt, and repeats the step that failed.
// And it outlives an answer: what the next prompt begins with is not computed again.
//
// Every column of a replay runs in the kernel family and the prefill chunks of the first time, so the bits are those of an
// answer that nothing happened to.

import { CentramError, errorCode, type ErrorCode } from '#core/errors.ts'
import { DECODE_COLUMNS, type OutputKind, type ResultColumns } from '../model/shard.ts'
import {
  cutTo,
  joined,
  lengthOf,
  lengthsOf,
  pathOf,
  restFrom,
  sharedPath,
  sharedWith,
  type Stretch,
  type StretchLength,
} from './cache-path.ts'
import type { PipelineSession, PipelineStep } from './pipeline-session.ts'

export interface AnswerSession {
  readonly length: number
  readonly contextLength: number
  /** Positions of the prompt that were in the cache already. */
  readonly kept: number
  /** How the prompt is computed, what is in the cache already included. */
  readonly path: readonly StretchLength[]
  /** What is left to compute of the prompt, and of the tokens that the answer goes on from. */
  readonly rest: readonly Stretch[]
  /** Bytes of hidden state handed on in this answer, replays included. */
  bytesSent(): number
  prefill(tokens: Uint32Array, output: OutputKind, onProgress?: (done: number) => void): Promise<PipelineStep>
  decode(tokens: Uint32Array, output: OutputKind, results?: ResultColumns): Promise<PipelineStep>
  /** Forgets every decoded position from `length` on. */
  trim(length: number): void
}

export interface AnswerStart {
  readonly prompt: readonly number[]
  /** Tokens of an answer that ended early, and how its prompt was computed: they are computed as they were then. */
  readonly goOnFrom?: { readonly tokens: readonly number[]; readonly path?: readonly StretchLength[] | undefined }
  /** Forgets what is in the cache, so that the bits follow from this prompt alone. */
  readonly fresh: boolean
  /** An answer that was stopped is not brought back. */
  isCancelled(): boolean
  /** The pipeline broke for `reason`; `onRecovered` follows when the answer stands again where it stood. */
  onRecovery(reason: CentramError): void
  onRecovered(): void
}

export interface LastingSession {
  /** How many positions the cache holds, and how many of them a prompt could go on from. */
  shares(prompt: readonly number[]): { readonly held: number; readonly shared: number }
  begin(start: AnswerStart): Promise<AnswerSession>
}

/** What another placement can mend: somebody left, fell silent, or could not go on. */
export const MENDABLE: ReadonlySet<ErrorCode> = new Set([
  'PEER_LEFT',
  'PEER_REFUSED',
  'PROTOCOL_VIOLATION',
  'CHANNEL_CLOSED',
])
/** Losses in a row without a single step between them. */
const MOST_LOSSES = 4

/**
 * `open` gives the session of the present pipeline, placed anew first if a node of it was lost: then it is another object with
 * an empty cache.
 */
export function createLastingSession(open: () => Promise<PipelineSession>): LastingSession {
  let session: PipelineSession | null = null
  /** What the cache holds, in order. */
  let ran: readonly Stretch[] = []

  return {
    shares: (prompt) => ({ held: lengthOf(ran), shared: lengthOf(sharedWith(ran, prompt)) }),
    async begin(start) {
      const opened = await openLasting(start)
      if (opened !== session || start.fresh || !opened.whole || opened.length < lengthOf(ran)) ran = []
      session = opened
      const { prompt, goOnFrom } = start
      const wanted = goOnFrom && pathOf(prompt, goOnFrom.tokens, goOnFrom.path)
      ran = wanted ? sharedPath(ran, wanted) : sharedWith(ran, prompt)
      const kept = lengthOf(ran)
      opened.trim(kept)
      return runOn(opened, wanted ?? joined(ran, { family: 'prefill', tokens: prompt.slice(kept) }), kept, start)
    },
  }

  /** A node may be lost before anything was computed. */
  async function openLasting({ isCancelled, onRecovery, onRecovered }: AnswerStart): Promise<PipelineSession> {
    for (let losses = 0; ; losses++) {
      try {
        const opened = await open()
        if (losses > 0) onRecovered()
        return opened
      } catch (error) {
        if (!isMendable(error) || losses === MOST_LOSSES || isCancelled()) throw error
        onRecovery(error)
      }
    }
  }

  function runOn(
    first: PipelineSession,
    wanted: readonly Stretch[],
    kept: number,
    { prompt, isCancelled, onRecovery, onRecovered }: AnswerStart,
  ) {
    let current = first
    let bytesBefore = -first.bytesSent
    let losses = 0

    /** Until a session stands where the lost one stood. */
    async function recover(reason: CentramError): Promise<void> {
      for (let cause = reason; ;) {
        if (++losses > MOST_LOSSES || isCancelled()) throw cause
        onRecovery(cause)
        try {
          const opened = await open()
          bytesBefore += current.bytesSent - opened.bytesSent
          const isSame = opened === current
          current = session = opened
          // A session that was lost again in the middle of a replay holds less than it should, whole as that may be.
          if (isSame && current.whole && current.length >= lengthOf(ran)) current.trim(lengthOf(ran))
          else await replay(current, ran)
          onRecovered()
          return
        } catch (error) {
          if (!isMendable(error)) throw error
          cause = error
        }
      }
    }

    async function lasting(step: Stretch, run: () => Promise<PipelineStep>): Promise<PipelineStep> {
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
      path: lengthsOf(cutTo(wanted, prompt.length)),
      rest: restFrom(wanted, kept),
      bytesSent: () => bytesBefore + current.bytesSent,
      prefill: (tokens, output, onProgress) =>
        lasting({ family: 'prefill', tokens: [...tokens] }, () => current.prefill(tokens, output, onProgress)),
      decode: (tokens, output, results) =>
        lasting({ family: 'decode', tokens: [...tokens] }, () => current.decode(tokens, output, results)),
      trim(length) {
        ran = cutTo(ran, length)
        current.trim(length)
      },
    }
    return answer
  }
}

async function replay(session: PipelineSession, ran: readonly Stretch[]): Promise<void> {
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

function isMendable(error: unknown): error is CentramError {
  return error instanceof CentramError && MENDABLE.has(errorCode(error))
}
