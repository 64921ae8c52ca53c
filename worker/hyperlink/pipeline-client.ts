// One model over several nodes, as its asker sees it: plans the stages, waits until each has loaded, and steps tokens
// through them. A model held whole by this node is a pipeline of one stage.

import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import { fromHex, toHex } from '#core/crypto/bytes.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { Shard } from '../model/shard.ts'
import type { PipePort } from './pipe-port.ts'
import type { PipelinePlan } from './pipeline-plan.ts'
import { createPipelineSession, type PipelineSession, type SessionWires } from './pipeline-session.ts'

export interface StageProgress {
  readonly nodeId: string
  readonly range: LayerRange
  readonly bytes: number
  readonly status: 'waiting' | 'loading' | 'ready' | 'lost'
  readonly progress: number
}

export interface Pipeline {
  readonly plan: PipelinePlan
  stages(): readonly StageProgress[]
  /** Why it can no longer be used, once a stage is lost. */
  broken(): CentramError | null
  /** Loads every stage; rejects with the first failure, naming the node. */
  load(loadLocal: (range: LayerRange, onProgress: (part: number) => void) => Promise<Shard>): Promise<void>
  /** Opens a KV cache on every stage. */
  openSession(): Promise<PipelineSession>
  onLoadStatus(from: string, body: BodyOf<'PIPE_LOAD_STATUS'>): void
  onLogits(from: string, body: BodyOf<'PIPE_LOGITS'>, tail: Uint8Array | undefined): void
  /** Ends every step in flight with `reason`. */
  fail(nodeId: string, reason: CentramError): void
  /** Withdraws the plan everywhere and frees this node's stage. */
  close(): void
}

interface Waiter {
  resolve(): void
  reject(error: CentramError): void
}

export function createPipeline(port: PipePort, plan: PipelinePlan, onChange: () => void): Pipeline {
  const planKey = toHex(plan.id)
  const remotes = plan.stages.slice(1)
  const progress = plan.stages.map((stage): StageProgress => ({ ...stage, status: 'waiting', progress: 0 }))
  const sessions = new Map<number, SessionWires>()
  const waiters = new Map<string, Waiter>()
  let shard: Shard | null = null
  let failure: CentramError | null = null
  let closed = false
  let nextSession = 1

  function update(nodeId: string, change: Partial<StageProgress>): void {
    const index = progress.findIndex((stage) => stage.nodeId === nodeId)
    const stage = progress[index]
    if (!stage) return
    progress[index] = { ...stage, ...change }
    onChange()
  }

  /** Settles when every remote stage has reported `ready` for `session` (null: for the plan itself). */
  function remoteStagesReady(session: number | null): Promise<void> {
    const waits = remotes.map(
      (stage) =>
        new Promise<void>((resolve, reject) => waiters.set(waiterKey(stage.nodeId, session), { resolve, reject })),
    )
    return Promise.all(waits).then(() => undefined)
  }

  function fail(nodeId: string, reason: CentramError): void {
    if (failure || closed) return
    failure = reason
    for (const waiter of waiters.values()) waiter.reject(reason)
    waiters.clear()
    for (const session of sessions.values()) session.fail(reason)
    update(nodeId, { status: 'lost' })
  }

  const pipeline: Pipeline = {
    plan,
    stages: () => progress,
    broken: () => failure,
    fail,

    async load(loadLocal) {
      const ready = remoteStagesReady(null)
      ready.catch(() => undefined)
      const stages = plan.stages.map(({ nodeId, range }) => ({ node: fromHex(nodeId) ?? new Uint8Array(32), ...range }))
      const { id, model, contextLength, profile } = plan
      for (const stage of remotes) {
        port.send(stage.nodeId, 'PIPE_PLAN', { plan: id, model, contextLength, profile, stages })
      }
      const own = plan.stages[0]
      if (!own) throw new CentramError('BAD_ARGUMENT', 'A pipeline needs at least one stage.')
      update(own.nodeId, { status: 'loading' })
      const loaded = await loadLocal(own.range, (part) => update(own.nodeId, { progress: part }))
      if (closed) {
        loaded.dispose()
        throw new CentramError('CANCELLED', 'Loading was cancelled.')
      }
      shard = loaded
      update(own.nodeId, { status: 'ready', progress: 1 })
      await ready
    },

    async openSession() {
      if (failure) throw failure
      if (!shard) throw new CentramError('INTERNAL', 'The pipeline was used before it was loaded.')
      const id = nextSession++
      const ready = remoteStagesReady(id)
      ready.catch(() => undefined)
      for (const stage of remotes) {
        port.send(stage.nodeId, 'PIPE_COMMIT', { plan: plan.id, session: id, contextLength: plan.contextLength })
      }
      const local = await shard.openSession(plan.contextLength)
      await ready.catch((error: unknown) => {
        local.dispose()
        throw error
      })
      const { session, wires } = createPipelineSession(port, plan, id, local, shard.config.vocabularySize, () => {
        sessions.delete(id)
      })
      sessions.set(id, wires)
      return session
    },

    onLoadStatus(from, body) {
      if (toHex(body.plan) !== planKey || !remotes.some((stage) => stage.nodeId === from)) return
      const session = body.session ?? null
      if (body.state === 'failed') {
        const what = session === null ? 'could not load its layers' : 'could not go on'
        const reason = `${port.nameOf(from)} ${what}: ${body.message ?? 'it gave no reason'}`
        fail(from, new CentramError('PEER_REFUSED', reason))
        return
      }
      if (session === null && failure === null) {
        const status = body.state === 'ready' ? 'ready' : body.state === 'loading' ? 'loading' : 'waiting'
        update(from, { status, progress: status === 'ready' ? 1 : body.progress })
      }
      if (body.state !== 'ready') return
      const key = waiterKey(from, session)
      waiters.get(key)?.resolve()
      waiters.delete(key)
    },

    onLogits(from, body, tail) {
      const last = remotes.at(-1)
      if (toHex(body.plan) !== planKey || last?.nodeId !== from) return
      try {
        sessions.get(body.session)?.onLogits(body, tail)
      } catch (error) {
        fail(from, error instanceof CentramError ? error : new CentramError(errorCode(error), errorMessage(error)))
      }
    },

    close() {
      if (closed) return
      const reason = new CentramError('CANCELLED', 'The model was unloaded.')
      for (const session of [...sessions.values()]) session.fail(reason)
      for (const waiter of waiters.values()) waiter.reject(reason)
      closed = true
      for (const stage of remotes) {
        if (progress.find((other) => other.nodeId === stage.nodeId)?.status === 'lost') continue
        try {
          const { id, model, contextLength, profile } = plan
          port.send(stage.nodeId, 'PIPE_PLAN', { plan: id, model, contextLength, profile, stages: [] })
        } catch {
          // The node left meanwhile; it frees what it held for us when it notices.
        }
      }
      shard?.dispose()
      shard = null
    },
  }
  return pipeline
}

const waiterKey = (nodeId: string, session: number | null) => `${nodeId}/${session ?? 'plan'}`
