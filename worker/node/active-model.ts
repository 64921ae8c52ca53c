// The one model a node answers with: loads it here or over the room's nodes, with the adapters chosen for it, keeps it placed
// as nodes come and go, and says where its layers are.

import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { placeLayers, type PlacementNode } from '#core/pipeline/place-layers.ts'
import { createTokenizer } from '#core/tokenizer/create-tokenizer.ts'
import type { Tokenizer } from '#core/tokenizer/tokenizer.ts'
import type { PipePort } from '../hyperlink/pipe-port.ts'
import { createPipeline, type Pipeline } from '../hyperlink/pipeline-client.ts'
import type { PipelinePlan } from '../hyperlink/pipeline-plan.ts'
import type { PipelineSession } from '../hyperlink/pipeline-session.ts'
import type { Shard } from '../model/shard.ts'
import { placementOf } from '../model/shard-tensors.ts'
import type { LoadOptions, Placement, Stage } from './api.ts'
import type { ActiveGenome } from './lab-api.ts'
import type { ModelAdapters } from './model-adapters.ts'
import type { ModelLibrary } from './model-library.ts'
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
  /** The session answers run on, opened at the first use and again after the pipeline changed. */
  session(): Promise<PipelineSession>
  stages(): readonly Stage[]
}

export interface ActiveModel {
  load(modelId: string, options?: LoadOptions): Promise<void>
  cancel(modelId: string): void
  unload(modelId: string): void
  /** The loaded model, placed anew first if a node of its pipeline was lost. */
  ready(modelId: string): Promise<LoadedModel>
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
  onPeerLost(peer: string, reason: CentramError): void
  close(): void
}

interface Wish {
  readonly modelId: string
  readonly contextLength: number | undefined
  readonly placement: LoadOptions['placement']
}

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
    const isAlone = placement === 'solo' || options.adapters.chosen(modelId).length > 0
    const helpers = isAlone ? [] : options.helpers().filter((node) => !refused.has(node.id))
    return [options.shards.offer(), ...helpers]
  }

  async function place(wanted: Wish, abort: AbortController): Promise<LoadedModel> {
    const { modelId } = wanted
    const { signal } = abort
    await options.shards.start()
    const model = await library.open(modelId, signal)
    const tokenizer = createTokenizer(model.tokenizer)
    const contextLength = Math.min(wanted.contextLength ?? DEFAULT_CONTEXT, model.config.contextLength)
    const nodes = nodesFor(wanted)
    const chosen = options.adapters.chosen(modelId)
    placedFor = namesOf(nodes)
    const stages = placeLayers(placementOf(model, contextLength), nodes)
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
    return createLoaded(modelId, model, tokenizer, placed)
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

  function createLoaded(modelId: string, model: OpenedModel, tokenizer: Tokenizer, placed: Pipeline): LoadedModel {
    let session: Promise<PipelineSession> | null = null
    return {
      modelId,
      model,
      tokenizer,
      pipeline: placed,
      session() {
        session ??= placed.openSession()
        session.catch(() => (session = null))
        return session
      },
      stages: () => placed.stages().map((stage) => ({ ...stage })),
    }
  }

  /** Loads what is wished, leaving out helpers that refuse, and keeps the model's status true. */
  async function loadWish(wanted: Wish, abort: AbortController): Promise<LoadedModel> {
    library.setStatus(wanted.modelId, { status: 'fetching', progress: 0, error: null })
    for (;;) {
      try {
        const result = await place(wanted, abort)
        loaded = result
        library.setStatus(wanted.modelId, { status: 'ready', progress: 1, error: null })
        showPlacement()
        options.onReady()
        return result
      } catch (error) {
        if (abort.signal.aborted) {
          library.setStatus(wanted.modelId, { status: 'listed', progress: 0 })
          throw new CentramError('CANCELLED', 'Loading was cancelled; what was fetched stays.')
        }
        const culprit = pipeline?.stages().find((stage) => stage.status === 'lost')?.nodeId
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

  function follow(): void {
    if (!wish || loading || !pipeline) return
    if (!pipeline.broken() && namesOf(nodesFor(wish)) === placedFor) return
    begin(wish).catch(() => undefined)
  }

  return {
    async load(modelId, loadOptions = {}) {
      refused.clear()
      await begin({ modelId, contextLength: loadOptions.contextLength, placement: loadOptions.placement })
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

    async ready(modelId) {
      if (wish?.modelId === modelId && loading) return loading.promise
      if (loaded?.modelId === modelId && !loaded.pipeline.broken()) return loaded
      const wanted = wish?.modelId === modelId ? wish : { modelId, contextLength: undefined, placement: undefined }
      return begin(wanted)
    },

    current: () => loaded,
    pipeline: () => pipeline,
    follow,

    async setAdapters(modelId, chosen) {
      const before = options.adapters.chosen(modelId)
      const model = await library.open(modelId)
      await options.adapters.read(model, chosen)
      await options.adapters.choose(modelId, chosen)
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
      if (pipeline?.plan.stages.some((stage) => stage.nodeId === peer)) pipeline.fail(peer, reason)
    },

    close() {
      loading?.abort.abort()
      wish = null
      drop()
    },
  }
}

const namesOf = (nodes: readonly PlacementNode[]) =>
  nodes
    .map((node) => node.id)
    .sort()
    .join()
