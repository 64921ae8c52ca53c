// Holds stages for other nodes' pipelines: loads the layers a plan assigns to this node, keeps a KV cache for each of the
// asker's sessions, runs what arrives and passes it on. What a plan does wrong ends that plan and nothing else.

import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import { toHex } from '#core/crypto/bytes.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { DECODE_COLUMNS, PREFILL_CHUNK, type Shard, type ShardSession } from '../model/shard.ts'
import type { PipePort } from './pipe-port.ts'
import { bytesOf, resultTail, type StepResult } from './step-result.ts'

export interface ShardRequest {
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
}

export interface ShardServer {
  held(): readonly HeldStage[]
  onPlan(from: string, body: BodyOf<'PIPE_PLAN'>): void
  onCommit(from: string, body: BodyOf<'PIPE_COMMIT'>): Promise<void>
  onActivation(from: string, body: BodyOf<'PIPE_ACTIVATION'>, tail: Uint8Array | undefined): Promise<void>
  onTrim(from: string, body: BodyOf<'PIPE_KV_TRIM'>): void
  /** Frees everything held for a node that left. */
  onPeerLost(peer: string): void
  close(): void
}

interface OpenSession {
  readonly shard: ShardSession
  /** Positions handed in so far, queued steps included. */
  length: number
  lastStep: number
}

interface HeldPlan {
  readonly id: Uint8Array
  readonly owner: string
  readonly title: string
  readonly range: LayerRange
  readonly stages: HeldStage['stages']
  readonly previous: string
  /** The node the hidden state goes on to; absent on the last stage. */
  readonly next: string | undefined
  readonly abort: AbortController
  readonly sessions: Map<number, OpenSession>
  shard: Shard | null
}

export function createShardServer(options: ShardServerOptions): ShardServer {
  const { port } = options
  const plans = new Map<string, HeldPlan>()

  function report(plan: Pick<HeldPlan, 'id' | 'owner'>, status: Omit<BodyOf<'PIPE_LOAD_STATUS'>, 'plan'>): void {
    try {
      port.send(plan.owner, 'PIPE_LOAD_STATUS', { plan: plan.id, ...status })
    } catch {
      // The owner left; onPeerLost frees the plan.
    }
  }

  function reportFailure(plan: Pick<HeldPlan, 'id' | 'owner'>, session: number | null, error: unknown): void {
    const failure = { session, state: 'failed' as const, progress: 0, bytes: 0 }
    report(plan, { ...failure, code: errorCode(error), message: errorMessage(error).slice(0, 500) })
  }

  function release(key: string): void {
    const plan = plans.get(key)
    if (!plan) return
    plans.delete(key)
    plan.abort.abort()
    for (const session of plan.sessions.values()) session.shard.dispose()
    plan.shard?.dispose()
    options.onChange()
  }

  async function load(key: string, plan: HeldPlan, body: BodyOf<'PIPE_PLAN'>): Promise<void> {
    let reported = 0
    const status = (state: 'loading' | 'ready', progress: number, bytes: number) =>
      report(plan, { session: null, state, progress, bytes })
    status('loading', 0, 0)
    try {
      const shard = await options.loadShard({
        model: body.model,
        range: plan.range,
        contextLength: body.contextLength,
        profile: body.profile,
        signal: plan.abort.signal,
        onProgress: (part, bytes) => {
          if (part - reported < 0.02) return
          reported = part
          status('loading', part, bytes)
        },
      })
      if (plans.get(key) !== plan) {
        shard.dispose()
        return
      }
      plan.shard = shard
      options.onChange()
      status('ready', 1, shard.weightBytes)
    } catch (error) {
      if (plans.get(key) !== plan) return
      release(key)
      reportFailure(plan, null, error)
    }
  }

  /** The plan a frame speaks of, if the sender is the one who may send it. */
  function planFor(id: Uint8Array, from: string, sender: 'owner' | 'previous'): HeldPlan | undefined {
    const plan = plans.get(toHex(id))
    return plan?.[sender] === from ? plan : undefined
  }

  return {
    held: () =>
      [...plans.values()].map((plan) => ({
        owner: plan.owner,
        title: plan.title,
        range: plan.range,
        stages: plan.stages,
        bytes: plan.shard?.weightBytes ?? 0,
        ready: plan.shard !== null,
      })),

    onPlan(from, body) {
      const key = toHex(body.plan)
      const known = plans.get(key)
      if (known && known.owner !== from) return
      release(key)
      if (body.stages.length === 0) return
      const nodes = body.stages.map((stage) => toHex(stage.node))
      const mine = nodes.indexOf(port.self)
      const stage = body.stages[mine]
      const previous = nodes[mine - 1]
      if (!stage || previous === undefined || nodes[0] !== from) {
        const error = new CentramError('PROTOCOL_VIOLATION', 'The plan has no stage for this node after its owner.')
        reportFailure({ id: body.plan, owner: from }, null, error)
        return
      }
      const plan: HeldPlan = {
        id: body.plan,
        owner: from,
        title: body.model.title,
        range: { first: stage.first, last: stage.last },
        stages: body.stages.map(({ node, first, last }) => ({ nodeId: toHex(node), range: { first, last } })),
        previous,
        next: nodes[mine + 1],
        abort: new AbortController(),
        sessions: new Map(),
        shard: null,
      }
      plans.set(key, plan)
      options.onChange()
      void load(key, plan, body)
    },

    async onCommit(from, body) {
      const plan = planFor(body.plan, from, 'owner')
      if (!plan?.shard) return reportFailure({ id: body.plan, owner: from }, body.session, unknownPlan())
      try {
        if (plan.sessions.has(body.session) || plan.sessions.size >= options.maxSessions) {
          throw new CentramError('NO_CAPACITY', `It already keeps ${plan.sessions.size} sessions for this model.`)
        }
        const shard = await plan.shard.openSession(body.contextLength)
        plan.sessions.set(body.session, { shard, length: 0, lastStep: -1 })
        report(plan, { session: body.session, state: 'ready', progress: 1, bytes: 0 })
      } catch (error) {
        reportFailure(plan, body.session, error)
      }
    },

    async onActivation(from, body, tail) {
      const plan = planFor(body.plan, from, 'previous')
      const session = plan?.sessions.get(body.session)
      if (!plan?.shard || !session) return
      try {
        const { hidden, output } = readActivation(body, tail, plan, session)
        const began = port.now()
        const computed = await session.shard.step({ hidden }, body.family, plan.next === undefined ? output : 'none')
        if (!plans.has(toHex(plan.id))) return
        const computeMs = [...body.computeMs, port.now() - began]
        if (plan.next === undefined) {
          const result: StepResult = computed && computed.kind !== 'hidden' ? computed : { kind: 'none' }
          const token = result.kind === 'token' ? { token: result.token } : {}
          const reply = { plan: plan.id, session: body.session, step: body.step, kind: result.kind, computeMs }
          port.send(plan.owner, 'PIPE_LOGITS', { ...reply, ...token }, resultTail(result))
        } else {
          if (computed?.kind !== 'hidden') throw new CentramError('INTERNAL', 'A middle stage gave no hidden state.')
          port.send(plan.next, 'PIPE_ACTIVATION', { ...body, computeMs }, bytesOf(computed.hidden))
        }
      } catch (error) {
        reportFailure(plan, body.session, error)
      }
    },

    onTrim(from, body) {
      const plan = planFor(body.plan, from, 'owner')
      const session = plan?.sessions.get(body.session)
      // A trim travels on another link than the activations: one that comes after a later step has nothing to say.
      if (!plan || !session || session.lastStep >= body.step) return
      if (body.release) {
        plan.sessions.delete(body.session)
        session.shard.dispose()
      } else if (body.length < session.length) {
        session.length = body.length
        session.shard.trim(body.length)
      }
    },

    onPeerLost(peer) {
      for (const [key, plan] of [...plans]) if (plan.owner === peer) release(key)
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
  plan: HeldPlan,
  session: OpenSession,
): { hidden: Float32Array; output: BodyOf<'PIPE_ACTIVATION'>['output'] } {
  const width = plan.shard?.config.width ?? 0
  const limit = body.family === 'decode' ? DECODE_COLUMNS : PREFILL_CHUNK
  const fits =
    tail !== undefined &&
    body.columns >= 1 &&
    body.columns <= limit &&
    tail.length === body.columns * width * 4 &&
    body.step > session.lastStep &&
    body.position <= session.length
  if (!fits) throw new CentramError('PROTOCOL_VIOLATION', `Step ${body.step} does not fit the session it names.`)
  if (body.position < session.length) session.shard.trim(body.position)
  session.length = body.position + body.columns
  session.lastStep = body.step
  const aligned = tail.byteOffset % 4 === 0 ? tail : tail.slice()
  return { hidden: new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4), output: body.output }
}

const unknownPlan = () => new CentramError('NO_CAPACITY', 'It no longer holds the layers of this model; load it again.')
