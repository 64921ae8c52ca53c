// The one model a node answers with: loads it here or over the room's nodes, with the adapters chosen for it, keeps it placed
// as nodes come and go, hands the stages of lost nodes to others, and says where its layers are.

import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { placeLayers, type PlacementModel, type PlacementNode, type Spread } from '#core/pipeline/place-layers.ts'
import { planSpares } from '#core/pipeline/plan-spares.ts'
import { planTakeovers } from '#core/pipeline/plan-takeovers.ts'
import type { Tokenizer } from '#core/tokenizer/tokenizer.ts'
import type { PipePort } from '../hyperlink/pipe-port.ts'
import { MENDABLE } from '../hyperlink/lasting-session.ts'
import { createPipeline, type Pipeline } from '../hyperlink/pipeline-client.ts'
import type { PipelinePlan } from '../hyperlink/pipeline-plan.ts'
import type { PipelineSession } from '../hyperlink/pipeline-session.ts'
import type { Shard } from '../model/shard.ts'
import { placementOf } from '../model/shard-tensors.ts'
import type { LoadOptions, Placement, Stage } from './api.ts'
import type { ActiveGenome } from './lab-api.ts'
import type { ModelAdapters } from './model-adapters.ts'
import type { ModelLibrary } from './model-library.ts'
import { openTokenizer } from './model-text.ts'
import type { ShardLoader } from './shard-loader.ts'

/** Positions of KV cache where nobody asks for another number. */
const DEFAULT_CONTEXT = 2048

export interface ActiveModelOptions {
  readonly port: PipePort
  readonly library: ModelLibrary
  readonly shards: ShardLoader
  readonly adapters: ModelAdapters
  /** Nodes of the room that offer a GPU, this one left out. */
  helpers(): readonly PlacementNode[]
  /** The adapter of a node, as it calls it. */
  gpuOf(nodeId: string): string
  random(length: number): Uint8Array
  onPlacement(placement: Placement | null): void
  /** Those that the model now answers with. */
  onAdapters(adapters: readonly ActiveGenome[]): void
  /** Tells the room what this node can now answer with. */
  onReady(): void
  onNotice(code: CentramError['code'], message: string): void
}

export interface LoadedModel {
  readonly modelId: string
  readonly model: OpenedModel
  readonly tokenizer: Tokenizer
  readonly pipeline: Pipeline
  /** What a placement asks of it. */
  readonly size: PlacementModel
  /** One of the sessions that answers run on, opened at its first use and again after the pipeline changed. */
  session(place: number): Promise<PipelineSession>
  /** For how many of them this node's GPU has room. */
  mostSessions(): number
  stages(): readonly Stage[]
}

export interface ActiveModel {
  load(modelId: string, options?: LoadOptions): Promise<void>
  cancel(modelId: string): void
  unload(modelId: string): void
  /** The loaded model, placed anew first if a node of its pipeline was lost. */
  ready(modelId: string): Promise<LoadedModel>
  /**
   * The same, answering with these adapters until somebody wants others, or nobody anything; without any, with those that
   * were chosen. Not while it answers with others. Throws as `setAdapters`.
   */
  readyWith(modelId: string, adapters: readonly ActiveGenome[] | undefined): Promise<LoadedModel>
  /** The adapters that a person chose for a model. */
  chosen(modelId: string): readonly ActiveGenome[]
  current(): LoadedModel | null
  /**
   * What the model answers with from now on; kept for when it is loaded. A model with adapters is placed here alone. Not
   * while answering. Throws `MODEL_MISMATCH` and others, and then everything stays as it was.
   */
  setAdapters(modelId: string, adapters: readonly ActiveGenome[]): Promise<void>
  /** The pipeline that frames belong to, still loading or loaded. */
  pipeline(): Pipeline | null
  /** Places the layers anew when the nodes of the room are no longer those of the placement. Not while answering. */
  follow(): void
  /** This node offers another amount of memory: places the layers anew. Not while answering. */
  refit(): Promise<void>
  onPeerLost(peer: string, reason: CentramError): void
  close(): void
}

interface Wish {
  readonly modelId: string
  readonly contextLength: number | undefined
  readonly placement: LoadOptions['placement']
  readonly spread: Spread
}

/** Losses in the middle of handing over stages, one after the other, after which the layers are placed anew. */
const MOST_REPAIRS = 4
/** Of the times that a pipeline falls idle, those in which a stage is audited: it costs what the answer cost that stage. */
const AUDIT_SHARE = 1 / 8

export function createActiveModel(options: ActiveModelOptions): ActiveModel {
  const { library, port } = options
  let wish: Wish | null = null
  let loaded: LoadedModel | null = null
  let pipeline: Pipeline | null = null
  /** This node's stage. */
  let ownShard: Shard | null = null
  let loading: { readonly promise: Promise<LoadedModel>; readonly abort: AbortController } | null = null
  /** Nodes that refused their stage of the present model; they are asked again when a person loads it again. */
  const refused = new Set<string>()
  /** The nodes that were there to be placed on, whether or not the placement uses them all. */
  let placedFor = ''
  let mending: Promise<LoadedModel> | null = null
  /** Adapters that one question wants, in place of those that were chosen. */
  let borrowed: { readonly modelId: string; readonly adapters: readonly ActiveGenome[] } | null = null
  let switching: Promise<unknown> = Promise.resolve()
  const adaptersOf = (modelId: string) =>
    borrowed?.modelId === modelId ? borrowed.adapters : options.adapters.chosen(modelId)

  function showPlacement(): void {
    options.onPlacement(
      wish && pipeline
        ? {
            modelId: wish.modelId,
            layers: pipeline.plan.layers,
            stages: pipeline.stages().map((stage) => ({ ...stage })),
          }
        : null,
    )
  }

  function drop(): void {
    pipeline?.close()
    pipeline = null
    loaded = null
    ownShard = null
    options.onAdapters([])
    showPlacement()
  }

  /** The nodes the wish is placed over, this one first. */
  function nodesFor({ modelId, placement }: Wish): PlacementNode[] {
    const isAlone = placement === 'solo' || adaptersOf(modelId).length > 0
    const helpers = isAlone ? [] : options.helpers().filter((node) => !refused.has(node.id))
    return [options.shards.offer(), ...helpers]
  }

  async function place(wanted: Wish, abort: AbortController): Promise<LoadedModel> {
    const { modelId } = wanted
    const { signal } = abort
    await options.shards.start()
    const model = await library.open(modelId, signal)
    const tokenizer = await openTokenizer(model.tokenizer)
    const contextLength = Math.min(wanted.contextLength ?? DEFAULT_CONTEXT, model.config.contextLength)
    const nodes = nodesFor(wanted)
    const chosen = adaptersOf(modelId)
    placedFor = namesOf(nodes)
    const size = placementOf(model, contextLength)
    const stages = placeLayers(size, nodes, wanted.spread)
    drop()
    const plan: PipelinePlan = {
      id: options.random(16),
      model: library.reference(modelId),
      layers: model.config.layers,
      contextLength,
      profile: options.shards.profile(),
      stages,
    }
    const placed = createPipeline(port, plan, showPlacement)
    pipeline = placed
    signal.addEventListener('abort', () => placed.close(), { once: true })
    showPlacement()
    await placed.load(async (range, onProgress): Promise<Shard> => {
      await library.fetch(modelId, range, { signal, onProgress: (part) => onProgress(part * 0.8) })
      library.setStatus(modelId, { status: 'loading', progress: 0 })
      const { profile } = plan
      const onLoad = (part: number) => onProgress(0.8 + part * 0.2)
      ownShard = await options.shards.load(model, range, { profile, signal, onProgress: onLoad })
      await applyOrDrop(ownShard, model, modelId, chosen)
      return ownShard
    })
    signal.throwIfAborted()
    return createLoaded(modelId, model, tokenizer, placed, size)
  }

  async function apply(shard: Shard, model: OpenedModel, chosen: readonly ActiveGenome[]): Promise<void> {
    await shard.setAdapters(await options.adapters.read(model, chosen))
    options.onAdapters(chosen)
  }

  /** A genome that cannot be read must not keep its model from answering. */
  async function applyOrDrop(
    shard: Shard,
    model: OpenedModel,
    modelId: string,
    chosen: readonly ActiveGenome[],
  ): Promise<void> {
    if (chosen.length === 0) return
    try {
      await apply(shard, model, chosen)
    } catch (error) {
      if (errorCode(error) === 'GPU_LOST') throw error
      options.onNotice(errorCode(error), `${errorMessage(error)} The model answers without adapters.`)
      await options.adapters.choose(modelId, [])
    }
  }

  function createLoaded(
    modelId: string,
    model: OpenedModel,
    tokenizer: Tokenizer,
    placed: Pipeline,
    size: PlacementModel,
  ): LoadedModel {
    const sessions = new Map<number, Promise<PipelineSession>>()
    return {
      modelId,
      model,
      tokenizer,
      pipeline: placed,
      size,
      session(place) {
        const opened = sessions.get(place) ?? placed.openSession()
        sessions.set(place, opened)
        opened.catch(() => sessions.delete(place))
        return opened
      },
      mostSessions() {
        if (!ownShard || options.shards.state().kind !== 'ready') return 1
        const left = options.shards.offer().budgetBytes - ownShard.weightBytes - ownShard.adapterBytes()
        return Math.max(1, Math.floor(left / ownShard.sessionBytes(placed.plan.contextLength)))
      },
      stages: () => placed.stages().map((stage) => ({ ...stage })),
    }
  }

  /** Loads what is wished, leaving out helpers that refuse, and keeps the model's status true. */
  async function loadWish(wanted: Wish, abort: AbortController): Promise<LoadedModel> {
    library.setStatus(wanted.modelId, { status: 'fetching', progress: 0, error: null })
    for (;;) {
      const before = pipeline
      try {
        const result = await place(wanted, abort)
        loaded = result
        library.setStatus(wanted.modelId, { status: 'ready', progress: 1, error: null })
        showPlacement()
        options.onReady()
        keepSpares()
        return result
      } catch (error) {
        if (abort.signal.aborted) {
          library.setStatus(wanted.modelId, { status: 'listed', progress: 0 })
          throw new CentramError('CANCELLED', 'Loading was cancelled; what was fetched stays.')
        }
        // Where no placement came about, whoever the last one lost is not to blame for that.
        const placed = pipeline === before ? null : pipeline
        const culprit = placed?.stages().find((stage) => stage.status === 'lost')?.nodeId
        if (culprit !== undefined && culprit !== port.self) {
          if (errorCode(error) === 'PEER_REFUSED') refused.add(culprit)
          options.onNotice(errorCode(error), `${errorMessage(error)} The layers are placed without it.`)
          if (errorCode(error) === 'PEER_REFUSED' || !options.helpers().some((node) => node.id === culprit)) continue
        }
        drop()
        const failure = { code: errorCode(error), message: errorMessage(error) }
        library.setStatus(wanted.modelId, { status: 'failed', progress: 0, error: failure })
        throw error
      }
    }
  }

  function begin(wanted: Wish): Promise<LoadedModel> {
    loading?.abort.abort()
    if (wish && wish.modelId !== wanted.modelId) library.setStatus(wish.modelId, { status: 'listed', progress: 0 })
    wish = wanted
    const abort = new AbortController()
    const before = loading?.promise.catch(() => undefined) ?? Promise.resolve()
    const promise = before.then(() => loadWish(wanted, abort))
    const mine = { promise, abort }
    loading = mine
    const done = () => {
      if (loading === mine) loading = null
    }
    promise.then(done, done)
    return promise
  }

  async function ready(modelId: string): Promise<LoadedModel> {
    if (wish?.modelId !== modelId) {
      return begin({ modelId, contextLength: undefined, placement: undefined, spread: 'all' })
    }
    if (loading) return loading.promise
    if (loaded?.modelId !== modelId) return begin(wish)
    if (mending) return mending
    if (!loaded.pipeline.broken()) return loaded
    const done = () => (mending = null)
    mending = mend(loaded, wish)
    mending.then(done, done)
    return mending
  }

  async function readyWith(
    modelId: string,
    adapters: readonly ActiveGenome[] = options.adapters.chosen(modelId),
  ): Promise<LoadedModel> {
    const switched = switching.then(async () => {
      if (isSame(adapters, adaptersOf(modelId))) return
      // One that does not fit must not take the model out of use.
      await options.adapters.read(await library.open(modelId), adapters)
      const before = borrowed
      borrowed = isSame(adapters, options.adapters.chosen(modelId)) ? null : { modelId, adapters }
      try {
        await exchange(modelId)
      } catch (error) {
        borrowed = before
        throw error
      }
    })
    switching = switched.catch(() => undefined)
    await switched
    return ready(modelId)
  }

  /** The loaded model answers with what `adaptersOf` says now; it is placed anew where that takes other nodes. */
  async function exchange(modelId: string): Promise<void> {
    await loading?.promise.catch(() => undefined)
    if (loaded?.modelId !== modelId || loaded.pipeline.broken()) return
    if (ownShard && loaded.pipeline.plan.stages.length === 1) await apply(ownShard, loaded.model, adaptersOf(modelId))
    else if (wish) await begin(wish)
  }

  function follow(): void {
    if (borrowed && loaded?.modelId === borrowed.modelId) {
      const { modelId } = borrowed
      // What was lent to a question is given back when nobody asks any more; a failure shows with the next question.
      void readyWith(modelId, undefined).then(follow, () => undefined)
      return
    }
    if (!wish || loading || mending || !pipeline) return
    // A node that took over a stage beside its own would do better with one stage of both.
    const holders = pipeline.plan.stages.map(({ nodeId }) => nodeId)
    const isPatched = new Set(holders).size < holders.length
    const isSettled = !pipeline.broken() && !isPatched && namesOf(nodesFor(wish)) === placedFor
    if (isSettled) {
      keepSpares()
      void audit()
    } else begin(wish).catch(() => undefined)
  }

  /** Nodes that hold no layers of the plan keep some ready. */
  function keepSpares(): void {
    if (!wish || !loaded || pipeline !== loaded.pipeline || pipeline.broken()) return
    pipeline.keepSpares(planSpares(loaded.size, pipeline.plan.stages, nodesFor(wish), pipeline.spares()))
  }

  /** Now and then a spare computes again what a stage computed. Only one with the same GPU: others may round differently. */
  async function audit(): Promise<void> {
    const audited = pipeline
    if (!audited || !wish || audited.broken()) return
    const [chance = 0, choice = 0] = options.random(2)
    if (chance >= 256 * AUDIT_SHARE) return
    const { stages } = audited.plan
    const fit = audited.spares().filter(({ nodeId, stage, ready }) => {
      return ready && options.gpuOf(nodeId) === options.gpuOf(stages[stage]?.nodeId ?? '')
    })
    const spare = fit[choice % Math.max(1, fit.length)]
    if (!spare || (await audited.audit(spare)) !== 'different') return
    const reason = audited.broken()
    if (reason) options.onNotice('PEER_REFUSED', reason.message)
    const modelId = loaded?.modelId
    // The spare takes over at once.
    if (modelId !== undefined && pipeline === audited) await ready(modelId).catch(() => undefined)
  }

  /** Hands the stages of lost nodes to others and leaves the rest as it is; where that cannot be, places all layers anew. */
  async function mend(current: LoadedModel, wanted: Wish): Promise<LoadedModel> {
    const { pipeline: broken, size } = current
    for (let attempt = 0; attempt < MOST_REPAIRS && pipeline === broken && wish === wanted; attempt++) {
      const nodes = nodesFor(wanted).filter(({ id }) => !broken.lost().has(id))
      const spares = broken.spares().filter(({ ready }) => ready)
      const takeovers = planTakeovers(size, broken.plan.stages, nodes, spares)
      if (!takeovers) break
      try {
        await broken.repair(takeovers)
        placedFor = namesOf(nodes)
        showPlacement()
        return current
      } catch (error) {
        if (!MENDABLE.has(errorCode(error))) break
      }
    }
    if (wish !== wanted) throw new CentramError('CANCELLED', 'Another model was loaded meanwhile.')
    return begin(wanted)
  }

  return {
    async load(modelId, loadOptions = {}) {
      refused.clear()
      const { contextLength, placement, spread = 'all' } = loadOptions
      await begin({ modelId, contextLength, placement, spread })
    },

    cancel(modelId) {
      if (wish?.modelId !== modelId || !loading) return
      loading.abort.abort()
      wish = null
      drop()
    },

    unload(modelId) {
      if (wish?.modelId !== modelId) return
      loading?.abort.abort()
      wish = null
      drop()
      library.setStatus(modelId, { status: 'listed', progress: 0 })
      options.onReady()
    },

    ready,
    readyWith,
    chosen: options.adapters.chosen,
    current: () => loaded,
    pipeline: () => pipeline,
    follow,

    async refit() {
      // What does not fit any more is told as the model's status.
      if (wish && pipeline) await begin(wish).catch(() => undefined)
    },

    async setAdapters(modelId, chosen) {
      const before = options.adapters.chosen(modelId)
      const model = await library.open(modelId)
      await options.adapters.read(model, chosen)
      await options.adapters.choose(modelId, chosen)
      borrowed = null
      await loading?.promise.catch(() => undefined)
      if (loaded?.modelId !== modelId || loaded.pipeline.broken()) return
      try {
        if (ownShard && loaded.pipeline.plan.stages.length === 1) await apply(ownShard, model, chosen)
        else if (wish) await begin(wish)
      } catch (error) {
        await options.adapters.choose(modelId, before)
        throw error
      } finally {
        // Without adapters, or without those that failed, the room's nodes may take a part again.
        follow()
      }
    },

    onPeerLost(peer, reason) {
      refused.delete(peer)
      pipeline?.fail(peer, reason)
    },

    close() {
      loading?.abort.abort()
      wish = null
      drop()
    },
  }
}

const isSame = (a: readonly ActiveGenome[], b: readonly ActiveGenome[]) =>
  a.length === b.length &&
  a.every(({ genomeId, weight }, index) => genomeId === b[index]?.genomeId && weight === b[index]?.weight)

const namesOf = (nodes: readonly PlacementNode[]) =>
  nodes
    .map((node) => node.id)
    .sort()
    .join()
