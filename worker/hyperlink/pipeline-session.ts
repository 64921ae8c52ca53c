// One KV cache over all stages of a pipeline: tokens go in at this node's stage, a result comes back from the last. What was
// handed to the next stage is kept, so that it can be given again to whoever takes that stage over.

import { CentramError } from '#core/errors.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import {
  PREFILL_CHUNK,
  type OutputKind,
  type ResultColumns,
  type ShardSession,
  type StepFamily,
} from '../model/shard.ts'
import type { PlannedStage } from '#core/pipeline/place-layers.ts'
import { createKeptStates } from './kept-states.ts'
import type { PipePort } from './pipe-port.ts'
import { bytesOf, readResult, type StepResult } from './step-result.ts'

export interface PipelineStep {
  readonly result: StepResult
  readonly totalMs: number
  /** By stage, as each measured itself. */
  readonly computeMs: readonly number[]
}

export interface PipelineSession {
  /** Positions in the KV cache. */
  readonly length: number
  readonly contextLength: number
  /** Bytes of hidden state handed to the next stage so far. */
  readonly bytesSent: number
  /** Runs `tokens` in chunks of `PREFILL_CHUNK`; only the last chunk computes `output`. */
  prefill(tokens: Uint32Array, output: OutputKind, onProgress?: (done: number) => void): Promise<PipelineStep>
  /** Runs one to eight tokens in the decode family. `results`: of the last one (default), or (kind `columns`) of each. */
  decode(tokens: Uint32Array, output: OutputKind, results?: ResultColumns): Promise<PipelineStep>
  /** Forgets every position from `length` on, on every stage. */
  trim(length: number): void
  /**
   * False after a stage changed hands and its cache could not be built again from what was handed to it: then everything is
   * to be trimmed and computed anew.
   */
  readonly whole: boolean
  close(): void
}

/** The end of a session that frames arrive at. */
export interface SessionWires {
  onLogits(body: BodyOf<'PIPE_LOGITS'>, tail: Uint8Array | undefined): void
  /** Ends every step under way; the session stands still until it is resumed. */
  fail(reason: CentramError): void
  /** Positions whose steps were answered. */
  readonly standing: number
  /** Resolves when no step runs on this node's stage any more. */
  settled(): Promise<void>
  /**
   * Gives the next stage again what it was handed, as far as `until`; false where that is no longer whole. `auditor`: another
   * node gets it instead, and makes of the last step what the stage made of it.
   */
  rebuild(until: number, auditor?: string): boolean
  /** The last step, if it is answered and nothing was forgotten since: what an audit asks for. */
  readonly auditable: number | null
  resume(whole: boolean): void
}

/** What a session needs of its pipeline. */
export interface SessionHost {
  readonly planId: Uint8Array
  /** As they are placed now. */
  stages(): readonly PlannedStage[]
  onUnreachable(nodeId: string, error: CentramError): void
}

/** Prefill chunks under way at once: enough to keep every stage of a short pipeline busy. */
const PREFILL_WINDOW = 4

interface Pending {
  /** Columns that were to have a result each; null: the last one alone. */
  readonly asked: number | null
  readonly position: number
  resolve(step: Pick<PipelineStep, 'result' | 'computeMs'>): void
  reject(error: CentramError): void
}

export function createPipelineSession(
  port: PipePort,
  host: SessionHost,
  id: number,
  local: ShardSession,
  vocabularySize: number,
  onClosed: () => void,
): { session: PipelineSession; wires: SessionWires } {
  const next = () => host.stages()[1]
  const isAlone = host.stages().length === 1
  const kept = createKeptStates()
  const computing = new Set<Promise<unknown>>()
  let whole = true
  const pending = new Map<number, Pending>()
  let failure: CentramError | null = null
  // Counted here and not read from the shard: steps of a prefill are queued before the ones ahead of them have run.
  let length = 0
  let steps = 0
  let bytesSent = 0

  async function step(
    tokens: Uint32Array,
    family: StepFamily,
    output: OutputKind | 'none',
    results: ResultColumns = 'last',
  ): Promise<PipelineStep> {
    throwIfFailed()
    const number = steps++
    const position = length
    length += tokens.length
    const began = port.now()
    const answered = isAlone ? null : awaitLogits(number, position, results === 'each' ? tokens.length : null)
    // A rejection may come while the local stage still runs; it is looked at below.
    answered?.catch(() => undefined)
    const running = local.step({ tokens }, family, isAlone ? output : 'none', isAlone ? results : 'last')
    computing.add(running)
    const computed = await running.finally(() => computing.delete(running))
    const ownMs = port.now() - began
    if (!answered) {
      const result = computed && computed.kind !== 'hidden' ? computed : { kind: 'none' as const }
      return { result, totalMs: ownMs, computeMs: [ownMs] }
    }
    if (computed?.kind !== 'hidden') throw new CentramError('INTERNAL', 'The first stage gave no hidden state.')
    // Without its place among the pending ones it was ended meanwhile.
    if (pending.has(number)) {
      const hidden = bytesOf(computed.hidden)
      const place = { step: number, position, columns: tokens.length, family }
      kept.add({ ...place, output, results, hidden })
      hand({ session: id, ...place, output, results, computeMs: [ownMs] }, hidden)
      bytesSent += hidden.length
    }
    const answer = await answered
    return { ...answer, totalMs: port.now() - began }
  }

  function hand(
    body: Omit<BodyOf<'PIPE_ACTIVATION'>, 'plan' | 'stage'>,
    hidden: Uint8Array,
    nodeId = next()?.nodeId ?? '',
  ): void {
    try {
      port.send(nodeId, 'PIPE_ACTIVATION', { plan: host.planId, stage: 1, ...body }, hidden)
    } catch (error) {
      host.onUnreachable(nodeId, error instanceof CentramError ? error : new CentramError('PEER_LEFT', String(error)))
    }
  }

  function throwIfFailed(): void {
    if (failure) throw failure
  }

  function awaitLogits(
    number: number,
    position: number,
    asked: number | null,
  ): Promise<Pick<PipelineStep, 'result' | 'computeMs'>> {
    return new Promise((resolve, reject) => pending.set(number, { position, asked, resolve, reject }))
  }

  function fail(reason: CentramError): void {
    failure ??= reason
    for (const waiting of pending.values()) {
      length = Math.min(length, waiting.position)
      waiting.reject(reason)
    }
    pending.clear()
  }

  function release(): void {
    for (const nodeId of new Set(
      host
        .stages()
        .slice(1)
        .map((stage) => stage.nodeId),
    )) {
      try {
        const body = { plan: host.planId, session: id, step: steps, length: 0, release: true }
        port.send(nodeId, 'PIPE_KV_TRIM', body)
      } catch {
        // The node is gone, and its cache with it.
      }
    }
  }

  const session: PipelineSession = {
    get length() {
      return length
    },
    contextLength: local.contextLength,
    get bytesSent() {
      return bytesSent
    },

    async prefill(tokens, output, onProgress) {
      const began = port.now()
      const underWay: Promise<PipelineStep>[] = []
      let last: PipelineStep | null = null
      const settleOldest = async () => {
        last = (await underWay.shift()) ?? last
      }
      for (let first = 0; first < tokens.length; first += PREFILL_CHUNK) {
        const end = Math.min(first + PREFILL_CHUNK, tokens.length)
        const running = step(tokens.subarray(first, end), 'prefill', end === tokens.length ? output : 'none')
        running.catch(() => undefined)
        underWay.push(running)
        if (underWay.length >= PREFILL_WINDOW) {
          await settleOldest()
          onProgress?.(end)
        }
      }
      while (underWay.length > 0) await settleOldest()
      onProgress?.(tokens.length)
      if (!last) throw new CentramError('BAD_ARGUMENT', 'There is no token to run: the prompt is empty.')
      const { result, computeMs } = last as PipelineStep
      return { result, computeMs, totalMs: port.now() - began }
    },

    decode: (tokens, output, results) => step(tokens, 'decode', output, results),

    trim(to) {
      // The other stages rewind by the position of the next activation they see.
      length = Math.min(length, to)
      local.trim(length)
      if (length === 0) whole = true
    },

    get whole() {
      return whole
    },

    close() {
      fail(new CentramError('CANCELLED', 'The answer was ended.'))
      local.dispose()
      release()
      onClosed()
    },
  }

  const wires: SessionWires = {
    fail,
    get standing() {
      return length
    },
    async settled() {
      await Promise.allSettled(computing)
    },
    rebuild(until, auditor) {
      const states = kept.upTo(length, auditor !== undefined)
      for (const [place, { hidden, ...state }] of (states ?? []).entries()) {
        const isAudited = auditor !== undefined && place === (states ?? []).length - 1
        const output = isAudited ? state.output : 'none'
        hand({ session: id, ...state, output, until, computeMs: [] }, hidden, auditor)
      }
      return states !== null
    },
    get auditable() {
      const last = kept.ofStep(steps - 1)
      return pending.size === 0 && last && last.position + last.columns === length ? steps - 1 : null
    },
    resume(isWhole) {
      failure = null
      whole &&= isWhole || length === 0
      local.trim(length)
    },
    onLogits(body, tail) {
      const waiting = pending.get(body.step)
      if (!waiting) return
      const result = readResult(body, tail, vocabularySize, waiting.asked)
      pending.delete(body.step)
      waiting.resolve({ result, computeMs: body.computeMs })
    },
  }
  return { session, wires }
}
