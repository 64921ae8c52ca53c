// Seeded swarms in which some nodes have parts, some lie, some fall silent, some leave, some are slow, and the address works or
// not: what is read is right, or reading ends with a code; it never hangs, and no liar’s byte is taken.

import { expect } from 'vitest'
import { createChunkSet } from '#core/content/chunk-set.ts'
import { proofOf } from '#core/content/chunk-tree.ts'
import { placeOf } from '#core/content/manifest.ts'
import { fromHex } from '#core/crypto/bytes.ts'
import { CentramError, errorCode } from '#core/errors.ts'
import type { Swarm } from '../../../worker/net/swarm.ts'
import { holdWhole } from '../../../worker/node/content-holding.ts'
import { createRandom } from '../net/simulation.ts'
import { expectSameBytes, noise } from '../storage/fixtures.ts'
import { CHUNK, createContentSwarm, originOf, sampleOf, type ContentNode, type Sample } from './content-swarm.ts'

const CHUNKS = 24
/** Simulated time after which a read that has not ended hangs. */
const HANGS_MS = 300_000

type Draw = (below: number) => number

/** Answers as one that holds everything, with bytes of its own, proofs of the right ones, or of another place. */
function lie(liar: Swarm, sample: Sample, draw: Draw): void {
  const { tree } = sample
  const content = fromHex(tree.id) ?? new Uint8Array()
  liar.handle('CONTENT_MANIFEST_REQUEST', (peer) => {
    liar.send(peer, 'CONTENT_BITFIELD', { content, bits: new Uint8Array(CHUNKS / 8).fill(0xff) })
  })
  liar.handle('CONTENT_REQUEST', (peer, { chunks }) => {
    for (const chunk of chunks) {
      const { offset, bytes } = placeOf(tree.manifest, chunk)
      const right = sample.bytes.slice(offset, offset + bytes)
      const at = draw(bytes)
      const other = (chunk + 1 + draw(CHUNKS - 1)) % CHUNKS
      const lies = [
        { proof: proofOf(tree.levels, chunk), tail: right.map((byte, i) => (i === at ? byte ^ 1 : byte)) },
        { proof: proofOf(tree.levels, other), tail: right },
        { proof: proofOf(tree.levels, chunk), tail: right.slice(1) },
        { proof: proofOf(tree.levels, chunk).slice(1), tail: right },
        { proof: [], tail: noise(bytes, draw(1000)) },
      ]
      const { proof, tail } = lies[draw(lies.length)] ?? { proof: [], tail: right }
      try {
        liar.send(peer, 'CONTENT_CHUNK', { content, chunk, proof }, tail)
      } catch {
        // Its link was ended.
      }
    }
  })
}

/** Returns the chunks that it holds and can send. */
async function addPart(node: ContentNode, sample: Sample, draw: Draw): Promise<Set<number>> {
  const whole = await holdWhole(sample)
  const held = createChunkSet(CHUNKS)
  const sound = new Set<number>()
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    if (draw(3) === 0) continue
    held.add(chunk)
    sound.add(chunk)
  }
  const rotten = draw(4) === 0 ? draw(CHUNKS) : -1
  sound.delete(rotten)
  node.holding = {
    tree: sample.tree,
    held: async () => held,
    read: async (chunk) => (held.has(chunk) ? (chunk === rotten ? noise(CHUNK, 3) : whole.read(chunk)) : undefined),
    lost: async (chunk) => held.delete(chunk),
  }
  node.limits = { enabled: true, bytesPerSecond: [null, null, 8 * CHUNK, CHUNK][draw(4)] ?? null }
  return sound
}

/** How reading ends under that seed: `right`, or with which code. Fails where it hangs, or is wrong, or ends needlessly. */
export async function readAmongFaults(seed: number): Promise<string> {
  const random = createRandom(seed)
  const draw: Draw = (below) => {
    const [a = 0, b = 0, c = 0] = random(3)
    return (a * 65_536 + b * 256 + c) % below
  }
  const { join, joinBare, linked, simulation } = await createContentSwarm()
  const { clock } = simulation
  const sample = sampleOf(CHUNKS, seed)
  const asker = await join('asker')
  const holders: { readonly node: ContentNode; readonly sound: ReadonlySet<number> }[] = []
  for (let i = 0; i < 1 + draw(3); i++) {
    const node = await join(`holder ${i}`)
    holders.push({ node, sound: await addPart(node, sample, draw) })
  }
  const bad: Swarm[] = []
  if (draw(2) === 0) {
    const liar = await joinBare('liar')
    lie(liar, sample, draw)
    bad.push(liar)
  }
  if (draw(2) === 0) {
    const staller = await joinBare('staller')
    const content = fromHex(sample.tree.id) ?? new Uint8Array()
    staller.handle('CONTENT_MANIFEST_REQUEST', (peer) => {
      staller.send(peer, 'CONTENT_BITFIELD', { content, bits: new Uint8Array(CHUNKS / 8).fill(0xff) })
    })
    staller.handle('CONTENT_REQUEST', () => undefined)
  }
  await linked()

  const hasAddress = draw(2) === 0
  const origin = originOf(sample.bytes)
  origin.before = async () => {
    await new Promise<void>((resolve) => clock.setTimeout(resolve, draw(500)))
    if (draw(4) === 0) throw new CentramError('SOURCE_UNREACHABLE', 'The host is away for a moment.')
  }
  const begun = clock.now()
  let ended = false
  const download = asker.exchange.download(sample.tree, hasAddress ? origin.open : undefined)
  const reading = download.read(0, 0, sample.bytes.length).finally(() => (ended = true))
  reading.catch(() => undefined)
  const leaver = draw(2) === 0 ? holders[draw(holders.length)] : undefined
  const leavesAt = begun + draw(4000)
  while (!ended && clock.now() - begun < HANGS_MS) {
    await clock.advance(250)
    if (leaver && clock.now() > leavesAt) leaver.node.swarm.close()
  }
  expect(ended, `seed ${seed} hangs`).toBe(true)
  for (const { id } of bad) expect(asker.exchange.traffic.byPeer().get(id)?.fromPeers ?? 0, `seed ${seed}`).toBe(0)
  const staying = holders.filter((holder) => holder !== leaver)
  const isAllThere = sample.tree.leaves.length / 32 === new Set(staying.flatMap(({ sound }) => [...sound])).size
  asker.exchange.close()
  const end = await reading.catch((error: unknown) => error)
  if (end instanceof Uint8Array) {
    expectSameBytes(end, sample.bytes)
    return 'right'
  }
  expect(end, `seed ${seed}`).toBeInstanceOf(CentramError)
  expect(isAllThere, `seed ${seed}: all was there`).toBe(false)
  return errorCode(end)
}
