// One node: wires the GPU, the models, the room and the answers together, and offers them as `NodeApi`. Wiring only.

import { toHex } from '#core/crypto/bytes.ts'
import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import { createTraffic } from '#core/protocol/traffic.ts'
import { createStepScheduler } from '../hyperlink/step-scheduler.ts'
import { createStreams } from '../net/streams.ts'
import { createSwarm } from '../net/swarm.ts'
import { createActiveModel } from './active-model.ts'
import { createAnswers } from './answers.ts'
import { createAnnouncements } from './announcements.ts'
import { createAnswering } from './answering.ts'
import type { NodeApi } from './api.ts'
import { handleKeys } from './handlers/keys.ts'
import { handlePeer } from './handlers/peer.ts'
import { createPipeHandlers, createPipePort, handlePipe } from './handlers/pipe.ts'
import { createHeldStages } from './held-stages.ts'
import { createHousekeeping, NOTHING_LIMITED } from './housekeeping.ts'
import { inviteLink } from './invite.ts'
import { createModelLibrary } from './model-library.ts'
import { createGenomeLibrary } from './genome-library.ts'
import { createKeyBook } from './key-book.ts'
import { createKeyChanges, ownerOf } from './key-changes.ts'
import { createLab } from './lab.ts'
import { createLedger } from './ledger.ts'
import { NO_LEDGER } from './ledger-state.ts'
import { createLinkSpeedMeter } from './link-speed.ts'
import { createLinkSettings } from './link-settings.ts'
import { createModelAdapters } from './model-adapters.ts'
import { createDiscovery } from './discovery.ts'
import { createDoor } from './door.ts'
import { NO_DOOR } from './door-parts.ts'
import { createNearby } from './nearby.ts'
import { defaultName } from './node-name.ts'
import { createNotices } from './notices.ts'
import { createQuarantine } from './quarantine.ts'
import { createRoomEntry } from './room-entry.ts'
import { createRoomNews } from './room-news.ts'
import { createRoomPeers } from './room-peers.ts'
import { createShardLoader } from './shard-loader.ts'
import { shareShards } from './shared-shards.ts'
import { createSharing, NOTHING_SHARED } from './sharing.ts'
import { createSoloEngines } from './solo-engines.ts'
import { createStateStore } from './state.ts'
import { storeModel } from './store-model.ts'
import { sellMerges } from './merge-sales.ts'
import type { Surroundings } from './surroundings.ts'

/** Nodes that come or go within this time are placed together. */
const SETTLE_MS = 400
const ROUND_TRIP_REFRESH_MS = 2000
/** A node with less to spare is no help. */
const USEFUL_BYTES = 64 * 1024 * 1024

export interface CentramNode {
  readonly api: NodeApi
  /** Stores every byte of a model, without loading it, so that this node can give it on. */
  storeModel(modelId: string): Promise<void>
  close(): void
}

/** What a simulation replaces: a GPU by one that it computes, the swarm by one that it watches. */
export interface NodeParts {
  readonly createShards: typeof createShardLoader
  readonly createSwarm: typeof createSwarm
  readonly createStreams: typeof createStreams
}

export async function createNode(surroundings: Surroundings, replaced: Partial<NodeParts> = {}): Promise<CentramNode> {
  const parts: NodeParts = { createShards: createShardLoader, createSwarm, createStreams, ...replaced }
  const { settings, identity, records, clock, random } = surroundings
  // Tabs of one browser share the records: what is one node's own is kept under its first key.
  const self = await ownerOf(surroundings)
  const nameKey = `name/${self}`
  const kept = await records.get('settings', nameKey)
  const name = typeof kept === 'string' && kept !== '' ? kept : defaultName(identity.publicKey)
  const keys = createKeyBook(records, surroundings.verifier, () =>
    store.update({ genomes: genomes.list(), ...lab.room() }),
  )
  const traffic = createTraffic(identity, surroundings.verifier)
  const swarm = parts.createSwarm({
    ...surroundings,
    identity: traffic.identity,
    verifier: traffic.verifier,
    onHandled: traffic.noteHandled,
    requireKey: keys.require,
    name,
    ...(settings.serverUrl && { serverUrl: settings.serverUrl }),
    onRelay: (grant, serverUrl) => links.granted(grant, serverUrl),
  })
  const store = createStateStore({
    id: swarm.id,
    name,
    gpu: { kind: 'starting' },
    server: { url: settings.serverUrl ?? null, state: 'none' },
    ways: [],
    offeredWays: [],
    nearby: { on: false, nodes: [], pairing: null },
    room: null,
    peers: [],
    links: { stun: false, servers: [], relays: [] },
    models: [],
    placement: null,
    held: [],
    speed: null,
    notices: [],
    runs: [],
    experiments: [],
    genomes: [],
    adapters: [],
    merge: null,
    roomGenomes: [],
    sharedGenomes: [],
    mergesForOthers: false,
    judging: null,
    arrivals: [],
    gateRules: { accept: 'ask', fetchFor: [] },
    sharing: NOTHING_SHARED,
    limits: NOTHING_LIMITED,
    ledger: NO_LEDGER,
    door: NO_DOOR,
    engine: null,
  })
  const notify = createNotices(store)
  const links = createLinkSettings({
    ...surroundings,
    onChange: (chosen, relays) => store.update({ links: { ...chosen, relays } }),
  })
  const discovery = createDiscovery({
    ...surroundings,
    ...settings,
    swarm,
    name: () => store.get().name,
    load() {
      const { speed } = store.get()
      const tokensPerSecond = speed === null ? 0 : Math.round(10_000 / Math.max(0.1, speed.totalMs)) / 10
      return { ...answers.load(), tokensPerSecond }
    },
    find: (query) => peers.find(query),
    onChange: () => showRoom(),
  })
  const room = createRoomEntry({ ...surroundings, owner: self, swarm, discovery, notify })
  const nearby = createNearby({
    ...surroundings,
    swarm,
    name: () => store.get().name,
    ways: () => discovery.ways(),
    openRoom: room.open,
    async enter(secret, ways) {
      await discovery.addWays(ways)
      await room.enter(secret)
    },
    onChange: () => showRoom(),
    onNotice: (level, message) => notify(level, 'PEER_REFUSED', message),
  })
  const peers = createRoomPeers(swarm, (peer) => discovery.exchange.loadOf(peer))
  const port = createPipePort(swarm, { nameOf: peers.nameOf, now: clock.now }, () => pipes)
  const sharing = createSharing(
    surroundings,
    swarm,
    () => library,
    (shown) => store.update({ sharing: shown }),
  )
  const library = createModelLibrary(surroundings, sharing, () =>
    store.update({ models: library.list(), genomes: genomes.list() }),
  )
  const quarantine = createQuarantine(records, () => store.update({ genomes: genomes.list(), ...lab.room() }))
  const genomes = createGenomeLibrary(
    surroundings,
    library,
    () => store.update({ genomes: genomes.list() }),
    keys.current,
    quarantine,
  )
  const adapters = createModelAdapters(genomes, records, self)
  const house = createHousekeeping(surroundings, {
    owner: self,
    self: swarm.id,
    store,
    sharing,
    library: () => library,
    held: () => held,
    active: () => active,
    answers: () => answers,
    announcements: () => announcements,
    nameOf: peers.nameOf,
    leave: room.api.leave,
  })
  const loader = parts.createShards(surroundings, swarm.id, (gpu) => {
    store.update({ gpu: house.offered(gpu) })
    announcements.toAll()
    if (gpu.kind === 'none' && gpu.reason === 'device-lost') {
      active.pipeline()?.fail(swarm.id, new CentramError('GPU_LOST', `${gpu.message} ${gpu.remedy}`))
      held.fail(new CentramError('GPU_LOST', gpu.message))
    }
  })
  const shards = shareShards(house.meter(loader), swarm.id, createStepScheduler(clock, house.share))
  const active = createActiveModel({
    port,
    library,
    shards,
    adapters,
    helpers: peers.helpers,
    gpuOf: (id) => peers.list().find((peer) => peer.id === id)?.gpu ?? '',
    random,
    onPlacement(placement) {
      // How fast another model answered says nothing of this one.
      const same = placement?.modelId === store.get().placement?.modelId
      store.update(same ? { placement } : { placement, speed: null })
    },
    onAdapters: (active) => store.update({ adapters: active }),
    onReady() {
      announcements.toAll()
      // Nodes that came or went while it was loading are placed now.
      followSoon()
    },
    onNotice: (code, message) => notify('warning', code, message),
  })
  const announcements = createAnnouncements({ swarm, store, library, active, helps: house.helps })
  const answers = house.countAnswers(createAnswers(active, () => active.follow(), clock.now))
  const engines = createSoloEngines(
    surroundings,
    library,
    () => store.get().gpu.kind === 'ready',
    (engine) => store.update({ engine }),
  )
  const streams = parts.createStreams({ swarm, clock, random })
  const linkSpeed = createLinkSpeedMeter({
    streams,
    clock,
    random,
    connections: (peer) => swarm.peers().find(({ id }) => id === peer)?.connections ?? 1,
    busy: answers.busy,
  })
  const gossip = createRoomNews(surroundings, swarm, self)
  const { nameOf } = peers
  const keyChanges = createKeyChanges({
    surroundings,
    owner: self,
    swarm,
    gossip,
    keys,
    onRotated: (rotation) => ledger.closeLog(rotation),
    onStolen: () =>
      notify(
        'error',
        'KEY_REVOKED',
        'Somebody else changed the key of this node, so others refuse it. Start as a new node, in the settings of this page.',
      ),
  })
  handleKeys(swarm, keyChanges)
  const modelTitle = (fingerprint: string): string | null => {
    const modelId = library.byFingerprint(fingerprint)
    return library.list().find(({ id }) => id === modelId)?.title ?? null
  }
  const ledger = createLedger(
    surroundings,
    { owner: self, swarm, gossip, keys, genomes, nameOf, modelTitle, notify },
    (shown) => store.update({ ledger: shown }),
  )
  const lab = createLab(
    surroundings,
    {
      self,
      library,
      genomes,
      adapters,
      shards,
      active,
      answers,
      swarm,
      gossip,
      keys,
      quarantine,
      contents: sharing.exchange,
      nameOf,
      sales: sellMerges(() => answering.receipts, ledger.accounts),
      share: house.share,
      requireMemory: house.requireMemory,
      requireHelping: house.requireHelping,
    },
    (change) => store.update(change),
  )
  const answering = createAnswering({
    surroundings,
    swarm,
    store,
    answers,
    engines,
    active,
    library,
    shards,
    peers,
    discovery,
    accounts: ledger.accounts,
    notify,
    requireHelping: house.requireHelping,
  })
  const door = createDoor(
    surroundings,
    {
      owner: self,
      store,
      generate: answering.generateFor,
      stop: (requestId) => void answering.api.stop(requestId),
      answers,
      requireHelping: house.requireHelping,
    },
    (shown) => store.update({ door: shown }),
  )
  const held = createHeldStages({
    port,
    library,
    shards,
    active,
    requireHelping: house.requireHelping,
    onWork(owner, columns) {
      answering.noteWork(owner, columns)
      if (owner !== swarm.id) house.countColumns(columns)
    },
    onChange: (stages) => store.update({ held: stages }),
  })
  const pipes = createPipeHandlers(held, active)

  function showRoom(): void {
    const { url } = store.get().server
    const secret = swarm.room?.secret
    const invite = secret ? inviteLink(settings.pageUrl, secret, discovery.ways()) : ''
    store.update({
      server: { url, ...swarm.server },
      ...discovery.shown(),
      nearby: nearby.shown(),
      room: secret ? { id: toHex(secret), invite } : null,
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

  /** Others take over its layers, so that this node's own answers go on; what it was asked to answer, another is asked. */
  function peerGone(peer: string, what: string): void {
    const reason = new CentramError('PEER_LEFT', `${peers.nameOf(peer)} ${what}.`)
    active.onPeerLost(peer, reason)
    answering.onPeerGone(peer, reason)
  }

  handlePipe(swarm, pipes)
  handlePeer(swarm, discovery.exchange, (peer, capabilities) => {
    peers.learn(peer, capabilities)
    showRoom()
    followSoon()
  })
  swarm.onChange(showRoom)
  swarm.onPeerOpen(announcements.to)
  swarm.onPeerInterrupted((peer, interrupted) => {
    if (interrupted) peerGone(peer, 'fell silent')
    followSoon()
  })
  swarm.onPeerLost((peer, loss) => {
    peerGone(peer, loss.code === 'PEER_LEFT' ? 'left' : `was lost (${loss.message})`)
    held.onPeerLost(peer)
    answering.onPeerLost(peer)
    peers.forget(peer)
    followSoon()
  })
  swarm.onRefused((error) => notify('error', error.code, error.message))
  const refresh = () => {
    if (swarm.peers().length > 0) store.update({ peers: peers.list() })
    refreshTimer = clock.setTimeout(refresh, ROUND_TRIP_REFRESH_MS)
  }
  let refreshTimer = clock.setTimeout(refresh, ROUND_TRIP_REFRESH_MS)

  const api: NodeApi = {
    ...lab.api,
    ...sharing.api,
    ...room.api,
    ...answering.api,
    generate: house.countOwn(answering.api.generate),
    ...ledger.api,
    ...door.api,
    ...house.api,
    changeKey: keyChanges.change,
    async watch(listener) {
      store.watch(listener)
    },
    async rename(wanted) {
      const next = wanted.trim().slice(0, 40) || defaultName(identity.publicKey)
      store.update({ name: next })
      swarm.rename(next)
      discovery.refresh()
      announcements.toAll()
      await records.put('settings', nameKey, next)
    },
    addModel: (input) => library.add(input),
    async estimateModel(modelId) {
      const estimate = await library.estimate(modelId, 2048)
      return { ...estimate, engines: await engines.fitting(modelId) }
    },
    async loadModel(modelId, options) {
      await shards.start()
      // Nodes with memory to spare that only others know come in time for the next placement.
      void discovery.find({ model: null, genome: null, budgetBytes: USEFUL_BYTES }, () => true)
      await engines.unload(modelId)
      await active.load(modelId, options)
    },
    async loadWithEngine(modelId, engine) {
      active.unload(modelId)
      await engines.load(modelId, engine)
    },
    async cancelLoad(modelId) {
      await engines.unload(modelId)
      active.cancel(modelId)
    },
    async unloadModel(modelId) {
      await engines.unload(modelId)
      active.unload(modelId)
    },
    async removeModel(modelId) {
      await engines.unload(modelId)
      active.unload(modelId)
      await library.remove(modelId)
    },
    ...nearby.api,
    setWays: discovery.setWays,
    async setVisible(visible) {
      discovery.setVisible(visible)
    },
    setLinks: links.set,
    measureLink: linkSpeed.measure,
    async traffic() {
      return traffic.counts()
    },
  }

  await house.start()
  await links.start()
  await discovery.start()
  await nearby.start()
  await keys.start()
  await ledger.start()
  await sharing.start()
  await library.start()
  await lab.start().catch((error: unknown) => notify('warning', errorCode(error), errorMessage(error)))
  house.watch()
  await door.start()
  void shards.start().catch(() => undefined)
  await room.rejoin()

  const closing = new AbortController()
  return {
    api,
    storeModel: (modelId) => storeModel(library, modelId, closing.signal),
    close() {
      closing.abort()
      clock.clearTimeout(refreshTimer)
      house.close()
      door.close()
      lab.close()
      ledger.close()
      gossip.close()
      sharing.close()
      nearby.close()
      discovery.close()
      engines.close()
      active.close()
      held.close()
      streams.close()
      swarm.close()
      shards.close()
    },
  }
}
