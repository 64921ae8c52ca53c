// One KV cache over all stages of a pipeline: tokens go in at this node's stage, a result comes back from the last.

import { CentramError } from '#core/errors.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { PREFILL_CHUNK, type OutputKind, type ShardSession, type StepFamily } from '../model/shard.ts'
import type { PipePort } from './pipe-port.ts'
import type { PipelinePlan } from './pipeline-plan.ts'
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
  /** Runs one to eight tokens in the decode family. */
  decode(tokens: Uint32Array, output: OutputKind): Promise<PipelineStep>
  /** Forgets every position from `length` on, on every stage. */
  trim(length: number): void
  close(): void
}

/** The end of a session that frames arrive at. */
export interface SessionWires {
  onLogits(body: BodyOf<'PIPE_LOGITS'>, tail: Uint8Array | undefined): void
  fail(reason: CentramError): void
}

/** Prefill chunks under way at once: enough to keep every stage of a short pipeline busy. */
const PREFILL_WINDOW = 4

interface Pending {
  resolve(step: Pick<PipelineStep, 'result' | 'computeMs'>): void
  reject(error: CentramError): void
}

export function createPipelineSession(
  port: PipePort,
  plan: PipelinePlan,
  id: number,
  local: ShardSession,
  vocabularySize: number,
  onClosed: () => void,
): { session: PipelineSession; wires: SessionWires } {
  const next = plan.stages[1]
  const pending = new Map<number, Pending>()
  let failure: CentramError | null = null
  // Counted here and not read from the shard: steps of a prefill are queued before the ones ahead of them have run.
  let length = 0
  let steps = 0
  let bytesSent = 0

  async function step(tokens: Uint32Array, family: StepFamily, output: OutputKind | 'none'): Promise<PipelineStep> {
    throwIfFailed()
    const number = steps++
    const position = length
    length += tokens.length
    const began = port.now()
    const answered = next ? awaitLogits(number) : null
    // A rejection may come while the local stage still runs; it is looked at below.
    answered?.catch(() => undefined)
    const computed = await local.step({ tokens }, family, next ? 'none' : output)
    const ownMs = port.now() - began
    if (!next || !answered) {
      const result = computed && computed.kind !== 'hidden' ? computed : { kind: 'none' as const }
      return { result, totalMs: ownMs, computeMs: [ownMs] }
    }
    throwIfFailed()
    if (computed?.kind !== 'hidden') throw new CentramError('INTERNAL', 'The first stage gave no hidden state.')
    const tail = bytesOf(computed.hidden)
    const body = { plan: plan.id, session: id, step: number, position, columns: tokens.length, family, output }
    port.send(next.nodeId, 'PIPE_ACTIVATION', { ...body, computeMs: [ownMs] }, tail)
    bytesSent += tail.length
    const answer = await answered
    return { ...answer, totalMs: port.now() - began }
  }

  function throwIfFailed(): void {
    if (failure) throw failure
  }

  function awaitLogits(number: number): Promise<Pick<PipelineStep, 'result' | 'computeMs'>> {
    return new Promise((resolve, reject) => pending.set(number, { resolve, reject }))
  }

  function fail(reason: CentramError): void {
    failure ??= reason
    for (const waiting of pending.values()) waiting.reject(reason)
    pending.clear()
  }

  function release(): void {
    for (const stage of plan.stages.slice(1)) {
      try {
        const body = { plan: plan.id, session: id, step: steps, length: 0, release: true }
        port.send(stage.nodeId, 'PIPE_KV_TRIM', body)
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

    decode: (tokens, output) => step(tokens, 'decode', output),

    trim(to) {
      // The other stages rewind by the position of the next activation they see.
      length = Math.min(length, to)
      local.trim(length)
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
    onLogits(body, tail) {
      const waiting = pending.get(body.step)
      if (!waiting) return
      const result = readResult(body.kind, body.token, tail, vocabularySize)
      pending.delete(body.step)
      waiting.resolve({ result, computeMs: body.computeMs })
    },
  }
  return { session, wires }
}
