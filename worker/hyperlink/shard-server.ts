// Holds stages for other nodes' pipelines: loads the layers a plan assigns to this node, keeps a KV cache for each of the
// asker's sessions, runs what arrives and passes it on. A stage may change hands: what was handed on is kept, so that whoever
// takes over the next stage is given it again. What a plan does wrong ends that plan and nothing else.

import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import { fromHex, toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { DECODE_COLUMNS, PREFILL_CHUNK, type Shard, type ShardSession } from '../model/shard.ts'
import { createKeptStates, type KeptStates } from './kept-states.ts'
import type { PipePort } from './pipe-port.ts'
import { bytesOf, resultToWire, type StepResult } from './step-result.ts'

export interface ShardRequest {
  /** Who answers with the model. */
  readonly owner: string
  readonly model: BodyOf<'PIPE_PLAN'>['model']
  readonly range: LayerRange
  readonly contextLength: number
  readonly profile: string
  readonly onProgress: (part: number, bytes: number) => void
  readonly signal: AbortSignal
}

export interface ShardServerOptions {
  readonly port: PipePort
  /** Opens the model and loads the layers; throws with a message the asker can show. */
  loadShard(request: ShardRequest): Promise<Shard>
  /** Sessions one plan may hold open at once. */
  readonly maxSessions: number
  /** Bytes of a session's hidden states that are kept for whoever takes over the next stage. */
  readonly keptBytes?: number
  /** Called when what this node holds for others changes. */
  onChange(): void
}

export interface HeldStage {
  readonly owner: string
  readonly title: string
  readonly range: LayerRange
  /** Of the whole plan, in order. */
  readonly stages: readonly { readonly nodeId: string; readonly range: LayerRange }[]
  readonly bytes: number
  readonly ready: boolean
  /** Kept ready for when the node that holds it is lost. */
  readonly spare: boolean
}

export interface ShardServer {
  held(): readonly HeldStage[]
  onPlan(from: string, body: BodyOf<'PIPE_PLAN'>): void
  onCommit(from: string, body: BodyOf<'PIPE_COMMIT'>): Promise<void>
  onActivation(from: string, body: BodyOf<'PIPE_ACTIVATION'>, tail: Uint8Array | undefined): Promise<void>
  onTrim(from: string, body: BodyOf<'PIPE_KV_TRIM'>): void
  onFailover(from: string, body: BodyOf<'PIPE_FAILOVER'>): void
  /** Tells the digest of what a stage made of a step, when it has made it. */
  onAudit(from: string, body: BodyOf<'PIPE_AUDIT'>): void
  /** Frees everything held for a node that left. */
  onPeerLost(peer: string): void
  /** Gives every stage back, or those of some owners, telling them why. */
  fail(reason: CentramError, isConcerned?: (owner: string) => boolean): void
  close(): void
}

interface OpenSession {
  readonly shard: ShardSession
  /** What was handed on to the next stage. */
  readonly kept: KeptStates
  /** Positions handed in so far, queued steps included. */
  length: number
  lastStep: number
  /** What it made of its latest step, for an audit. */
  made: { readonly step: number; readonly bytes: Uint8Array } | null
  /** The step whose digest its owner waits for. */
  audited: number | null
}

interface Plan {
  readonly id: Uint8Array
  readonly owner: string
  readonly model: BodyOf<'PIPE_PLAN'>['model']
  readonly contextLength: number
  readonly profile: string
  /** In order; the first is the owner's own. */
  stages: HeldStage['stages']
  /** Those held here, by their place: this node's own, and those that it keeps ready to take over. */
  readonly held: Map<number, Stage>
}

interface Stage {
  readonly plan: Plan
  readonly index: number
  readonly range: LayerRange
  readonly abort: AbortController
  readonly sessions: Map<number, OpenSession>
  shard: Shard | null
}

const nodeOf = (plan: Plan, index: number): string | undefined => plan.stages[index]?.nodeId

export function createShardServer(options: ShardServerOptions): ShardServer {
  const { port } = options
  const plans = new Map<string, Plan>()

  function report(
    plan: Pick<Plan, 'id' | 'owner'>,
    stage: number,
    status: Omit<BodyOf<'PIPE_LOAD_STATUS'>, 'plan' | 'stage'>,
  ): void {
    try {
      port.send(plan.owner, 'PIPE_LOAD_STATUS', { plan: plan.id, stage, ...status })
    } catch {
      // The owner left; onPeerLost frees the plan.
    }
  }

  function reportFailure(
    plan: Pick<Plan, 'id' | 'owner'>,
    stage: number,
    session: number | null,
    error: unknown,
    unreachable?: string,
  ): void {
    const failure = { session, state: 'failed' as const, progress: 0, bytes: 0 }
    const about = { code: errorCode(error), message: errorMessage(error).slice(0, 500) }
    const node = unreachable === undefined ? null : fromHex(unreachable)
    report(plan, stage, { ...failure, ...about, ...(node && { unreachable: node }) })
  }

  function releaseStage({ plan, index, abort, sessions, shard }: Stage): void {
    plan.held.delete(index)
    abort.abort()
    for (const session of sessions.values()) session.shard.dispose()
    shard?.dispose()
  }

  function release(key: string): void {
    const plan = plans.get(key)
    if (!plan) return
    plans.delete(key)
    for (const stage of [...plan.held.values()]) releaseStage(stage)
    options.onChange()
  }

  const isHeld = (stage: Stage) => plans.get(toHex(stage.plan.id))?.held.get(stage.index) === stage

  async function load(stage: Stage): Promise<void> {
    const { plan, index, range, abort } = stage
    let reported = 0
    const status = (state: 'loading' | 'ready', progress: number, bytes: number) =>
      report(plan, index, { session: null, state, progress, bytes })
    status('loading', 0, 0)
    try {
      const shard = await options.loadShard({
        owner: plan.owner,
        model: plan.model,
        range,
        contextLength: plan.contextLength,
        profile: plan.profile,
        signal: abort.signal,
        onProgress: (part, bytes) => {
          if (part - reported < 0.02) return
          reported = part
          status('loading', part, bytes)
        },
      })
      if (!isHeld(stage)) {
        shard.dispose()
        return
      }
      stage.shard = shard
      options.onChange()
      status('ready', 1, shard.weightBytes)
    } catch (error) {
      if (!isHeld(stage)) return
      releaseStage(stage)
      if (plan.held.size === 0) plans.delete(toHex(plan.id))
      options.onChange()
      reportFailure(plan, index, null, error)
    }
  }

  /** Holds exactly the stages named, loading those that are new. */
  function hold(plan: Plan, indices: ReadonlySet<number>): void {
    for (const stage of [...plan.held.values()]) if (!indices.has(stage.index)) releaseStage(stage)
    for (const index of indices) {
      const range = plan.stages[index]?.range
      if (!range || plan.held.has(index)) continue
      const stage: Stage = { plan, index, range, abort: new AbortController(), sessions: new Map(), shard: null }
      plan.held.set(index, stage)
      void load(stage)
    }
    options.onChange()
  }

  /** The plan a frame speaks of, if the sender is the one who may send it. */
  function planOf(id: Uint8Array, owner: string): Plan | undefined {
    const plan = plans.get(toHex(id))
    return plan?.owner === owner ? plan : undefined
  }

  /** Gives whoever holds `index` now what this node handed on to it; false where that is no longer whole. */
  function replay(plan: Plan, { stage: index, node, mode, replay: sessions, until }: BodyOf<'PIPE_FAILOVER'>): boolean {
    const stage = plan.held.get(index - 1)
    if (nodeOf(plan, index - 1) !== port.self || !stage) return true
    const to = mode === 'copy' ? toHex(node) : nodeOf(plan, index)
    const all = sessions.map(({ session, length }) => ({
      session,
      states: stage.sessions.get(session)?.kept.upTo(length, mode === 'copy') ?? null,
    }))
    if (to === undefined || all.some(({ states }) => states === null)) return false
    for (const { session, states } of all) {
      for (const [place, { hidden, ...state }] of (states ?? []).entries()) {
        // Who audits makes of the last step what the stage itself made of it.
        const isAudited = mode === 'copy' && place === (states ?? []).length - 1
        const output = isAudited ? state.output : 'none'
        const body = { plan: plan.id, stage: index, session, ...state, output, until, computeMs: [] }
        port.send(to, 'PIPE_ACTIVATION', body, hidden)
      }
    }
    return true
  }

  /** Remembers what a step led to, and tells an owner who waits for it. */
  function note(stage: Stage, id: number, session: OpenSession, step: number, bytes: Uint8Array): void {
    session.made = { step, bytes }
    if (session.audited !== step) return
    session.audited = null
    const { plan, index } = stage
    try {
      const digest = sha256(bytes)
      port.send(plan.owner, 'PIPE_AUDIT', { plan: plan.id, session: id, step, stage: index, digest })
    } catch {
      // The owner left.
    }
  }

  return {
    held: () =>
      [...plans.values()].flatMap((plan) =>
        [...plan.held.values()].map(({ index, range, shard }) => ({
          owner: plan.owner,
          title: plan.model.title,
          range,
          stages: plan.stages,
          bytes: shard?.weightBytes ?? 0,
          ready: shard !== null,
          spare: nodeOf(plan, index) !== port.self,
        })),
      ),

    onPlan(from, body) {
      const key = toHex(body.plan)
      const known = plans.get(key)
      if (known && known.owner !== from) return
      if (body.stages.length === 0) {
        release(key)
        return
      }
      const stages = body.stages.map(({ node, first, last }) => ({ nodeId: toHex(node), range: { first, last } }))
      // The first stage is the owner's, who holds it for itself.
      const mine = new Set([...stages.keys()].filter((index) => index > 0 && stages[index]?.nodeId === port.self))
      for (const { node, stage } of body.spares) if (toHex(node) === port.self && stage > 0) mine.add(stage)
      if (mine.size === 0 || stages[0]?.nodeId !== from) {
        release(key)
        const error = new CentramError('PROTOCOL_VIOLATION', 'The plan has no stage for this node after its owner.')
        reportFailure({ id: body.plan, owner: from }, 0, null, error)
        return
      }
      const { plan: id, model, contextLength, profile } = body
      const plan = known ?? { id, owner: from, model, contextLength, profile, stages, held: new Map<number, Stage>() }
      plan.stages = stages
      plans.set(key, plan)
      hold(plan, mine)
    },

    async onCommit(from, body) {
      const plan = planOf(body.plan, from)
      const stage = plan?.held.get(body.stage)
      if (!stage?.shard) return reportFailure({ id: body.plan, owner: from }, body.stage, body.session, unknownPlan())
      try {
        // Opened again, it begins anew: the failover that asked for it first was overtaken by another loss.
        stage.sessions.get(body.session)?.shard.dispose()
        stage.sessions.delete(body.session)
        if (stage.sessions.size >= options.maxSessions) {
          throw new CentramError('NO_CAPACITY', `It already keeps ${stage.sessions.size} sessions for this model.`)
        }
        const shard = await stage.shard.openSession(body.contextLength)
        stage.sessions.set(body.session, {
          shard,
          kept: createKeptStates(options.keptBytes),
          length: 0,
          lastStep: -1,
          made: null,
          audited: null,
        })
        report(stage.plan, stage.index, { session: body.session, state: 'ready', progress: 1, bytes: 0 })
      } catch (error) {
        reportFailure(stage.plan, stage.index, body.session, error)
      }
    },

    async onActivation(from, body, tail) {
      const plan = plans.get(toHex(body.plan))
      if (!plan || nodeOf(plan, body.stage - 1) !== from) return
      const stage = plan.held.get(body.stage)
      const session = stage?.sessions.get(body.session)
      if (!stage?.shard || !session) return reportFailure(plan, body.stage, body.session, unknownPlan())
      const isLast = body.stage === plan.stages.length - 1
      let next: string | undefined
      try {
        const { hidden, output } = readActivation(body, tail, stage.shard, session)
        const began = port.now()
        const wanted = isLast ? output : 'none'
        const computed = await session.shard.step({ hidden }, body.family, wanted, isLast ? body.results : 'last')
        if (!isHeld(stage)) return
        const computeMs = [...body.computeMs, port.now() - began]
        if (isLast) {
          const result: StepResult = computed && computed.kind !== 'hidden' ? computed : { kind: 'none' }
          const { fields, tail: values } = resultToWire(result)
          note(stage, body.session, session, body.step, values ?? bytesOf(Uint32Array.from(fields.tokens ?? [])))
          if (body.until !== undefined) return
          const reply = { plan: plan.id, session: body.session, step: body.step, computeMs }
          port.send(plan.owner, 'PIPE_LOGITS', { ...reply, ...fields }, values)
          return
        }
        if (computed?.kind !== 'hidden') throw new CentramError('INTERNAL', 'A middle stage gave no hidden state.')
        const made = bytesOf(computed.hidden)
        const { step, position, columns, family, results } = body
        session.kept.add({ step, position, columns, family, output, results, hidden: made })
        note(stage, body.session, session, step, made)
        if (body.until === body.stage) return
        next = nodeOf(plan, body.stage + 1)
        if (next !== undefined) port.send(next, 'PIPE_ACTIVATION', { ...body, stage: body.stage + 1, computeMs }, made)
      } catch (error) {
        // Whom it could not reach is to blame, not this node.
        reportFailure(plan, body.stage, body.session, error, next)
      }
    },

    onTrim(from, body) {
      for (const stage of planOf(body.plan, from)?.held.values() ?? []) {
        const session = stage.sessions.get(body.session)
        // A trim travels on another link than the activations: one that comes after a later step has nothing to say.
        if (!session || session.lastStep >= body.step) continue
        if (body.release) {
          stage.sessions.delete(body.session)
          session.shard.dispose()
        } else if (body.length < session.length) {
          session.length = body.length
          session.shard.trim(body.length)
        }
      }
    },

    onAudit(from, { plan: id, stage: index, session: number, step, digest }) {
      const stage = planOf(id, from)?.held.get(index)
      const session = stage?.sessions.get(number)
      if (!stage || !session || digest !== null) return
      session.audited = step
      const { made } = session
      if (made?.step === step) note(stage, number, session, step, made.bytes)
      // It has gone on since.
      else if (made && made.step > step) {
        report(stage.plan, index, { session: number, state: 'waiting', progress: 0, bytes: 0 })
      }
    },

    onFailover(from, body) {
      const plan = planOf(body.plan, from)
      const former = plan?.stages[body.stage]
      if (!plan || !former || body.stage === 0) {
        return reportFailure({ id: body.plan, owner: from }, body.stage, null, unknownPlan())
      }
      if (former.range.first !== body.first || former.range.last !== body.last) {
        throw new CentramError('PROTOCOL_VIOLATION', `Stage ${body.stage} has other layers than the failover names.`)
      }
      const ready = () => report(plan, body.stage, { session: null, state: 'ready', progress: 1, bytes: 0 })
      if (body.mode === 'take') {
        const taken = { nodeId: toHex(body.node), range: former.range }
        plan.stages = plan.stages.map((stage, index) => (index === body.stage ? taken : stage))
        const held = plan.held.get(body.stage)
        if (taken.nodeId === port.self && !held?.shard) {
          // It reports when its layers are loaded.
          if (!held) hold(plan, new Set([...plan.held.keys(), body.stage]))
          return
        }
        options.onChange()
      }
      try {
        if (replay(plan, body)) ready()
        else report(plan, body.stage, { session: null, state: 'waiting', progress: 0, bytes: 0 })
      } catch (error) {
        reportFailure(plan, body.stage, null, error, toHex(body.node))
      }
    },

    onPeerLost(peer) {
      for (const [key, plan] of [...plans]) if (plan.owner === peer) release(key)
    },

    fail(reason, isConcerned = () => true) {
      for (const [key, plan] of [...plans]) {
        if (!isConcerned(plan.owner)) continue
        for (const { index } of plan.held.values()) reportFailure(plan, index, null, reason)
        release(key)
      }
    },

    close() {
      for (const key of [...plans.keys()]) release(key)
    },
  }
}

/** Checks an activation against its session and gives its hidden state as floats; advances the session. */
function readActivation(
  body: BodyOf<'PIPE_ACTIVATION'>,
  tail: Uint8Array | undefined,
  shard: Shard,
  session: OpenSession,
): { hidden: Float32Array; output: BodyOf<'PIPE_ACTIVATION'>['output'] } {
  const limit = body.family === 'decode' ? DECODE_COLUMNS : PREFILL_CHUNK
  const fits =
    tail !== undefined &&
    body.columns >= 1 &&
    body.columns <= limit &&
    tail.length === body.columns * shard.config.width * 4 &&
    body.step > session.lastStep &&
    body.position <= session.length
  if (!fits) throw new CentramError('PROTOCOL_VIOLATION', `Step ${body.step} does not fit the session it names.`)
  if (body.position < session.length) session.shard.trim(body.position)
  session.length = body.position + body.columns
  session.lastStep = body.step
  const aligned = tail.byteOffset % 4 === 0 ? tail : tail.slice()
  return { hidden: new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4), output: body.output }
}

const unknownPlan = () =>
  new CentramError('PEER_REFUSED', 'It no longer holds the layers of this model; load it again.')
