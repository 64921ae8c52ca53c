// One model over several nodes, as its asker sees it: plans the stages, waits until each has loaded, steps tokens through
// them, and hands the stages of a lost node to others. A model held whole by this node is a pipeline of one stage.

import { CentramError, errorCode, errorMessage, type ErrorCode } from '#core/errors.ts'
import { fromHex, toHex } from '#core/crypto/bytes.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { PlannedStage } from '#core/pipeline/place-layers.ts'
import type { Takeover } from '#core/pipeline/plan-takeovers.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { Shard } from '../model/shard.ts'
import type { PipePort } from './pipe-port.ts'
import type { PipelinePlan } from './pipeline-plan.ts'
import { createPipelineSession, type PipelineSession, type SessionWires } from './pipeline-session.ts'
import { createStageAudits, type AuditOutcome } from './stage-audit.ts'
import { createStatusWaits, type SettledState } from './status-waits.ts'

export interface StageProgress {
  readonly nodeId: string
  readonly range: LayerRange
  readonly bytes: number
  readonly status: 'waiting' | 'loading' | 'ready' | 'lost'
  readonly progress: number
}

export interface Spare {
  readonly nodeId: string
  readonly stage: number
  /** Its layers are loaded. */
  readonly ready: boolean
}

export interface Pipeline {
  /** With the stages as they are placed now. */
  readonly plan: PipelinePlan
  stages(): readonly StageProgress[]
  spares(): readonly Spare[]
  /** Why it cannot be used, once a stage is lost. */
  broken(): CentramError | null
  /** Nodes that were lost to it. */
  lost(): ReadonlySet<string>
  /** Loads every stage; rejects with the first failure, naming the node. */
  load(loadLocal: (range: LayerRange, onProgress: (part: number) => void) => Promise<Shard>): Promise<void>
  /** Opens a KV cache on every stage. */
  openSession(): Promise<PipelineSession>
  /**
   * Hands over every stage of a lost node, rebuilds the caches that went with it and lets the sessions go on where they stood.
   * Rejects when another node is lost meanwhile: then it wants to be repaired again.
   */
  repair(takeovers: readonly Takeover[]): Promise<void>
  /** Nodes outside the plan that keep a stage ready, from now on; those no longer named free theirs. */
  keepSpares(wanted: readonly Takeover[]): void
  /**
   * Has a ready spare compute what its stage computed in the answer before, and compares. A stage that is found to have
   * computed something else is lost with that reason.
   */
  audit(spare: Takeover): Promise<AuditOutcome>
  onLoadStatus(from: string, body: BodyOf<'PIPE_LOAD_STATUS'>): void
  onAudit(from: string, body: BodyOf<'PIPE_AUDIT'>): void
  onLogits(from: string, body: BodyOf<'PIPE_LOGITS'>, tail: Uint8Array | undefined): void
  /** Ends every step in flight with `reason`. */
  fail(nodeId: string, reason: CentramError): void
  /** Withdraws the plan everywhere and frees this node's stage. */
  close(): void
}

const NO_KEY = new Uint8Array(32)
/** Why a stage may refuse one more session. */
const NO_ROOM: ReadonlySet<string> = new Set(['GPU_OUT_OF_MEMORY', 'NO_CAPACITY'])
const keyOf = (nodeId: string) => fromHex(nodeId) ?? NO_KEY

export function createPipeline(port: PipePort, plan: PipelinePlan, onChange: () => void): Pipeline {
  const planKey = toHex(plan.id)
  const sessions = new Map<number, SessionWires>()
  const waits = createStatusWaits()
  const audits = createStageAudits(port, plan.id)
  const lost = new Set<string>()
  /** Nodes that know of the plan. */
  const told = new Set<string>()
  let stages: readonly PlannedStage[] = plan.stages
  let progress = stages.map((stage): StageProgress => ({ ...stage, status: 'waiting', progress: 0 }))
  let spares: readonly Spare[] = []
  /** Stages that were handed over and whose caches are not built again yet. */
  const unbuilt = new Set<number>()
  let shard: Shard | null = null
  let failure: CentramError | null = null
  let closed = false
  let nextSession = 1

  const remotes = () => [...stages.entries()].slice(1).map(([stage, { nodeId }]) => ({ stage, nodeId }))

  function update(stage: number, change: Partial<StageProgress>): void {
    progress = progress.map((known, index) => (index === stage ? { ...known, ...change } : known))
    onChange()
  }

  function tell(nodeId: string, offered: readonly Takeover[] = []): void {
    const { id, model, contextLength, profile } = plan
    const body = { plan: id, model, contextLength, profile }
    port.send(nodeId, 'PIPE_PLAN', {
      ...body,
      stages: stages.map(({ nodeId: node, range }) => ({ node: keyOf(node), ...range })),
      spares: offered.map(({ nodeId: node, stage }) => ({ node: keyOf(node), stage })),
    })
    told.add(nodeId)
  }

  function withdraw(nodeId: string): void {
    if (!told.delete(nodeId)) return
    try {
      const { id, model, contextLength, profile } = plan
      port.send(nodeId, 'PIPE_PLAN', { plan: id, model, contextLength, profile, stages: [], spares: [] })
    } catch {
      // The node left meanwhile; it frees what it held for us when it notices.
    }
  }

  function fail(nodeId: string, reason: CentramError): void {
    if (closed) return
    lost.add(nodeId)
    audits.giveUp(nodeId)
    spares = spares.filter((spare) => spare.nodeId !== nodeId)
    if (!stages.some((stage) => stage.nodeId === nodeId)) {
      waits.abandon(nodeId)
      return
    }
    failure ??= reason
    waits.reject(reason)
    for (const session of sessions.values()) session.fail(reason)
    for (const [index, stage] of stages.entries()) if (stage.nodeId === nodeId) update(index, { status: 'lost' })
  }

  function throwIfOver(): void {
    if (closed) throw new CentramError('CANCELLED', 'The model was unloaded.')
    if (failure) throw failure
  }

  /** Sends to one node; one that cannot be reached is lost. */
  function reach(nodeId: string, send: () => void): void {
    try {
      send()
    } catch (error) {
      fail(nodeId, error instanceof CentramError ? error : new CentramError(errorCode(error), errorMessage(error)))
    }
  }

  function commit(stage: number, nodeId: string, session: number): Promise<SettledState> {
    const ready = waits.of(nodeId, stage, session)
    const body = { plan: plan.id, stage, session, contextLength: plan.contextLength }
    reach(nodeId, () => port.send(nodeId, 'PIPE_COMMIT', body))
    return ready
  }

  /** A session that was not opened everywhere. */
  function free(nodeId: string, session: number): void {
    try {
      port.send(nodeId, 'PIPE_KV_TRIM', { plan: plan.id, session, step: 0, length: 0, release: true })
    } catch {
      // The node is gone, and its cache with it.
    }
  }

  function failover(
    to: string,
    stage: number,
    from: string,
    replay: { session: number; length: number }[],
    until: number,
  ) {
    const { nodeId = '', range = { first: 0, last: 0 } } = stages[stage] ?? {}
    const hands = { lost: keyOf(from), node: keyOf(nodeId), ...range, mode: 'take' as const }
    reach(to, () => port.send(to, 'PIPE_FAILOVER', { plan: plan.id, stage, ...hands, replay, until }))
  }

  /** Everyone in the plan learns who holds `changed` now; resolves when they do and the layers are loaded. */
  async function rewire(changed: readonly number[], before: readonly PlannedStage[]): Promise<void> {
    const holders = new Set(remotes().map(({ nodeId }) => nodeId))
    const newcomers = [...holders].filter((nodeId) => !told.has(nodeId))
    const taught = [...told].filter((nodeId) => !lost.has(nodeId))
    const ready: Promise<unknown>[] = []
    for (const stage of changed) {
      const holder = stages[stage]?.nodeId ?? ''
      update(stage, { status: 'loading', progress: 0 })
      for (const nodeId of taught) {
        if (holders.has(nodeId)) ready.push(waits.of(nodeId, stage, null))
        failover(nodeId, stage, before[stage]?.nodeId ?? '', [], stage)
      }
      if (newcomers.includes(holder)) ready.push(waits.of(holder, stage, null))
    }
    for (const nodeId of newcomers) reach(nodeId, () => tell(nodeId))
    throwIfOver()
    await Promise.all(ready)
  }

  /** Gives the stages of each run that changed hands their inputs again; false where they are no longer kept. */
  async function rebuild(changed: readonly number[]): Promise<boolean> {
    let whole = true
    for (const [first, last] of runsOf(changed)) {
      const before = stages[first - 1]?.nodeId ?? ''
      if (first === 1) {
        for (const session of sessions.values()) whole = session.rebuild(last) && whole
        continue
      }
      const replay = [...sessions].map(([session, { standing }]) => ({ session, length: standing }))
      const answered = waits.of(before, first, null)
      failover(before, first, stages[first]?.nodeId ?? '', replay, last)
      throwIfOver()
      whole = (await answered) === 'ready' && whole
    }
    return whole
  }

  const pipeline: Pipeline = {
    get plan() {
      return { ...plan, stages }
    },
    stages: () => progress,
    spares: () => spares,
    broken: () => failure,
    lost: () => lost,
    fail,

    async load(loadLocal) {
      const ready = Promise.all(remotes().map(({ nodeId, stage }) => waits.of(nodeId, stage, null)))
      ready.catch(() => undefined)
      for (const nodeId of new Set(remotes().map((stage) => stage.nodeId))) reach(nodeId, () => tell(nodeId))
      const own = stages[0]
      if (!own) throw new CentramError('BAD_ARGUMENT', 'A pipeline needs at least one stage.')
      update(0, { status: 'loading' })
      const loaded = await loadLocal(own.range, (part) => update(0, { progress: part }))
      if (closed) {
        loaded.dispose()
        throw new CentramError('CANCELLED', 'Loading was cancelled.')
      }
      shard = loaded
      update(0, { status: 'ready', progress: 1 })
      await ready
    },

    async openSession() {
      throwIfOver()
      if (!shard) throw new CentramError('INTERNAL', 'The pipeline was used before it was loaded.')
      const id = nextSession++
      const ready = Promise.all(remotes().map(({ stage, nodeId }) => commit(stage, nodeId, id)))
      ready.catch(() => undefined)
      const here = shard.openSession(plan.contextLength)
      const [opened] = await Promise.allSettled([here, ready])
      await Promise.all([here, ready]).catch((error: unknown) => {
        if (opened.status === 'fulfilled') opened.value.dispose()
        for (const { nodeId } of remotes()) free(nodeId, id)
        throw error
      })
      const local = await here
      const host = { planId: plan.id, stages: () => stages, onUnreachable: fail }
      const { session, wires } = createPipelineSession(port, host, id, local, shard.config.vocabularySize, () => {
        sessions.delete(id)
      })
      sessions.set(id, wires)
      return session
    },

    async repair(takeovers) {
      const before = stages
      const taken = new Map(takeovers.map(({ stage, nodeId }) => [stage, nodeId]))
      stages = stages.map((stage, index) => ({ ...stage, nodeId: taken.get(index) ?? stage.nodeId }))
      progress = progress.map((stage, index) => ({ ...stage, nodeId: stages[index]?.nodeId ?? stage.nodeId }))
      for (const stage of taken.keys()) unbuilt.add(stage)
      const reason = failure
      failure = null
      for (const { nodeId } of stages) {
        if (lost.has(nodeId)) throw (failure = reason ?? new CentramError('PEER_LEFT', `${port.nameOf(nodeId)} left.`))
      }
      const holders = new Set(stages.map(({ nodeId }) => nodeId))
      spares = spares.filter(({ nodeId }) => !holders.has(nodeId))
      const changed = [...unbuilt].sort((a, b) => a - b)
      const open = [...sessions]
      await Promise.all(open.map(([, session]) => session.settled()))
      await rewire(changed, before)
      throwIfOver()
      const commits = changed.flatMap((stage) =>
        open.map(([session]) => commit(stage, stages[stage]?.nodeId ?? '', session)),
      )
      throwIfOver()
      await Promise.all(commits)
      throwIfOver()
      const whole = await rebuild(changed)
      throwIfOver()
      unbuilt.clear()
      for (const [, session] of open) session.resume(whole)
      for (const nodeId of lost) withdraw(nodeId)
      onChange()
    },

    keepSpares(wanted) {
      const holders = new Set(stages.map(({ nodeId }) => nodeId))
      const fresh = wanted.filter(({ nodeId }) => !holders.has(nodeId) && !lost.has(nodeId))
      const same = (spare: Takeover) => (other: Takeover) =>
        other.nodeId === spare.nodeId && other.stage === spare.stage
      for (const { nodeId } of spares) if (!fresh.some((spare) => spare.nodeId === nodeId)) withdraw(nodeId)
      const before = spares
      spares = fresh.map((spare) => before.find(same(spare)) ?? { ...spare, ready: false })
      for (const nodeId of new Set(spares.map((spare) => spare.nodeId))) {
        const mine = spares.filter((spare) => spare.nodeId === nodeId)
        if (mine.every((spare) => before.some(same(spare)))) continue
        reach(nodeId, () => tell(nodeId, mine))
      }
    },

    async audit({ stage, nodeId: auditor }) {
      const held = stages[stage]
      const found = [...sessions].find(([, { auditable }]) => auditable !== null)
      if (!held || !found || failure || stage === 0) return null
      const [session, wires] = found
      const before = stage === 1 ? null : (stages[stage - 1]?.nodeId ?? null)
      const outcome = await audits.run({
        ...{ stage, range: held.range, holder: held.nodeId, auditor, before, session, wires },
        commit: () => commit(stage, auditor, session),
        answered: () => waits.of(before ?? '', stage, null),
      })
      if (outcome === 'different' && stages[stage]?.nodeId === held.nodeId) {
        const names = `${port.nameOf(held.nodeId)} and ${port.nameOf(auditor)}`
        const what = `${names} computed different things from the same input, so the former no longer takes part.`
        fail(held.nodeId, new CentramError('PEER_REFUSED', what))
      }
      return outcome
    },

    onAudit(from, body) {
      if (toHex(body.plan) === planKey) audits.onDigest(from, body)
    },

    onLoadStatus(from, body) {
      if (toHex(body.plan) !== planKey || closed) return
      const { stage } = body
      const isHolder = stages[stage]?.nodeId === from
      if (body.state === 'failed') {
        const { session, code = '', message = 'it gave no reason' } = body
        // No room for one more leaves those that are open as they are.
        if (session !== null && !sessions.has(session) && NO_ROOM.has(code)) {
          waits.refuse(from, stage, session, new CentramError(code as ErrorCode, `${port.nameOf(from)}: ${message}`))
        } else onFailed(from, body, isHolder)
        return
      }
      if (isHolder && body.session === null && !lost.has(from)) {
        const isReady = body.state === 'ready'
        if (body.state !== 'waiting') {
          update(stage, { status: isReady ? 'ready' : 'loading', progress: isReady ? 1 : body.progress })
        }
      }
      if (body.state === 'ready' && body.session === null) {
        spares = spares.map((spare) =>
          spare.nodeId === from && spare.stage === stage ? { ...spare, ready: true } : spare,
        )
      }
      // It has gone on since the step that was asked for.
      if (body.state === 'waiting' && body.session !== null) audits.giveUp(from)
      if (body.state !== 'loading') waits.settle(from, stage, body.session, body.state)
    },

    onLogits(from, body, tail) {
      if (toHex(body.plan) !== planKey || stages.length === 1 || stages.at(-1)?.nodeId !== from) return
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
      waits.reject(reason)
      closed = true
      audits.giveUp()
      for (const nodeId of [...told]) withdraw(nodeId)
      shard?.dispose()
      shard = null
    },
  }
  return pipeline

  function onFailed(from: string, body: BodyOf<'PIPE_LOAD_STATUS'>, isHolder: boolean): void {
    const said = body.message ?? 'it gave no reason'
    if (body.unreachable !== undefined) {
      const nodeId = toHex(body.unreachable)
      // Of one that was replaced meanwhile this is old news.
      const concerns = stages.some((stage) => stage.nodeId === nodeId) && !lost.has(nodeId)
      const what = `${port.nameOf(from)} cannot reach ${port.nameOf(nodeId)}: ${said}`
      if (concerns) fail(nodeId, new CentramError('PEER_LEFT', what))
      return
    }
    if (!isHolder) {
      audits.giveUp(from)
      waits.settle(from, body.stage, body.session, 'waiting')
      spares = spares.filter((spare) => spare.nodeId !== from || spare.stage !== body.stage)
      return
    }
    const what = body.session === null ? 'could not load its layers' : 'could not go on'
    fail(from, new CentramError('PEER_REFUSED', `${port.nameOf(from)} ${what}: ${said}`))
  }
}

/** Neighbouring stages together, as first and last. */
function runsOf(stages: readonly number[]): readonly (readonly [number, number])[] {
  const runs: [number, number][] = []
  for (const stage of stages) {
    const run = runs.at(-1)
    if (run && run[1] === stage - 1) run[1] = stage
    else runs.push([stage, stage])
  }
  return runs
}
