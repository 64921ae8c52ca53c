// Models between nodes that have stores of their own: fetched by ranges, resumed, kept apart, and checked.

import { describe, expect, test } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import { createModelLibrary, type ModelLibrary } from '../../../worker/node/model-library.ts'
import type { ModelReference } from '../../../worker/node/model-references.ts'
import { createSharing, type Sharing } from '../../../worker/node/sharing.ts'
import type { Surroundings } from '../../../worker/node/surroundings.ts'
import { createMemoryBlobs, type MemoryBlobs } from '../../../worker/storage/memory-blobs.ts'
import { createMemoryRecords, type Records } from '../../../worker/storage/records.ts'
import type { Swarm } from '../../../worker/net/swarm.ts'
import { createByteModel } from '../../e2e/support/byte-model.ts'
import { createSimulation, ROOM, type Simulation } from '../net/simulation.ts'
import { createLocks } from '../storage/fixtures.ts'

/** About 3.4 MB in 14 chunks, of which each layer is about 6. */
const MODEL = createByteModel(256, 2)
const SIZE = MODEL['model.safetensors'].length
const URL_OF_MODEL = 'https://models.example/bytes/'
const WHOLE: LayerRange = { first: 0, last: 2 }

interface Host {
  readonly fetch: Surroundings['fetch']
  files: Record<string, Buffer>
  /** Of the model's files, headers of answers left out. */
  sent: number
  away: boolean
}

function createHost(): Host {
  const host: Host = {
    files: { 'bytes/config.json': MODEL['config.json'], 'bytes/model.safetensors': MODEL['model.safetensors'] },
    sent: 0,
    away: false,
    async fetch(url, init) {
      if (host.away) throw new TypeError('network error')
      const file = host.files[url.replace('https://models.example/', '')]
      if (file === undefined) return new Response(null, { status: 404 })
      const [, from = '0', to = ''] = /bytes=(\d+)-(\d*)/.exec(new Headers(init?.headers).get('Range') ?? '') ?? []
      const part = file.subarray(Number(from), to === '' ? file.length : Number(to) + 1)
      host.sent += part.length
      const headers = { 'Content-Range': `bytes ${from}-${Number(from) + part.length - 1}/${file.length}`, ETag: '"1"' }
      return new Response(new Uint8Array(part), { status: 206, headers })
    },
  }
  return host
}

interface Disk {
  readonly blobs: MemoryBlobs
  readonly records: Records
  withLock: Surroundings['withLock']
}
const createDisk = (): Disk => ({ blobs: createMemoryBlobs(), records: createMemoryRecords(), withLock: createLocks() })

interface ModelNode {
  readonly swarm: Swarm
  readonly sharing: Sharing
  readonly library: ModelLibrary
  readonly disk: Disk
}

async function joinNode(simulation: Simulation, name: string, host: Host, disk = createDisk()): Promise<ModelNode> {
  const swarm = await simulation.createNode(name)
  const surroundings = {
    ...disk,
    settings: { pageUrl: 'https://page.example/', catalogue: [] },
    fetch: host.fetch,
    clock: simulation.clock,
    wallTime: () => Math.round(simulation.clock.now()),
  } as unknown as Surroundings
  const sharing = createSharing(
    surroundings,
    swarm,
    () => library,
    () => undefined,
  )
  const library = createModelLibrary(surroundings, sharing, () => undefined)
  await sharing.start()
  await library.start()
  swarm.join(ROOM)
  return { swarm, sharing, library, disk }
}

async function linked(simulation: Simulation, ...nodes: readonly ModelNode[]) {
  const all = () =>
    nodes.every(({ swarm }) => swarm.peers().filter(({ link }) => link === 'open').length >= nodes.length - 1)
  await simulation.clock.until(all, 30_000, 'every link')
}

/** Runs simulated time until `work` has ended. */
async function during<T>(simulation: Simulation, work: Promise<T>): Promise<T> {
  let ended = false
  const settled = work.finally(() => (ended = true))
  settled.catch(() => undefined)
  await simulation.clock.until(() => ended, 120_000)
  return settled
}

const quiet = { signal: new AbortController().signal, onProgress: () => undefined }

/** A node that has the whole model from its address, and knows what it is. */
async function withWhole(simulation: Simulation, name: string, host: Host) {
  const node = await joinNode(simulation, name, host)
  const modelId = await during(simulation, node.library.add({ kind: 'url', url: URL_OF_MODEL }))
  await during(simulation, node.library.fetch(modelId, WHOLE, quiet))
  await simulation.clock.until(() => node.library.reference(modelId).content !== null, 10_000, 'the content')
  return { ...node, modelId }
}

async function resolveAndFetch(
  simulation: Simulation,
  { library }: ModelNode,
  reference: ModelReference,
  range: LayerRange,
  signal = quiet.signal,
) {
  const { modelId } = await during(simulation, library.resolve(reference, signal))
  await during(simulation, library.fetch(modelId, range, { ...quiet, signal, forOthers: true }))
  return modelId
}

describe('a model in a room', () => {
  test('comes to a second node from the first, only its layers, with not a byte from its address', async () => {
    const simulation = await createSimulation()
    const host = createHost()
    const first = await withWhole(simulation, 'first', host)
    const second = await joinNode(simulation, 'second', host)
    await linked(simulation, first, second)
    const before = host.sent
    const modelId = await resolveAndFetch(simulation, second, first.library.reference(first.modelId), {
      first: 1,
      last: 2,
    })
    expect(host.sent).toBe(before)
    expect(modelId).toMatch(/^content-/)
    const { fromPeers, fromOrigin } = second.sharing.exchange.traffic.total()
    expect(fromOrigin).toBe(0)
    // One of two layers and the head, which is the embedding: the other layer stayed where it is.
    expect(fromPeers).toBeGreaterThan(SIZE / 2)
    expect(fromPeers).toBeLessThan(SIZE * 0.75)
    expect(second.library.list().find(({ id }) => id === modelId)?.origin).toBe('peer')
  })

  test('that was opened from a file comes to others too, and is the same model to a third', async () => {
    const simulation = await createSimulation()
    const host = createHost()
    host.away = true
    const [first, second, third] = [
      await joinNode(simulation, 'first', host),
      await joinNode(simulation, 'second', host),
      await joinNode(simulation, 'third', host),
    ]
    await linked(simulation, first, second, third)
    const names = Object.keys(MODEL)
    const files = Object.values(MODEL).map((bytes) => new Blob([new Uint8Array(bytes)]))
    const modelId = await during(simulation, first.library.add({ kind: 'files', files, names }))
    // Only its own layer is stored there: the rest is given from the file itself.
    await during(simulation, first.library.fetch(modelId, { first: 0, last: 1 }, quiet))
    const reference = first.library.reference(modelId)
    expect(reference.content).not.toBeNull()
    expect(reference.url).toBeNull()
    const held = await resolveAndFetch(simulation, second, reference, WHOLE)
    first.swarm.close()
    await resolveAndFetch(simulation, third, second.library.reference(held), { first: 0, last: 1 })
    expect(second.sharing.exchange.traffic.byPeer().get(third.swarm.id)?.given).toBeGreaterThan(SIZE / 3)
  })

  test('goes on where it stopped after the tab was killed: no stored chunk is fetched again', async () => {
    const simulation = await createSimulation()
    const host = createHost()
    const first = await withWhole(simulation, 'first', host)
    await first.sharing.api.setSharing({ enabled: true, bytesPerSecond: 1_000_000, keepBytes: 1e9 })
    const disk = createDisk()
    const second = await joinNode(simulation, 'second', host, disk)
    await linked(simulation, first, second)
    const reference = first.library.reference(first.modelId)
    const fetching = resolveAndFetch(simulation, second, reference, WHOLE).catch(() => undefined)
    const received = () => second.sharing.exchange.traffic.total().fromPeers
    await simulation.clock.until(() => received() > 2_200_000, 30_000, 'most of it')
    simulation.network.kill('second 2 2')
    disk.blobs.crash(1000)
    second.swarm.close()
    await fetching

    const again = await joinNode(simulation, 'again', host, { ...disk, withLock: createLocks() })
    await simulation.clock.until(() => again.swarm.peers().some(({ link }) => link === 'open'), 60_000, 'a link')
    const stored = (await again.sharing.contents.cache.keys()).map((key) =>
      again.sharing.contents.cache.storedBytes(key),
    )
    const before = (await Promise.all(stored)).reduce((sum, bytes) => sum + bytes, 0)
    expect(before).toBeGreaterThan(0)
    const modelId = await resolveAndFetch(simulation, again, reference, WHOLE)
    const whole = SIZE + MODEL['config.json'].length
    expect(again.sharing.exchange.traffic.total()).toMatchObject({ fromPeers: whole - before, fromOrigin: 0 })
    const { sources } = await again.library.open(modelId)
    expect(toHex(sha256(await (sources[0]?.read(0, SIZE) ?? new Uint8Array())))).toBe(
      toHex(sha256(MODEL['model.safetensors'])),
    )
  })

  test('is stored once by two tabs of one browser that fetch it at the same time', async () => {
    const simulation = await createSimulation()
    const host = createHost()
    const first = await withWhole(simulation, 'first', host)
    const disk = createDisk()
    const tabs = [await joinNode(simulation, 'tab a', host, disk), await joinNode(simulation, 'tab b', host, disk)]
    await linked(simulation, first, ...tabs)
    const reference = first.library.reference(first.modelId)
    const before = host.sent
    const ids = await Promise.all(tabs.map((tab) => resolveAndFetch(simulation, tab, reference, WHOLE)))
    expect(host.sent).toBe(before)
    for (const [i, tab] of tabs.entries()) {
      const { sources } = await tab.library.open(ids[i] ?? '')
      const bytes = await sources[0]?.read(0, SIZE)
      expect(toHex(sha256(bytes ?? new Uint8Array()))).toBe(toHex(sha256(MODEL['model.safetensors'])))
    }
    const fetched = tabs.reduce((sum, { sharing }) => sum + sharing.exchange.traffic.total().fromPeers, 0)
    // Both read the headers before either had stored them.
    expect(fetched).toBeLessThan(SIZE * 1.25)
  })

  test('whose stored chunks the browser cleared away is fetched again, and a rotten one is not given', async () => {
    const simulation = await createSimulation()
    const host = createHost()
    const first = await withWhole(simulation, 'first', host)
    const second = await joinNode(simulation, 'second', host)
    await linked(simulation, first, second)
    const reference = first.library.reference(first.modelId)
    const modelId = await resolveAndFetch(simulation, second, reference, WHOLE)
    const id = toHex(reference.content ?? new Uint8Array())
    const holding = await second.sharing.contents.find(id)
    expect((await holding?.held())?.size).toBe(holding?.tree.manifest.chunks)
    for (const name of await second.disk.blobs.list()) await second.disk.blobs.remove(name)
    expect((await holding?.held())?.size).toBe(0)
    expect(await holding?.read(3)).toBeUndefined()
    await during(simulation, second.library.fetch(modelId, WHOLE, { ...quiet, forOthers: true }))
    const { sources } = await second.library.open(modelId)
    expect(toHex(sha256(await (sources[0]?.read(0, SIZE) ?? new Uint8Array())))).toBe(
      toHex(sha256(MODEL['model.safetensors'])),
    )
    expect((await holding?.held())?.size).toBeGreaterThan(10)
  })

  test('that another node’s plan names wrongly never becomes what a person loads from that address', async () => {
    const simulation = await createSimulation()
    const host = createHost()
    const liar = await joinNode(simulation, 'liar', host)
    // The same headers and sizes, other weights.
    const poisoned = Buffer.from(MODEL['model.safetensors'])
    poisoned.fill(7, SIZE - 100_000)
    const names = Object.keys(MODEL)
    const files = [MODEL['config.json'], poisoned].map((bytes) => new Blob([new Uint8Array(bytes)]))
    const modelId = await during(simulation, liar.library.add({ kind: 'files', files, names }))
    await during(simulation, liar.library.fetch(modelId, WHOLE, quiet))
    await simulation.clock.until(() => liar.library.reference(modelId).content !== null, 10_000, 'the content')
    const victim = await joinNode(simulation, 'victim', host)
    await linked(simulation, liar, victim)
    const reference = { ...liar.library.reference(modelId), url: URL_OF_MODEL }
    const held = await resolveAndFetch(simulation, victim, reference, WHOLE)
    const own = await during(simulation, victim.library.add({ kind: 'url', url: URL_OF_MODEL }))
    expect(own).not.toBe(held)
    await during(simulation, victim.library.fetch(own, WHOLE, quiet))
    const { sources } = await victim.library.open(own)
    expect(toHex(sha256(await (sources[0]?.read(0, SIZE) ?? new Uint8Array())))).toBe(
      toHex(sha256(MODEL['model.safetensors'])),
    )
  })

  test('is not kept for others beyond what a person allows; the least recently needed goes first', async () => {
    const simulation = await createSimulation()
    const host = createHost()
    const first = await withWhole(simulation, 'first', host)
    const other = createByteModel(256, 3)
    host.files['other/config.json'] = other['config.json']
    host.files['other/model.safetensors'] = other['model.safetensors']
    const second = await joinNode(simulation, 'second', host)
    await linked(simulation, first, second)
    await second.sharing.api.setSharing({ enabled: true, bytesPerSecond: null, keepBytes: 100_000 })
    const reference = first.library.reference(first.modelId)
    await expect(resolveAndFetch(simulation, second, reference, WHOLE)).rejects.toMatchObject({ code: 'NO_CAPACITY' })

    await second.sharing.api.setSharing({ enabled: true, bytesPerSecond: null, keepBytes: SIZE * 1.5 })
    const kept = await resolveAndFetch(simulation, second, reference, WHOLE)
    expect(second.sharing.kept.bytes()).toBeGreaterThan(SIZE * 0.9)
    const next = await during(simulation, first.library.add({ kind: 'url', url: 'https://models.example/other/' }))
    const asked = { ...first.library.reference(next), content: null }
    await resolveAndFetch(simulation, second, asked, { first: 0, last: 2 })
    expect(second.library.list().some(({ id }) => id === kept)).toBe(false)
    expect(second.sharing.kept.bytes()).toBeLessThanOrEqual(SIZE * 1.5)
  })
})

test('a model opened from its stored part while its address was away is fetched once that is back', async () => {
  const simulation = await createSimulation()
  const host = createHost()
  const disk = createDisk()
  const before = await joinNode(simulation, 'before', host, disk)
  const modelId = await during(simulation, before.library.add({ kind: 'url', url: URL_OF_MODEL }))
  before.swarm.close()

  const { library } = await joinNode(simulation, 'after', host, disk)
  host.away = true
  await expect(during(simulation, library.fetch(modelId, WHOLE, quiet))).rejects.toMatchObject({
    code: 'SOURCE_UNREACHABLE',
  })
  host.away = false
  await during(simulation, library.fetch(modelId, WHOLE, quiet))
})

test('the base of a genome is found by its name where it was not opened at this visit, and by its fingerprint alone', async () => {
  const simulation = await createSimulation()
  const [host, disk] = [createHost(), createDisk()]
  const earlier = await withWhole(simulation, 'Ada', host)
  const { fingerprint: hash, title: name } = earlier.library.reference(earlier.modelId)
  const before = await joinNode(simulation, 'Ben', host, disk)
  await during(simulation, before.library.add({ kind: 'url', url: URL_OF_MODEL }))
  const { library } = await joinNode(simulation, 'Ben after a reload', host, disk)
  expect(library.byFingerprint(hash)).toBeUndefined()
  expect(await during(simulation, library.findBase({ hash: '0'.repeat(64), name: 'another' }))).toBeUndefined()
  expect(library.byFingerprint(hash)).toBeUndefined()
  expect(await during(simulation, library.findBase({ hash: '0'.repeat(64), name }))).toBeUndefined()
  expect(await during(simulation, library.findBase({ hash, name }))).toBe(earlier.modelId)
})
