// One node: wires the GPU, the models, the room and the answers together, and offers them as `NodeApi`. Wiring only.

import { toHex } from '#core/crypto/bytes.ts'
import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import { createShardServer } from '../hyperlink/shard-server.ts'
import type { PipePort } from '../hyperlink/pipe-port.ts'
import { createSwarm } from '../net/swarm.ts'
import { createActiveModel } from './active-model.ts'
import { createAnswers } from './answers.ts'
import type { NodeApi, Notice } from './api.ts'
import { handleInfer } from './handlers/infer.ts'
import { handlePeer } from './handlers/peer.ts'
import { handlePipe } from './handlers/pipe.ts'
import { inviteLink, readInvite } from './invite.ts'
import { createModelLibrary } from './model-library.ts'
import { createGenomeLibrary } from './genome-library.ts'
import { createLab } from './lab.ts'
import { createModelAdapters } from './model-adapters.ts'
import { defaultName } from './node-name.ts'
import { createAnswerServer, createRemoteAnswers } from './remote-answers.ts'
import { createRoomPeers } from './room-peers.ts'
import { createShardLoader } from './shard-loader.ts'
import { createStateStore } from './state.ts'
import type { Surroundings } from './surroundings.ts'

/** Sessions one asker may hold open on this node. */
const MAX_SESSIONS = 4
const MAX_NOTICES = 5
/** Nodes that come or go within this time are placed together. */
const SETTLE_MS = 400
const ROUND_TRIP_REFRESH_MS = 2000

export interface CentramNode {
  readonly api: NodeApi
  close(): void
}

export async function createNode(surroundings: Surroundings): Promise<CentramNode> {
  const { settings, identity, records, clock, random } = surroundings
  // Tabs of one browser share the records: what is one node's own is kept under its key.
  const self = toHex(identity.publicKey)
  const nameKey = `name/${self}`
  const roomKey = `room/${self}`
  const kept = await records.get('settings', nameKey)
  const name = typeof kept === 'string' && kept !== '' ? kept : defaultName(identity.publicKey)
  const swarm = createSwarm({ ...surroundings, name, ...(settings.serverUrl && { serverUrl: settings.serverUrl }) })
  const store = createStateStore({
    id: swarm.id,
    name,
    gpu: { kind: 'starting' },
    server: { url: settings.serverUrl ?? null, state: 'none' },
    room: null,
    peers: [],
    models: [],
    placement: null,
    held: [],
    speed: null,
    notices: [],
    runs: [],
    genomes: [],
    adapters: [],
    merge: null,
  })
  const peers = createRoomPeers(swarm)
  const port: PipePort = { self: swarm.id, send: swarm.send, nameOf: peers.nameOf, now: clock.now }
  const library = createModelLibrary(surroundings, () =>
    store.update({ models: library.list(), genomes: genomes.list() }),
  )
  const genomes = createGenomeLibrary(surroundings, library, () => store.update({ genomes: genomes.list() }))
  const adapters = createModelAdapters(genomes, records, self)
  const shards = createShardLoader(surroundings, swarm.id, (gpu) => {
    store.update({ gpu })
    announceToAll()
    if (gpu.kind === 'none' && gpu.reason === 'device-lost') {
      active.pipeline()?.fail(swarm.id, new CentramError('GPU_LOST', `${gpu.message} ${gpu.remedy}`))
      held.close()
    }
  })
  const active = createActiveModel({
    port,
    library,
    shards,
    adapters,
    helpers: peers.helpers,
    random,
    onPlacement(placement) {
      // How fast another model answered says nothing of this one.
      const same = placement?.modelId === store.get().placement?.modelId
      store.update(same ? { placement } : { placement, speed: null })
    },
    onAdapters: (active) => store.update({ adapters: active }),
    onReady() {
      announceToAll()
      // Nodes that came or went while it was loading are placed now.
      followSoon()
    },
    onNotice: (code, message) => notify('warning', code, message),
  })
  const answers = createAnswers(active, () => active.follow())
  const lab = createLab(surroundings, { self, library, genomes, adapters, shards, active, answers }, (change) =>
    store.update(change),
  )
  const held = createShardServer({
    port,
    maxSessions: MAX_SESSIONS,
    onChange() {
      const shown = held.held().map(({ owner, title, stages, ready }) => ({ ownerId: owner, title, stages, ready }))
      store.update({ held: shown })
    },
    async loadShard({ model: reference, range, profile, signal, onProgress }) {
      await shards.start()
      const { modelId, model } = await library.resolve(reference, signal)
      const part = (done: number) => onProgress(done, 0)
      await library.fetch(modelId, range, { signal, onProgress: (done) => part(done * 0.8) })
      const shard = await shards.load(model, range, { profile, signal, onProgress: (done) => part(0.8 + done * 0.2) })
      if (active.current()?.modelId !== modelId) library.setStatus(modelId, { status: 'listed', progress: 0 })
      return shard
    },
  })
  const asked = createRemoteAnswers(swarm.send, random)
  const served = createAnswerServer(swarm.send, answers, (fingerprint) => {
    const modelId = library.byFingerprint(fingerprint)
    return modelId !== undefined && active.current()?.modelId === modelId ? modelId : undefined
  })

  let noticeCount = 0
  function notify(level: Notice['level'], code: Notice['code'], message: string): void {
    const notice = { id: String(++noticeCount), level, code, message }
    store.update({ notices: [...store.get().notices, notice].slice(-MAX_NOTICES) })
  }

  function announce(peer: string): void {
    const { gpu, name: own } = store.get()
    const ready = active.current()
    const model = ready && !ready.pipeline.broken() ? library.list().find(({ id }) => id === ready.modelId) : undefined
    const models = model && ready ? [{ id: model.id, title: model.title, fingerprint: ready.model.fingerprint }] : []
    const about =
      gpu.kind === 'ready'
        ? {
            light: false,
            gpu: gpu.description || `${gpu.vendor} ${gpu.architecture}`.trim(),
            budgetBytes: gpu.budgetBytes,
            bytesPerSecond: gpu.bytesPerSecond,
          }
        : { light: true, gpu: '', budgetBytes: 0, bytesPerSecond: 0 }
    try {
      swarm.send(peer, 'PEER_CAPABILITIES', { name: own, ...about, models })
    } catch {
      // It left meanwhile.
    }
  }
  function announceToAll(): void {
    for (const peer of swarm.peers()) if (peer.link === 'open') announce(peer.id)
  }

  function showRoom(): void {
    const { url } = store.get().server
    const room = swarm.room
    const invite = room ? inviteLink(settings.pageUrl, room.secret) : ''
    store.update({
      server: { url, ...swarm.server },
      room: room ? { id: invite.slice(-32), invite } : null,
      peers: peers.list(),
    })
  }

  let settling: unknown = null
  function followSoon(): void {
    if (settling !== null) clock.clearTimeout(settling)
    settling = clock.setTimeout(() => {
      settling = null
      if (!answers.busy()) active.follow()
    }, SETTLE_MS)
  }

  /** Its layers are placed anew, so that this node's own answers go on; what it was asked to answer ends. */
  function peerGone(peer: string, what: string): void {
    const ending = 'so the answer ends here. What was written is kept.'
    active.onPeerLost(peer, new CentramError('PEER_LEFT', `${peers.nameOf(peer)} ${what}.`))
    asked.onPeerLost(peer, new CentramError('PEER_LEFT', `${peers.nameOf(peer)} ${what}, ${ending}`))
  }

  handlePipe(swarm, held, active)
  handleInfer(swarm, asked, served)
  handlePeer(swarm, (peer, capabilities) => {
    peers.learn(peer, capabilities)
    showRoom()
    followSoon()
  })
  swarm.onChange(showRoom)
  swarm.onPeerOpen(announce)
  swarm.onPeerInterrupted((peer, interrupted) => {
    if (interrupted) peerGone(peer, 'fell silent')
    followSoon()
  })
  swarm.onPeerLost((peer, loss) => {
    peerGone(peer, loss.code === 'PEER_LEFT' ? 'left' : `was lost (${loss.message})`)
    held.onPeerLost(peer)
    served.onPeerLost(peer)
    peers.forget(peer)
    followSoon()
  })
  swarm.onRefused((error) => notify('error', error.code, error.message))
  const refresh = () => {
    if (swarm.peers().length > 0) store.update({ peers: peers.list() })
    refreshTimer = clock.setTimeout(refresh, ROUND_TRIP_REFRESH_MS)
  }
  let refreshTimer = clock.setTimeout(refresh, ROUND_TRIP_REFRESH_MS)

  async function enter(secret: Uint8Array): Promise<void> {
    swarm.join(secret)
    await records.put('settings', roomKey, secret)
  }

  const api: NodeApi = {
    ...lab.api,
    async watch(listener) {
      store.watch(listener)
    },
    async rename(wanted) {
      const next = wanted.trim().slice(0, 40) || defaultName(identity.publicKey)
      store.update({ name: next })
      swarm.rename(next)
      announceToAll()
      await records.put('settings', nameKey, next)
    },
    addModel: (input) => library.add(input),
    async estimateModel(modelId) {
      return library.estimate(modelId, 2048)
    },
    async loadModel(modelId, options) {
      await shards.start()
      await active.load(modelId, options)
    },
    async cancelLoad(modelId) {
      active.cancel(modelId)
    },
    async unloadModel(modelId) {
      active.unload(modelId)
    },
    async removeModel(modelId) {
      active.unload(modelId)
      await library.remove(modelId)
    },
    async share() {
      const secret = swarm.room?.secret ?? random(16)
      await enter(secret)
      return inviteLink(settings.pageUrl, secret)
    },
    async join(invite) {
      await enter(readInvite(invite))
    },
    async leave() {
      swarm.leave()
      await records.delete('settings', roomKey)
    },
    async generate(request, listener) {
      const onEvent = (event: Parameters<typeof listener>[0]) => {
        if (event.type === 'token') store.update({ speed: event.timing })
        listener(event)
      }
      const holder = peers.holderOf(request.modelId)
      if (store.get().gpu.kind === 'starting') await shards.start().catch(() => undefined)
      const light = store.get().gpu.kind !== 'ready'
      const foreign = light || !library.list().some(({ id }) => id === request.modelId)
      if (foreign && holder) return asked.ask(holder.peer, holder.fingerprint, request, onEvent)
      if (light) await shards.start()
      return answers.generate(request, { onEvent })
    },
    async stop(requestId) {
      if (!answers.stop(requestId)) asked.stop(requestId)
    },
  }

  await library.start()
  await lab.start().catch((error: unknown) => notify('warning', errorCode(error), errorMessage(error)))
  void shards.start().catch(() => undefined)
  await rejoin()

  /** The room of the invite link; else the one this tab was in before it was reloaded. */
  async function rejoin(): Promise<void> {
    if (settings.invite !== undefined && settings.invite !== '') {
      try {
        await enter(readInvite(settings.invite))
        return
      } catch (error) {
        notify('error', 'BAD_ARGUMENT', errorMessage(error))
      }
    }
    const secret = await records.get('settings', roomKey)
    if (secret instanceof Uint8Array && secret.length === 16) swarm.join(secret)
  }

  return {
    api,
    close() {
      clock.clearTimeout(refreshTimer)
      lab.close()
      active.close()
      held.close()
      swarm.close()
      shards.close()
    },
  }
}
