// What honest nodes tell each other of a genome besides its bytes: ancestors page after page, copies that name no parent, and
// what an author states of private training.

import { expect, it } from 'vitest'
import { fromHex, toHex } from '#core/crypto/bytes.ts'
import { identityFromSeed } from '#core/crypto/identity.ts'
import type { GenomeManifest } from '#core/genome/manifest.ts'
import { signGenome, type SignedGenome } from '#core/genome/signed-genome.ts'
import { DP_CLAIM } from '#core/protocol/messages/gate.ts'
import { readObject } from '#core/protocol/signed-object.ts'
import { privacyStatement } from '#core/training/private-account.ts'
import { addGenome } from '../worker/node/lab-fixture.ts'
import { createRoom, during, enter, type Member } from '../worker/node/room-fixture.ts'

const arrivalOf = ({ room }: Member, id: string) => room.state().arrivals.find((one) => one.id === id)
type Room = Awaited<ReturnType<typeof createRoom>>

async function judged({ clock }: Pick<Room, 'clock'>, by: Member, id: string) {
  await during({ clock }, by.room.api.fetchGenome(id))
  await clock.until(
    () => arrivalOf(by, id)?.judging === false && Boolean(arrivalOf(by, id)?.judgement),
    120_000,
    'a verdict',
  )
  await clock.advance(2_000)
  return arrivalOf(by, id) ?? expect.fail('It has not arrived.')
}

/** As if its author had merged it: the same tensors, another manifest. */
async function derive(
  by: Member,
  seed: number,
  from: string,
  name: string,
  more: Partial<Pick<GenomeManifest, 'parents' | 'parameters' | 'operator'>>,
): Promise<SignedGenome> {
  const identity = identityFromSeed(new Uint8Array(32).fill(seed))
  const { manifest } = by.lab.genomes.find(from)
  const genome = await signGenome(
    { ...manifest, name, author: identity.publicKey, operator: 'linear', parameters: {}, ...more },
    identity,
  )
  await by.lab.genomes.keep(genome, await by.lab.genomes.readTensors(from))
  return genome
}

it('ancestors come in pages, are shown on to the next, and are still known after a reload', async () => {
  const simulation = await createRoom(['Ada', 'Ben'])
  const [ada, ben] = simulation.members as [Member, Member]
  const first = await addGenome(ada.lab, 'First', 1)
  // Manifests of 15 KiB: sixteen fill a page.
  const parameters = { notes: new Array<string>(60).fill('tide '.repeat(50)) }
  let line: SignedGenome[] = [ada.lab.genomes.find(first)]
  let ancestors = 0
  for (let generation = 1; generation <= 12; generation++) {
    ancestors += line.length
    const parents = line.map(({ id }) => id)
    line = []
    for (const twin of ['a', 'b'])
      line.push(await derive(ada, 31, first, `${generation}${twin}`, { parents, parameters }))
  }
  const id = line[0]?.id ?? ''
  await ada.room.api.shareGenome(id, true)
  await simulation.clock.advance(2_000)
  const arrival = await judged(simulation, ben, id)
  expect(arrival.judgement?.layers[5]).toMatchObject({ layer: 'lineage', outcome: 'passed' })
  expect(await ben.place.records.keys('lineage')).toHaveLength(ancestors)

  // Ada leaves; what she gave is shown on by Ben, who has none of the ancestors’ tensors.
  await ben.room.api.allowGenome(id)
  await ben.room.start()
  await ben.room.api.shareGenome(id, true)
  ada.swarm.close()
  await simulation.clock.advance(5_000)
  const cleo = await enter(simulation, 'Cleo', 70)
  await simulation.clock.until(() => cleo.swarm.peers().some(({ link }) => link === 'open'), 10_000)
  await cleo.room.api.findGenomes('llama-hf')
  await simulation.clock.until(() => cleo.room.state().roomGenomes.length === 1, 5_000)
  expect((await judged(simulation, cleo, id)).judgement?.layers[5]).toMatchObject({ outcome: 'passed' })
})

it('a person may have one judged as often as it takes, and its sender’s quota is charged once', async () => {
  const simulation = await createRoom(['Ada', 'Ben'])
  const [ada, ben] = simulation.members as [Member, Member]
  const ids: string[] = []
  for (let seed = 1; seed <= 17; seed++) ids.push(await addGenome(ada.lab, `Genome ${seed}`, seed))
  for (const id of ids) await ada.room.api.shareGenome(id, true)
  await simulation.clock.advance(2_000)
  const [first = ''] = ids
  await judged(simulation, ben, first)
  for (let time = 0; time < 17; time++) await during(simulation, ben.room.api.judgeGenome(first))
  expect(arrivalOf(ben, first)?.judgement?.layers[0]).toMatchObject({ outcome: 'passed' })
  // Sixteen an hour of one key: the next arrivals are charged for themselves, and the last is one too many.
  for (const id of ids.slice(1)) await judged(simulation, ben, id)
  const codes = ids.map((id) => arrivalOf(ben, id)?.judgement?.layers[0]?.code)
  expect(codes).toEqual([...new Array<string>(16).fill('PASSED'), 'QUOTA_OF_KEY'])
})

it('a copy that names no parent is found, disputed by who found it, and measured again by the others', async () => {
  const simulation = await createRoom(['Ada', 'Mallory', 'Ben', 'Cleo'])
  const [ada, mallory, ben, cleo] = simulation.members as [Member, Member, Member, Member]
  const original = await addGenome(ada.lab, 'Original', 1)
  await ada.room.api.shareGenome(original, true)
  await simulation.clock.advance(2_000)
  for (const member of [mallory, ben, cleo]) await judged(simulation, member, original)
  const stolen = await derive(mallory, 32, original, 'All my own', { operator: 'train' })
  await mallory.room.api.shareGenome(stolen.id, true)
  await simulation.clock.advance(2_000)
  const arrival = await judged(simulation, ben, stolen.id)
  expect(arrival.judgement?.layers.filter(({ outcome }) => outcome === 'refused')).toMatchObject([
    { layer: 'lineage', code: 'NEAR_COPY' },
  ])
  expect(arrival.disputes).toMatchObject([{ claimantName: null, parent: original, confirmed: true }])
  // Cleo heard of it before she fetched it, and cannot say; once she has both, her own gate finds the same.
  const seen = await judged(simulation, cleo, stolen.id)
  expect(seen.judgement?.accepted).toBe(false)
  expect(seen.disputes.map(({ claimantName, parent }) => [claimantName, parent])).toContainEqual(['Ben', original])
})

it('a private run is stated under a name for its text that says nothing of it, to the room and to who comes later', async () => {
  const simulation = await createRoom(['Ada', 'Ben'])
  const [ada, ben] = simulation.members as [Member, Member]
  const id = await addPrivate(ada, 31, 'Letters', 1)
  await ada.room.noteTrained(id, '5'.repeat(64))
  await ada.room.api.shareGenome(id, true)
  await simulation.clock.advance(2_000)
  const arrival = await judged(simulation, ben, id)
  expect(arrival.judgement?.layers[6]).toMatchObject({ layer: 'privacy', outcome: 'passed' })
  const second = await addPrivate(ada, 31, 'More letters', 2)
  await ada.room.noteTrained(second, '5'.repeat(64))
  await ada.room.api.shareGenome(second, true)
  const heard: Uint8Array[] = []
  const cleo = await enter(simulation, 'Cleo', 71)
  cleo.instead.set('GATE_DP_STATEMENT', (_peer, body) => void heard.push((body as { claim: Uint8Array }).claim))
  await simulation.clock.until(() => heard.length > 1, 20_000, 'both statements')
  const claims = heard.map((claim) => readObject(DP_CLAIM, claim))
  expect(claims.map(({ genome }) => toHex(genome)).sort()).toEqual([id, second].sort())
  // The same text has the same name, so that a budget cannot be begun anew with it, and not the name that its hash is.
  expect(claims[0]?.dataHash).toEqual(claims[1]?.dataHash)
  expect(claims[0]?.dataHash).not.toEqual(fromHex('5'.repeat(64)))
})

async function addPrivate(by: Member, seed: number, name: string, drawn: number): Promise<string> {
  const from = await addGenome(by.lab, `${name}, before`, drawn)
  const { manifest } = by.lab.genomes.find(from)
  const identity = identityFromSeed(new Uint8Array(32).fill(seed))
  const terms = { noiseMultiplier: 1.2, clipNorm: 1, delta: 1e-5, budget: 8, sampleRate: 0.05 }
  const { epsilonPld: _, ...privacy } = privacyStatement(terms, 40, 'one document')
  const genome = await signGenome({ ...manifest, name, privacy }, identity)
  const tensors = await by.lab.genomes.readTensors(from)
  await by.lab.genomes.keep(genome, tensors)
  await by.lab.genomes.remove(from)
  return genome.id
}
