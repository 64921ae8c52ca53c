// The dispatches of a step, prepared once and replayed: those that run over all columns are the shard's, those of attention
// belong to each session, and a step is both, layer by layer.

import type { Dispatch } from '../gpu/dispatch.ts'
import type { StepBuffer } from '../gpu/step-buffer.ts'
import type { Activations } from './activations.ts'
import type { AdapterSet } from './adapter-set.ts'
import { planAttention } from './attention-layer.ts'
import type { Block } from './block.ts'
import type { EmbeddingLayer } from './embedding.ts'
import type { Head, HeadColumns } from './head.ts'
import type { KernelSet } from './kernel-set.ts'
import type { KvCache } from './kv-cache.ts'
import type { StepMode } from './step-mode.ts'

/** The dispatches that run over the columns of all sessions. */
export interface SharedLists {
  readonly tokens: readonly Dispatch[]
  readonly layers: readonly { readonly before: readonly Dispatch[]; readonly after: readonly Dispatch[] }[]
}

/** Those that one session's columns need of their own. */
export interface SessionLists {
  readonly positions: readonly Dispatch[]
  readonly attention: readonly (readonly Dispatch[])[]
}

/** What the head computes: the logits, and their arg-max where a token is asked for; or the states that logits are made of. */
export type HeadUse =
  { readonly columns: HeadColumns; readonly argMax: boolean } | { readonly columns: StepMode; readonly states: true }

export interface StepLists {
  shared(mode: StepMode): Promise<SharedLists>
  head(use: HeadUse): Promise<readonly Dispatch[]>
}

export function createStepLists(parts: {
  readonly activations: Activations
  readonly embedding: EmbeddingLayer | null
  readonly blocks: readonly Block[]
  readonly head: Head | null
  readonly adapters: AdapterSet
}): StepLists {
  const { activations, embedding, blocks, head, adapters } = parts
  const lists = new Map<string, Promise<unknown>>()
  /** The adapters that `lists` were built for. */
  let adapterVersion = adapters.version

  function once<T>(key: string, build: () => Promise<T>): Promise<T> {
    if (adapterVersion !== adapters.version) {
      adapterVersion = adapters.version
      lists.clear()
    }
    return remembered(lists, key, build)
  }

  return {
    shared: (mode) =>
      once(keyOf(mode), async () => ({
        tokens: embedding ? await embedding.planTokens(mode, activations) : [],
        layers: await Promise.all(
          blocks.map(async (block) => {
            const [before, after] = await Promise.all([
              block.planBefore(mode, activations),
              block.planAfter(mode, activations),
            ])
            return { before, after }
          }),
        ),
      })),
    head: (use) =>
      once(headKey(use), async () => {
        if (!head) return []
        if ('states' in use) return head.planStates(activations, use.columns)
        const { columns, argMax } = use
        const logits = await head.planLogits(activations, columns)
        return argMax ? [...logits, ...head.planArgMax(columns)] : logits
      }),
  }
}

/** A session's own lists by width, whose columns `segment` names. */
export function createSessionLists(
  kernels: KernelSet,
  activations: Activations,
  embedding: EmbeddingLayer | null,
  cache: KvCache,
  segment: StepBuffer,
): (mode: StepMode) => Promise<SessionLists> {
  const lists = new Map<string, Promise<SessionLists>>()
  return (mode) =>
    remembered(lists, keyOf(mode), async () => ({
      positions: embedding ? await embedding.planPositions(mode, activations, segment) : [],
      attention: await Promise.all(
        cache.layers.map((layer) => planAttention(kernels, mode, activations, segment, layer)),
      ),
    }))
}

/** One step from its parts: what a session adds stands between what all its columns share. */
export function joinLists(
  shared: SharedLists,
  sessions: readonly SessionLists[],
  head: readonly Dispatch[],
): readonly Dispatch[] {
  return [
    ...shared.tokens,
    ...sessions.flatMap(({ positions }) => positions),
    ...shared.layers.flatMap(({ before, after }, layer) => [
      ...before,
      ...sessions.flatMap(({ attention }) => attention[layer] ?? []),
      ...after,
    ]),
    ...head,
  ]
}

const headKey = (use: HeadUse) =>
  `head ${use.columns === 'last' ? 'last' : keyOf(use.columns)} ${'states' in use ? 'states' : use.argMax}`

const keyOf = ({ family, columns }: StepMode) => `${family} ${columns}`

function remembered<T>(lists: Map<string, Promise<unknown>>, key: string, build: () => Promise<T>): Promise<T> {
  let list = lists.get(key) as Promise<T> | undefined
  if (!list) {
    list = build()
    lists.set(key, list)
    // A failed compilation is tried again by the next who needs it.
    list.catch(() => lists.delete(key))
  }
  return list
}
