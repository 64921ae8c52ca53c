// The eight messages of the gate against a node that lies, floods and forges: each lie costs its sender an answer, and nothing
// that others say is obeyed.

import { beforeAll, beforeEach, expect, it } from 'vitest'
import { fromHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { identityFromSeed, type Identity } from '#core/crypto/identity.ts'
import { signGenome } from '#core/genome/signed-genome.ts'
import { DP_CLAIM, GATE_FAULT, GATE_VERDICT, LINEAGE_CLAIM } from '#core/protocol/messages/gate.ts'
import { GENOME_WITHDRAWAL } from '#core/protocol/messages/genome.ts'
import type { BodyOf, PeerMessageName } from '#core/protocol/registry.ts'
import { encodeObject, readObject, signObject, type ObjectOf } from '#core/protocol/signed-object.ts'
import type { Simulation } from '../worker/net/simulation.ts'
import { addGenome } from '../worker/node/lab-fixture.ts'
import { createRoom, during, type Member } from '../worker/node/room-fixture.ts'

const AT = 1_790_000_001_000
const bytes = (hex: string) => fromHex(hex) as Uint8Array<ArrayBuffer>
// As the fixture seeds its members.
const MALLORY = identityFromSeed(new Uint8Array(32).fill(33))
const STRANGER = identityFromSeed(new Uint8Array(32).fill(99))

let simulation: Simulation
let ada: Member
let ben: Member
let mallory: Member
let genome = ''
let refusals: string[] = []
let heard: { name: string; body: unknown }[] = []

beforeAll(async () => {
  const room = await createRoom(['Ada', 'Ben', 'Mallory'])
  simulation = room
  ;[ada, ben, mallory] = room.members as [Member, Member, Member]
  genome = await addGenome(ada.lab, 'Ishmael', 1)
  await ada.room.api.shareGenome(genome, true)
  await simulation.clock.advance(2_000)
  await during(simulation, ben.room.api.fetchGenome(genome))
  await simulation.clock.until(() => Boolean(ben.room.state().arrivals[0]?.judgement), 60_000, 'a verdict')
  mallory.swarm.onPeerRefused((_, { code, about }) => refusals.push(`${about} ${code}`))
})
beforeEach(() => {
  refusals = []
  heard = []
})

const arrival = () => ben.room.state().arrivals.find(({ id }) => id === genome) ?? expect.fail('It has not arrived.')

/** Mallory says it to Ben; what Ben makes of it. */
async function say<Name extends PeerMessageName>(name: Name, body: BodyOf<Name>): Promise<readonly string[]> {
  const before = refusals.length
  mallory.swarm.send(ben.swarm.id, name, body)
  await simulation.clock.advance(400)
  return refusals.slice(before)
}

/** From now on Mallory only listens to messages of this name. */
function listen(name: PeerMessageName): void {
  mallory.instead.set(name, (_peer, body) => void heard.push({ name, body }))
}

type Code = ObjectOf<typeof GATE_VERDICT>['codes'][number]
const PASSED: Code = { outcome: 'passed', code: 'PASSED' }

async function verdict(change: Partial<ObjectOf<typeof GATE_VERDICT>> = {}, by = MALLORY) {
  const encoded = encodeObject(GATE_VERDICT, {
    genome: bytes(genome),
    judge: by.publicKey,
    version: 1,
    accepted: true,
    codes: new Array<Code>(10).fill(PASSED),
    at: AT,
    ...change,
  })
  return { verdict: encoded, signature: await signObject(GATE_VERDICT, encoded, by) }
}

it('a verdict is taken from its judge alone, shown, and obeyed by nobody', async () => {
  expect(await say('GATE_VERDICT', { query: null, ...(await verdict({}, STRANGER)) })).toEqual([
    'GATE_VERDICT BAD_ARGUMENT',
  ])
  expect(await say('GATE_VERDICT', { query: 7, ...(await verdict({}, STRANGER)) })).toEqual([
    'GATE_VERDICT BAD_ARGUMENT',
  ])
  const forged = { ...(await verdict()), signature: new Uint8Array(64) }
  expect(await say('GATE_VERDICT', { query: null, ...forged })).toEqual(['GATE_VERDICT SIGNATURE_INVALID'])
  expect(arrival().others).toEqual([])
  const { use, judgement } = arrival()
  // Layer 8: what is usual depends on whom one knows, so nobody can prove it wrong.
  const codes = new Array<Code>(10)
    .fill(PASSED)
    .map((code, i): Code => (i === 7 ? { outcome: 'refused', code: 'CLONE' } : code))
  expect(await say('GATE_VERDICT', { query: null, ...(await verdict({ accepted: false, codes })) })).toEqual([])
  expect(arrival().others).toMatchObject([
    { judgeName: 'Mallory', accepted: false, refusedBy: 'statistics', passed: 9 },
  ])
  expect(arrival()).toMatchObject({ use, judgement })
  // Neither an older one nor one of next week takes its place.
  for (const at of [AT - 1, AT + 7 * 86_400_000]) {
    expect(await say('GATE_VERDICT', { query: null, ...(await verdict({ at })) })).toEqual([])
    expect(arrival().others).toMatchObject([{ accepted: false }])
  }
})

it('a query is answered with what is known, from the judge that it names, and not without end', async () => {
  listen('GATE_VERDICT')
  await say('GATE_VERDICT_QUERY', { query: 1, genome: bytes(genome), judge: null })
  expect(heard).toHaveLength(2)
  await say('GATE_VERDICT_QUERY', { query: 2, genome: bytes(genome), judge: bytes(ben.swarm.id) })
  expect(heard).toHaveLength(3)
  const [, , own] = heard.map(({ body }) => readObject(GATE_VERDICT, (body as BodyOf<'GATE_VERDICT'>).verdict))
  expect(own?.judge).toEqual(bytes(ben.swarm.id))
  await say('GATE_VERDICT_QUERY', { query: 3, genome: new Uint8Array(32), judge: null })
  expect(heard).toHaveLength(3)
  for (let query = 4; query < 60; query++) {
    mallory.swarm.send(ben.swarm.id, 'GATE_VERDICT_QUERY', { query, genome: new Uint8Array(32), judge: null })
  }
  await simulation.clock.advance(500)
  expect(new Set(refusals)).toEqual(new Set(['GATE_VERDICT_QUERY RATE_LIMITED']))
  expect(refusals.length).toBeGreaterThan(20)
})

it('a verdict that bytes prove wrong is challenged with the manifest for evidence, and its judge may replace it', async () => {
  listen('GATE_CHALLENGE')
  const codes = new Array<Code>(10)
    .fill(PASSED)
    .map((code, i): Code =>
      i < 3
        ? code
        : i === 3
          ? { outcome: 'refused', code: 'TENSORS_MISMATCH' }
          : { outcome: 'not-run', code: 'NOT_REACHED' },
    )
  const lie = await verdict({ accepted: false, codes, at: AT + 1 })
  await say('GATE_VERDICT', { query: null, ...lie })
  expect(heard.map(({ name }) => name)).toEqual(['GATE_CHALLENGE'])
  const { fault } = heard[0]?.body as BodyOf<'GATE_CHALLENGE'>
  expect(readObject(GATE_FAULT, fault)).toMatchObject({
    verdict: sha256(lie.verdict),
    layer: 4,
    code: 'TENSORS_MISMATCH',
    evidence: ada.lab.genomes.find(genome).bytes,
  })
  expect(arrival().others[0]?.challenges).toMatchObject([{ challengerName: null, layer: 'integrity', reply: null }])

  const reply = (about: Uint8Array, signed: Awaited<ReturnType<typeof verdict>> | null) =>
    say('GATE_REPLY', { fault: about, outcome: 'replaced', message: '', verdict: signed })
  // Of another challenge, with nothing in its place, with another judge’s.
  expect(await reply(new Uint8Array(32), null)).toEqual(['GATE_REPLY BAD_ARGUMENT'])
  expect(await reply(sha256(fault), null)).toEqual(['GATE_REPLY BAD_ARGUMENT'])
  expect(await reply(sha256(fault), await verdict({}, STRANGER))).toEqual(['GATE_REPLY BAD_ARGUMENT'])
  expect(await reply(sha256(fault), await verdict({ at: AT + 2 }))).toEqual([])
  expect(arrival().others).toMatchObject([{ judgeName: 'Mallory', accepted: true, passed: 10 }])
  // It was answered: a second reply answers nothing.
  expect(await reply(sha256(fault), await verdict({ at: AT + 3 }))).toEqual(['GATE_REPLY BAD_ARGUMENT'])
})

it('a challenge makes the gate look again, says what it finds, and cannot keep it busy', async () => {
  listen('GATE_REPLY')
  listen('GATE_VERDICT')
  await simulation.clock.advance(60_000)
  await say('GATE_VERDICT_QUERY', { query: 1, genome: bytes(genome), judge: bytes(ben.swarm.id) })
  const { verdict: own } = heard.pop()?.body as BodyOf<'GATE_VERDICT'>
  const challenge = async (challenger = MALLORY, about = genome) => {
    const fault = encodeObject(GATE_FAULT, {
      verdict: sha256(own),
      genome: bytes(about),
      challenger: challenger.publicKey,
      layer: 5,
      code: 'NOT_FINITE',
      evidence: new Uint8Array(),
      at: AT,
    })
    return { fault, signature: await signObject(GATE_FAULT, fault, challenger) }
  }
  expect(await say('GATE_CHALLENGE', await challenge(STRANGER))).toEqual(['GATE_CHALLENGE BAD_ARGUMENT'])
  expect(await say('GATE_CHALLENGE', await challenge(MALLORY, '0'.repeat(64)))).toEqual(['GATE_CHALLENGE BAD_ARGUMENT'])
  const forged = { ...(await challenge()), signature: new Uint8Array(64) }
  expect(await say('GATE_CHALLENGE', forged)).toEqual(['GATE_CHALLENGE SIGNATURE_INVALID'])
  const { fault } = await challenge()
  await say('GATE_CHALLENGE', await challenge())
  await simulation.clock.until(() => heard.some(({ name }) => name === 'GATE_REPLY'), 30_000, 'a reply')
  const answered = heard.find(({ name }) => name === 'GATE_REPLY')?.body
  expect(answered).toMatchObject({ fault: sha256(fault), outcome: 'stands', verdict: null })
  for (let i = 0; i < 6; i++) await say('GATE_CHALLENGE', await challenge())
  expect(refusals.filter((refusal) => refusal === 'GATE_CHALLENGE RATE_LIMITED').length).toBeGreaterThan(0)
})

it('ancestors are taken from nobody who was not asked, and pages are not given without end', async () => {
  const { bytes: manifest } = ada.lab.genomes.find(genome)
  const page = { query: 1, genome: bytes(genome), ancestors: [manifest], more: false }
  expect(await say('GATE_LINEAGE', page)).toEqual(['GATE_LINEAGE BAD_ARGUMENT'])
  const request = { query: 1, genome: bytes(genome), after: bytes('5'.repeat(64)), depth: 64 }
  expect(await say('GATE_LINEAGE_REQUEST', request)).toEqual(['GATE_LINEAGE_REQUEST BAD_ARGUMENT'])
  for (let query = 2; query < 60; query++) {
    mallory.swarm.send(ben.swarm.id, 'GATE_LINEAGE_REQUEST', { ...request, query, after: null })
  }
  await simulation.clock.advance(500)
  expect(refusals).toContain('GATE_LINEAGE_REQUEST RATE_LIMITED')
})

it('a page that answers with strangers, or with what nobody signed, is refused, and its genome’s parents stay unknown', async () => {
  const parent = await addGenome(mallory.lab, 'Parent', 11)
  const stranger = await addGenome(mallory.lab, 'Stranger', 12)
  const { manifest } = mallory.lab.genomes.find(parent)
  const child = await signGenome(
    { ...manifest, name: 'Child', parents: ['7'.repeat(64)], operator: 'lora_linear' },
    MALLORY,
  )
  await mallory.lab.genomes.keep(child, await mallory.lab.genomes.readTensors(parent))
  const { bytes: unrelated } = mallory.lab.genomes.find(stranger)
  const forged = unrelated.slice()
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
  const pages = [[unrelated], [forged]]
  mallory.instead.set('GATE_LINEAGE_REQUEST', (peer, body) => {
    const { query, genome: of } = body as BodyOf<'GATE_LINEAGE_REQUEST'>
    mallory.swarm.send(peer, 'GATE_LINEAGE', { query, genome: of, ancestors: pages.shift() ?? [], more: false })
  })
  await mallory.room.api.shareGenome(child.id, true)
  await simulation.clock.advance(2_000)
  await during(simulation, ben.room.api.fetchGenome(child.id))
  const shown = () => ben.room.state().arrivals.find(({ id }) => id === child.id)
  await simulation.clock.until(() => Boolean(shown()?.judgement), 60_000, 'a verdict')
  expect(shown()?.judgement?.layers[5]).toMatchObject({ outcome: 'refused', code: 'PARENT_UNKNOWN' })
  await during(simulation, ben.room.api.judgeGenome(child.id))
  expect(refusals).toEqual(['GATE_LINEAGE BAD_ARGUMENT', 'GATE_LINEAGE SIGNATURE_INVALID'])
  expect(await ben.place.records.keys('lineage')).toEqual([])
})

it('a dispute is told by its claimant, and measured again where both genomes are here', async () => {
  const other = await addGenome(ben.lab, 'Another', 21)
  const dispute = async (change: Partial<ObjectOf<typeof LINEAGE_CLAIM>> = {}, by = MALLORY) => {
    const claim = encodeObject(LINEAGE_CLAIM, {
      genome: bytes(genome),
      parent: bytes(other),
      claimant: by.publicKey,
      cosine: 0.999,
      worstCosine: 0.99,
      at: AT,
      ...change,
    })
    return { claim, signature: await signObject(LINEAGE_CLAIM, claim, by) }
  }
  expect(await say('GATE_LINEAGE_DISPUTE', await dispute({}, STRANGER))).toEqual(['GATE_LINEAGE_DISPUTE BAD_ARGUMENT'])
  const forged = { ...(await dispute()), signature: new Uint8Array(64) }
  expect(await say('GATE_LINEAGE_DISPUTE', forged)).toEqual(['GATE_LINEAGE_DISPUTE SIGNATURE_INVALID'])
  expect(await say('GATE_LINEAGE_DISPUTE', await dispute())).toEqual([])
  expect(await say('GATE_LINEAGE_DISPUTE', await dispute({ parent: bytes('9'.repeat(64)) }))).toEqual([])
  expect(arrival().disputes).toMatchObject([
    { claimantName: 'Mallory', parent: other, confirmed: false },
    { claimantName: 'Mallory', confirmed: null },
  ])
  for (let i = 0; i < 20; i++) await say('GATE_LINEAGE_DISPUTE', await dispute({ parent: new Uint8Array(32).fill(i) }))
  expect(arrival().disputes).toHaveLength(16)
  expect(arrival().use).toBe('held')
})

it('a statement is taken from the author alone, and one that says two things is shown as that', async () => {
  const own = await addGenome(mallory.lab, 'Private', 31)
  await mallory.room.api.shareGenome(own, true)
  await simulation.clock.advance(2_000)
  await during(simulation, ben.room.api.fetchGenome(own))
  const state = async (change: Partial<ObjectOf<typeof DP_CLAIM>> = {}, by = MALLORY) => {
    const claim = encodeObject(DP_CLAIM, {
      genome: bytes(own),
      author: by.publicKey,
      dataHash: new Uint8Array(32).fill(5),
      mechanism: 'poisson-gaussian',
      noiseMultiplier: 1,
      sampleRate: 0.1,
      steps: 10,
      delta: 1e-5,
      clipNorm: 1,
      epsilon: 3,
      unit: 'document',
      at: AT,
      ...change,
    })
    return { claim, signature: await signObject(DP_CLAIM, claim, by) }
  }
  const warnings = () => ben.room.state().arrivals.find(({ id }) => id === own)?.warnings
  expect(await say('GATE_DP_STATEMENT', await state({}, STRANGER))).toEqual(['GATE_DP_STATEMENT BAD_ARGUMENT'])
  const forged = { ...(await state()), signature: new Uint8Array(64) }
  expect(await say('GATE_DP_STATEMENT', forged)).toEqual(['GATE_DP_STATEMENT SIGNATURE_INVALID'])
  expect(await say('GATE_DP_STATEMENT', await state())).toEqual([])
  expect(await say('GATE_DP_STATEMENT', await state({ at: AT + 5 }))).toEqual([])
  expect(warnings()).toEqual([])
  expect(await say('GATE_DP_STATEMENT', await state({ epsilon: 1 }))).toEqual([])
  expect(warnings()?.join()).toMatch(/two different things/)
})

it('nobody but its author takes an arrival back, not even while its author is away', async () => {
  const withdraw = async (by: Identity, at: number) => {
    const withdrawal = encodeObject(GENOME_WITHDRAWAL, { genome: bytes(genome), author: by.publicKey, why: '', at })
    return { withdrawal, signature: await signObject(GENOME_WITHDRAWAL, withdrawal, by) }
  }
  // Everyone forgets what was announced, as in another room.
  ben.swarm.join(new Uint8Array(16).fill(9))
  mallory.swarm.join(new Uint8Array(16).fill(9))
  const isLinked = () => mallory.swarm.peers().some(({ id, link }) => id === ben.swarm.id && link === 'open')
  await simulation.clock.until(isLinked, 60_000, 'the other room')
  expect(ben.room.state().roomGenomes.map(({ id }) => id)).not.toContain(genome)
  await say('GENOME_WITHDRAW', await withdraw(MALLORY, AT))
  expect(arrival().warnings).toEqual([])
  await say('GENOME_WITHDRAW', await withdraw(identityFromSeed(new Uint8Array(32).fill(31)), AT))
  expect(arrival().warnings.join()).toMatch(/taken it back/)
})
