// Contents among nodes that are well, that lie, that fall silent and that leave.

import { describe, expect, test } from 'vitest'
import { createChunkSet } from '#core/content/chunk-set.ts'
import { proofOf } from '#core/content/chunk-tree.ts'
import { placeOf } from '#core/content/manifest.ts'
import { fromHex } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import { holdWhole, offeredBytes, type ContentHolding } from '../../../worker/node/content-holding.ts'
import { expectSameBytes, noise } from '../storage/fixtures.ts'
import { CHUNK, createContentSwarm, originOf, sampleOf, type ContentNode, type Sample } from './content-swarm.ts'

const idOf = (sample: Sample) => fromHex(sample.tree.id) ?? new Uint8Array()
const everything = (node: ContentNode, sample: Sample, signal?: AbortSignal) =>
  node.exchange.fetchContent(sample.tree.id, { maxBytes: 1e9, ...(signal && { signal }) })

/** Those of its chunks that `has` names. */
async function partOf(sample: Sample, has: (chunk: number) => boolean): Promise<ContentHolding> {
  const whole = await holdWhole(sample)
  const held = createChunkSet(sample.tree.manifest.chunks)
  for (let chunk = 0; chunk < sample.tree.manifest.chunks; chunk++) if (has(chunk)) held.add(chunk)
  return { ...whole, held: async () => held, read: async (chunk) => (held.has(chunk) ? whole.read(chunk) : undefined) }
}

/** Runs simulated time until `work` has ended. */
async function during<T>(
  clock: { until(condition: () => boolean, limit?: number): Promise<number> },
  work: Promise<T>,
  limit = 120_000,
) {
  let ended = false
  const settled = work.finally(() => (ended = true))
  settled.catch(() => undefined)
  const took = await clock.until(() => ended, limit)
  return { result: await settled, took }
}

describe('a content', () => {
  test('of several files comes whole from the node that offers it, and goes on from whoever fetched it', async () => {
    const { join, linked, simulation } = await createContentSwarm()
    const [a, b] = [await join('a'), await join('b')]
    await linked()
    const files = [offeredBytes('b.safetensors', noise(700_000)), offeredBytes('a.json', noise(20, 2))]
    const { id } = await a.exchange.offerContent({ kind: 'genome', files })
    const { result } = await during(simulation.clock, b.exchange.fetchContent(id, { maxBytes: 1e6 }))
    expect(result.files.map(({ path }) => path)).toEqual(['a.json', 'b.safetensors'])
    expectSameBytes(result.files[0]?.bytes, noise(20, 2))
    expectSameBytes(result.files[1]?.bytes, noise(700_000))
    expect(b.exchange.traffic.ofContent(id)).toMatchObject({ fromPeers: 700_020, fromOrigin: 0 })
    expect(a.exchange.traffic.byPeer().get(b.id)?.given).toBe(700_020)

    const { files: given, tree } = result
    await b.exchange.offerContent({
      kind: 'genome',
      tree,
      files: given.map(({ path, bytes }) => offeredBytes(path, bytes)),
    })
    a.exchange.withdrawContent(id)
    const c = await join('c')
    await linked()
    await during(simulation.clock, c.exchange.fetchContent(id, { maxBytes: 1e6 }))
    expect(b.exchange.traffic.byPeer().get(c.id)?.given).toBe(700_020)
    expect(a.exchange.traffic.byPeer().get(c.id)).toBeUndefined()
  })

  test('larger than expected is not fetched, and one nobody has is given up on with what to do', async () => {
    const { join, linked, simulation } = await createContentSwarm()
    const [a, b] = [await join('a'), await join('b')]
    await linked()
    const sample = sampleOf(3)
    await a.exchange.offerContent(sample)
    const fetching = b.exchange.fetchContent(sample.tree.id, { maxBytes: 100 })
    await expect(during(simulation.clock, fetching)).rejects.toMatchObject({ code: 'NO_CAPACITY' })
    expect(b.received).not.toContain('CONTENT_CHUNK')
    const unknown = b.exchange.fetchContent('ab'.repeat(32), { maxBytes: 100 })
    await expect(during(simulation.clock, unknown)).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
  })

  test('that its owner does not share is refused, and comes once it does', async () => {
    const { join, linked, simulation } = await createContentSwarm()
    const [a, b] = [await join('a'), await join('b')]
    await linked()
    const sample = sampleOf(5)
    a.limits = { enabled: false, bytesPerSecond: null }
    await a.exchange.offerContent(sample)
    const fetching = b.exchange.download(sample.tree).read(0, 0, sample.bytes.length)
    await simulation.clock.advance(3000)
    expect(b.received).toEqual(['CONTENT_UNAVAILABLE'])
    a.limits = { enabled: true, bytesPerSecond: null }
    a.exchange.onLimits()
    expectSameBytes((await during(simulation.clock, fetching)).result, sample.bytes)
  })

  test('leaves no faster than allowed', async () => {
    const { join, linked, simulation } = await createContentSwarm()
    const [a, b] = [await join('a'), await join('b')]
    await linked()
    const sample = sampleOf(20)
    a.limits = { enabled: true, bytesPerSecond: 4 * CHUNK }
    await a.exchange.offerContent(sample)
    const { took } = await during(simulation.clock, everything(b, sample))
    // The first chunk goes at once.
    expect(took).toBeGreaterThanOrEqual(4600)
    expect(took).toBeLessThan(5600)
  })

  test('that comes to a node bit by bit is passed on as it comes', async () => {
    const { join, linked, simulation } = await createContentSwarm()
    const [a, b] = [await join('a'), await join('b')]
    await linked()
    const sample = sampleOf(6)
    const part = await partOf(sample, (chunk) => chunk < 2)
    a.holding = part
    const fetching = b.exchange.download(sample.tree).read(0, 0, sample.bytes.length)
    await simulation.clock.advance(1000)
    for (let chunk = 2; chunk < 6; chunk++) {
      ;(await part.held()).add(chunk)
      a.exchange.onStored(sample.tree.id, [chunk])
      await simulation.clock.advance(500)
    }
    expectSameBytes((await during(simulation.clock, fetching)).result, sample.bytes)
    expect(b.received.filter((name) => name === 'CONTENT_HAVE')).toHaveLength(4)
  })
})

describe('several sources', () => {
  test('share the work: each of three nodes that have all gives a part', async () => {
    const { join, linked, simulation } = await createContentSwarm()
    const nodes = [await join('a'), await join('b'), await join('c')]
    const d = await join('d')
    await linked()
    const sample = sampleOf(60)
    for (const node of nodes) {
      node.limits = { enabled: true, bytesPerSecond: 20 * CHUNK }
      await node.exchange.offerContent(sample)
    }
    const { result, took } = await during(simulation.clock, everything(d, sample))
    expectSameBytes(result.files[0]?.bytes, sample.bytes)
    const given = nodes.map(({ id }) => d.exchange.traffic.byPeer().get(id)?.fromPeers ?? 0)
    expect(Math.min(...given)).toBeGreaterThan(10 * CHUNK)
    // Nothing came twice, and three were faster than one would have been.
    expect(given.reduce((sum, bytes) => sum + bytes, 0)).toBe(sample.bytes.length)
    expect(took).toBeLessThan(2000)
  })

  test('and the address give together what none has alone, and the address nothing that a node has', async () => {
    const { join, linked, simulation } = await createContentSwarm()
    const [a, b, c] = [await join('a'), await join('b'), await join('c')]
    await linked()
    const sample = sampleOf(30)
    a.holding = await partOf(sample, (chunk) => chunk % 3 === 0)
    b.holding = await partOf(sample, (chunk) => chunk % 3 === 1)
    const origin = originOf(sample.bytes)
    const read = c.exchange.download(sample.tree, origin.open).read(0, 0, sample.bytes.length)
    expectSameBytes((await during(simulation.clock, read)).result, sample.bytes)
    const third = (rest: number) =>
      Array.from({ length: 30 }, (_, i) => (i % 3 === rest ? placeOf(sample.tree.manifest, i).bytes : 0)).reduce(
        (x, y) => x + y,
      )
    expect(c.exchange.traffic.ofContent(sample.tree.id)).toMatchObject({
      fromPeers: third(0) + third(1),
      fromOrigin: third(2),
      refused: 0,
    })
    expect(origin.fetched).toBe(third(2))
  })

  test('leave the address alone while a node has all', async () => {
    const { join, linked, simulation } = await createContentSwarm()
    const [a, b] = [await join('a'), await join('b')]
    await linked()
    const sample = sampleOf(30)
    await a.exchange.offerContent(sample)
    const origin = originOf(sample.bytes)
    const read = b.exchange.download(sample.tree, origin.open).read(0, 0, sample.bytes.length)
    expectSameBytes((await during(simulation.clock, read)).result, sample.bytes)
    expect(origin).toMatchObject({ opened: 0, fetched: 0 })
  })

  test('that are too slow are helped by the address', async () => {
    const { join, linked, simulation } = await createContentSwarm()
    const [a, b] = [await join('a'), await join('b')]
    await linked()
    const sample = sampleOf(40)
    a.limits = { enabled: true, bytesPerSecond: CHUNK }
    await a.exchange.offerContent(sample)
    const origin = originOf(sample.bytes)
    const read = b.exchange.download(sample.tree, origin.open).read(0, 0, sample.bytes.length)
    const { result, took } = await during(simulation.clock, read)
    expectSameBytes(result, sample.bytes)
    expect(took).toBeLessThan(20_000)
    expect(origin.fetched).toBeGreaterThan(20 * CHUNK)
    expect(b.exchange.traffic.ofContent(sample.tree.id).fromPeers).toBeGreaterThan(5 * CHUNK)
  })

  test('fetch only the chunks that a range touches', async () => {
    const { join, linked, simulation } = await createContentSwarm()
    const [a, b] = [await join('a'), await join('b')]
    await linked()
    const sample = sampleOf(20)
    await a.exchange.offerContent(sample)
    const read = b.exchange.download(sample.tree).read(0, 5 * CHUNK + 7, 7 * CHUNK + 1)
    expectSameBytes((await during(simulation.clock, read)).result, sample.bytes.slice(5 * CHUNK + 7, 7 * CHUNK + 1))
    expect(b.exchange.traffic.ofContent(sample.tree.id).fromPeers).toBe(3 * CHUNK)
  })

  test('end with what to do when nobody has the rest and there is no address', async () => {
    const { join, linked, simulation } = await createContentSwarm()
    const [a, b] = [await join('a'), await join('b')]
    await linked()
    const sample = sampleOf(4)
    a.holding = await partOf(sample, (chunk) => chunk !== 2)
    const read = b.exchange.download(sample.tree).read(0, 0, sample.bytes.length)
    await expect(during(simulation.clock, read)).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: expect.stringContaining('model.gguf') as string,
    })
  })
})

describe('faults', () => {
  test('an address that holds another file is found out by the first chunk', async () => {
    const { join, simulation } = await createContentSwarm()
    const a = await join('a')
    const sample = sampleOf(4)
    const origin = originOf(noise(sample.bytes.length, 99))
    const read = a.exchange.download(sample.tree, origin.open).read(0, 0, sample.bytes.length)
    await expect(during(simulation.clock, read)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  })

  test('an address that fails leaves the work to the nodes', async () => {
    const { join, linked, simulation } = await createContentSwarm()
    const [a, b] = [await join('a'), await join('b')]
    await linked()
    const sample = sampleOf(8)
    const part = await partOf(sample, (chunk) => chunk < 4)
    a.holding = part
    const origin = originOf(sample.bytes)
    origin.before = () => {
      throw new CentramError('SOURCE_UNREACHABLE', 'The host is away.')
    }
    const downloading = b.exchange.download(sample.tree, origin.open)
    const first = during(simulation.clock, downloading.read(0, 0, 4 * CHUNK))
    expectSameBytes((await first).result, sample.bytes.slice(0, 4 * CHUNK))
    const rest = downloading.read(0, 4 * CHUNK, 8 * CHUNK - 100)
    await expect(during(simulation.clock, rest)).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
    for (let chunk = 4; chunk < 8; chunk++) (await part.held()).add(chunk)
    a.exchange.onStored(sample.tree.id, [4, 5, 6, 7])
    const again = during(simulation.clock, downloading.read(0, 4 * CHUNK, 8 * CHUNK - 100))
    expectSameBytes((await again).result, sample.bytes.slice(4 * CHUNK))
  })

  test('a liar’s chunks are refused, fetched elsewhere, and cost it its link', async () => {
    const { join, joinBare, linked, simulation } = await createContentSwarm()
    const [honest, asker] = [await join('honest'), await join('asker')]
    const liar = await joinBare('liar')
    await linked()
    const sample = sampleOf(24)
    const { tree } = sample
    honest.limits = { enabled: true, bytesPerSecond: 8 * CHUNK }
    await honest.exchange.offerContent(sample)
    const refusals: string[] = []
    liar.onPeerRefused((_peer, { code }) => refusals.push(code))
    const content = idOf(sample)
    liar.handle('CONTENT_MANIFEST_REQUEST', (peer) => {
      const all = createChunkSet(24, new Uint8Array(3).fill(0xff))
      liar.send(peer, 'CONTENT_BITFIELD', { content, bits: all.bytes() })
    })
    liar.handle('CONTENT_REQUEST', (peer, { chunks }) => {
      for (const chunk of chunks) {
        const bytes = noise(placeOf(tree.manifest, chunk).bytes, 7)
        liar.send(peer, 'CONTENT_CHUNK', { content, chunk, proof: proofOf(tree.levels, chunk) }, bytes)
      }
    })
    let lost = ''
    asker.swarm.onPeerLost((peer) => (lost = peer))
    const { result } = await during(simulation.clock, everything(asker, sample))
    expectSameBytes(result.files[0]?.bytes, sample.bytes)
    expect(asker.exchange.traffic.byPeer().get(liar.id)).toMatchObject({ fromPeers: 0, refused: 3 })
    expect(asker.exchange.traffic.byPeer().get(honest.id)?.fromPeers).toBe(sample.bytes.length)
    expect(lost).toBe(liar.id)
    expect(refusals).toContain('SOURCE_CORRUPT')
  })

  test('a manifest that is another one, or disagrees with itself, is refused and costs its sender', async () => {
    const { join, joinBare, linked, simulation } = await createContentSwarm()
    const asker = await join('asker')
    const liar = await joinBare('liar')
    await linked()
    const [sample, other] = [sampleOf(5), sampleOf(5, 2)]
    liar.handle('CONTENT_MANIFEST_REQUEST', (peer, { content }) => {
      const { encoded, leaves } = other.tree
      liar.send(peer, 'CONTENT_MANIFEST', { content, manifest: encoded }, leaves)
      liar.send(peer, 'CONTENT_MANIFEST', { content, manifest: sample.tree.encoded }, leaves)
    })
    const fetching = everything(asker, sample)
    await expect(during(simulation.clock, fetching)).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
    expect(asker.exchange.traffic.byPeer().get(liar.id)?.refused).toBe(2)
    const honest = await join('honest')
    await honest.exchange.offerContent(sample)
    await linked()
    expectSameBytes((await during(simulation.clock, everything(asker, sample))).result.files[0]?.bytes, sample.bytes)
  })

  test('a node that answers and then sends nothing is passed over', async () => {
    const { join, joinBare, linked, simulation } = await createContentSwarm()
    const [honest, asker] = [await join('honest'), await join('asker')]
    const staller = await joinBare('staller')
    await linked()
    const sample = sampleOf(12)
    await honest.exchange.offerContent(sample)
    const content = idOf(sample)
    const cancelled: number[] = []
    staller.handle('CONTENT_MANIFEST_REQUEST', (peer) => {
      staller.send(peer, 'CONTENT_BITFIELD', { content, bits: new Uint8Array(2).fill(0xff) })
    })
    staller.handle('CONTENT_REQUEST', () => undefined)
    staller.handle('CONTENT_CANCEL', (_peer, { chunks }) => void cancelled.push(...chunks))
    const { result, took } = await during(simulation.clock, everything(asker, sample))
    expectSameBytes(result.files[0]?.bytes, sample.bytes)
    expect(took).toBeLessThan(12_000)
    await simulation.clock.advance(100)
    expect(cancelled.length).toBeGreaterThan(0)
  })

  test('a node that leaves in the middle costs nothing that had come', async () => {
    const { join, linked, simulation } = await createContentSwarm()
    const [leaver, stayer, asker] = [await join('leaver'), await join('stayer'), await join('asker')]
    await linked()
    const sample = sampleOf(40)
    for (const node of [leaver, stayer]) {
      node.limits = { enabled: true, bytesPerSecond: 10 * CHUNK }
      await node.exchange.offerContent(sample)
    }
    const fetching = during(simulation.clock, everything(asker, sample))
    await simulation.clock.until(() => (asker.exchange.traffic.byPeer().get(leaver.id)?.fromPeers ?? 0) > 3 * CHUNK)
    leaver.swarm.close()
    expectSameBytes((await fetching).result.files[0]?.bytes, sample.bytes)
    const traffic = asker.exchange.traffic.ofContent(sample.tree.id)
    expect(traffic.fromPeers).toBe(sample.bytes.length)
  })

  test('a chunk that rotted on disk is not sent: the node says that it lacks it', async () => {
    const { join, linked, simulation } = await createContentSwarm()
    const [rotten, good, asker] = [await join('rotten'), await join('good'), await join('asker')]
    await linked()
    const sample = sampleOf(10)
    const part = await partOf(sample, () => true)
    const lost: number[] = []
    rotten.holding = {
      ...part,
      read: async (chunk) => (chunk === 4 ? noise(CHUNK, 50) : part.read(chunk)),
      lost: async (chunk) => void lost.push(chunk),
    }
    good.holding = await partOf(sample, (chunk) => chunk === 4)
    const read = asker.exchange.download(sample.tree).read(0, 0, sample.bytes.length)
    await simulation.clock.advance(200)
    expectSameBytes((await during(simulation.clock, read)).result, sample.bytes)
    expect(asker.exchange.traffic.ofContent(sample.tree.id).refused).toBe(0)
    // Whether it was asked for that one at all is chance; if so, it noticed.
    expect(lost.every((chunk) => chunk === 4)).toBe(true)
    rotten.exchange.onRequest(asker.id, { content: idOf(sample), chunks: [4] })
    await simulation.clock.advance(200)
    expect(lost).toContain(4)
  })

  test('chunks that nobody asked for end the link', async () => {
    const { join, joinBare, linked, simulation } = await createContentSwarm()
    const asker = await join('asker')
    const flooder = await joinBare('flooder')
    await linked()
    const sample = sampleOf(4)
    let lost = ''
    asker.swarm.onPeerLost((peer) => (lost = peer))
    for (let i = 0; i < 100; i++) {
      const body = { content: idOf(sample), chunk: 0, proof: [] }
      flooder.send(asker.id, 'CONTENT_CHUNK', body, Uint8Array.of(i))
    }
    await simulation.clock.until(() => lost !== '', 10_000)
    expect(lost).toBe(flooder.id)
  })

  test('what is no longer waited for is called off at the node that was asked', async () => {
    const { join, linked, simulation } = await createContentSwarm()
    const [a, b] = [await join('a'), await join('b')]
    await linked()
    const sample = sampleOf(30)
    a.limits = { enabled: true, bytesPerSecond: 4 * CHUNK }
    await a.exchange.offerContent(sample)
    const stop = new AbortController()
    const fetching = during(simulation.clock, everything(b, sample, stop.signal))
    await simulation.clock.until(() => b.exchange.traffic.total().fromPeers > 2 * CHUNK)
    stop.abort()
    await expect(fetching).rejects.toMatchObject({ code: 'CANCELLED' })
    const before = a.exchange.traffic.total().given
    await simulation.clock.advance(5000)
    // One was being sent.
    expect(a.exchange.traffic.total().given - before).toBeLessThanOrEqual(CHUNK)
    expect(a.received).toContain('CONTENT_CANCEL')
  })
})
