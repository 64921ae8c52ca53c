// Everything about answers on one node: given here or by another node, to the person or to others, with receipts for all.

import { fromHex } from '#core/crypto/bytes.ts'
import { errorCode, errorMessage, type CentramError } from '#core/errors.ts'
import type { Swarm } from '../net/swarm.ts'
import type { ActiveModel } from './active-model.ts'
import { createAnswerServer } from './answer-server.ts'
import { OWN } from './answer-queue.ts'
import type { Answers } from './answers.ts'
import type { GenerateEvent, GenerateRequest, GenerateResult, NodeApi } from './api.ts'
import type { Discovery } from './discovery.ts'
import { handleInfer } from './handlers/infer.ts'
import type { AnswerAccounts } from './ledger.ts'
import type { ModelLibrary } from './model-library.ts'
import { createRemoteAnswers } from './remote-answers.ts'
import type { Notify } from './notices.ts'
import type { RoomPeers } from './room-peers.ts'
import type { ShardLoader } from './shard-loader.ts'
import { createSignedAnswers } from './signed-answers.ts'
import type { SoloEngines } from './solo-engines.ts'
import type { StateStore } from './state.ts'
import { askSteadily } from './steady-asking.ts'
import type { Surroundings } from './surroundings.ts'
import { createUsageReceipts, type UsageReceipts } from './usage-receipts.ts'

export interface Answering {
  readonly api: Pick<NodeApi, 'generate' | 'stop'>
  /** The same for somebody else, who takes turns with the person here. */
  generateFor(
    asker: string,
    request: GenerateRequest,
    listener: (event: GenerateEvent) => void,
  ): Promise<GenerateResult>
  readonly receipts: UsageReceipts
  /** Columns of layers that this node computed for another. */
  noteWork(peer: string, columns: number): void
  /** It fell silent or left: what it was to answer, another is asked. */
  onPeerGone(peer: string, reason: CentramError): void
  onPeerLost(peer: string): void
}

export interface AnsweringOptions {
  readonly surroundings: Surroundings
  readonly swarm: Swarm
  readonly store: StateStore
  readonly answers: Answers
  readonly engines: SoloEngines
  readonly active: ActiveModel
  readonly library: ModelLibrary
  readonly shards: ShardLoader
  readonly peers: RoomPeers
  readonly discovery: Discovery
  readonly accounts: AnswerAccounts
  readonly notify: Notify
  /** Throws while this node computes nothing for others. */
  requireHelping(): void
}

export function createAnswering(options: AnsweringOptions): Answering {
  const { surroundings, swarm, store, answers, engines, active, library, shards, peers, discovery, accounts, notify } =
    options
  const { random, clock } = surroundings
  const receipts = createUsageReceipts(surroundings, swarm.send, (...signed) =>
    accounts.settle(...signed).catch((error: unknown) => notify('warning', errorCode(error), errorMessage(error))),
  )
  const signed = createSignedAnswers(answers, {
    self: swarm.id,
    receipts,
    random,
    fingerprintOf: () => active.current()?.model.fingerprint,
    genomesOf: () => store.get().adapters.flatMap(({ genomeId }) => fromHex(genomeId) ?? []),
  })
  const asked = createRemoteAnswers(swarm.send, random, receipts, () => accounts.prices().cap)
  const served = createAnswerServer({
    swarm,
    clock,
    answers,
    signed,
    receipts,
    accounts,
    requireHelping: options.requireHelping,
    modelOf(fingerprint) {
      const modelId = library.byFingerprint(fingerprint)
      return modelId !== undefined && active.current()?.modelId === modelId ? modelId : undefined
    },
  })
  handleInfer(swarm, asked, served, receipts)

  /** A node that answers with the model: one that is known, or one that some neighbour knows. */
  async function findHolder(modelId: string): Promise<ReturnType<RoomPeers['holderOf']>> {
    const model = fromHex(peers.fingerprintOf(modelId) ?? '')
    if (peers.holderOf(modelId) === undefined && model?.length === 32) {
      await discovery.find({ model, genome: null, budgetBytes: 0 }, () => peers.holderOf(modelId) !== undefined)
    }
    return peers.holderOf(modelId)
  }

  async function generate(
    asker: string,
    request: GenerateRequest,
    listener: (event: GenerateEvent) => void,
  ): Promise<GenerateResult> {
    const onEvent = (event: GenerateEvent) => {
      // What a draft brought took no time of its own.
      if (event.type === 'token' && event.timing.totalMs > 0) store.update({ speed: event.timing })
      listener(event)
    }
    if (engines.holds(request.modelId)) return engines.generate(request, onEvent)
    if (store.get().gpu.kind === 'starting') await shards.start().catch(() => undefined)
    const isLight = store.get().gpu.kind !== 'ready'
    const isForeign = isLight || !library.list().some(({ id }) => id === request.modelId)
    const holder = isForeign ? await findHolder(request.modelId) : undefined
    if (holder) return askSteadily({ ask: asked.ask, findHolder }, holder, request, onEvent)
    if (isLight) await shards.start()
    return signed.generate(request, { onEvent }, asker)
  }

  return {
    receipts,
    noteWork: receipts.noteWork,
    onPeerGone: asked.onPeerLost,
    onPeerLost(peer) {
      served.onPeerLost(peer)
      receipts.onPeerLost(peer)
    },
    generateFor: generate,
    api: {
      generate: (request, listener) => generate(OWN, request, listener),
      async stop(requestId) {
        if (!answers.stop(requestId) && !engines.stop(requestId)) asked.stop(requestId)
      },
    },
  }
}
