// Genomes between nodes of a room: announced by gossip, listed page by page, fetched and checked, taken back; merged by another
// node with the same bits; judged on text that never leaves.

import { describe, expect, it } from 'vitest'
import { identityFromSeed, plainVerifier } from '#core/crypto/identity.ts'
import { toHex } from '#core/crypto/bytes.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { createGenomeJudging, type Measure } from '../../../worker/node/genome-judging.ts'
import { createGenomeMerges } from '../../../worker/node/genome-merge.ts'
import { systemClock } from '../../../worker/net/clock.ts'
import { createRandom } from '../net/simulation.ts'
import { addGenome, createPlace } from './lab-fixture.ts'
import { createRoom, during, enter, type Member } from './room-fixture.ts'

const shownIn = ({ room }: Member) => room.state().roomGenomes

describe('a shared genome', () => {
  it('is seen by everyone in the room, fetched with its author’s signature, and stays off', async () => {
    const { clock, members } = await createRoom(['Ada', 'Ben', 'Cleo'])
    const [ada, ben, cleo] = members as [Member, Member, Member]
    const id = await addGenome(ada.lab, 'Ishmael', 1)
    await ada.room.api.shareGenome(id, true)
    await clock.advance(2_000)
    for (const member of [ben, cleo]) {
      expect(shownIn(member)).toMatchObject([
        { id, name: 'Ishmael', baseName: 'Tiny llama-hf', author: ada.swarm.id, authorName: 'Ada', here: false },
      ])
    }
    expect(ada.room.state().sharedGenomes).toEqual([id])
    expect(await during({ clock }, ben.room.api.fetchGenome(id))).toBe(id)
    const kept = ben.lab.genomes.find(id)
    expect(toHex(kept.manifest.author)).toBe(ada.swarm.id)
    expect(await ben.lab.genomes.readTensors(id)).toEqual(await ada.lab.genomes.readTensors(id))
    expect(shownIn(ben)).toMatchObject([{ id, here: true }])
  })

  it('is told to who comes later, by its author or, when that one left, by those who heard of it', async () => {
    const simulation = await createRoom(['Ada', 'Ben'])
    const { clock, members } = simulation
    const [ada, ben] = members as [Member, Member]
    await addGenome(ben.lab, 'Of the same model', 9)
    const id = await addGenome(ada.lab, 'Ishmael', 1)
    await ada.room.api.shareGenome(id, true)
    await clock.advance(2_000)
    await during({ clock }, ben.room.api.fetchGenome(id))
    await ben.room.api.allowGenome(id)
    await ben.room.api.shareGenome(id, true)
    ada.swarm.close()
    await clock.advance(5_000)
    const cleo = await enter(simulation, 'Cleo', 60)
    await clock.until(() => cleo.swarm.peers().some(({ link }) => link === 'open'), 10_000)
    await cleo.room.api.findGenomes('llama-hf')
    await clock.until(() => shownIn(cleo).length === 1, 5_000)
    expect(shownIn(cleo)).toMatchObject([{ id, author: ada.swarm.id, holders: 1 }])
    // Its bytes come from Ben, and still carry Ada's signature.
    await during({ clock }, cleo.room.api.fetchGenome(id))
    expect(toHex(cleo.lab.genomes.find(id).manifest.author)).toBe(ada.swarm.id)
  })

  it('is listed page after page', async () => {
    const { clock, members } = await createRoom(['Ada', 'Ben'])
    const [ada, ben] = members as [Member, Member]
    const pages: number[] = []
    ada.swarm.onPeerRefused((_, refusal) => expect(refusal).toBeUndefined())
    const before = shownIn(ben).length
    // Directly, as more than gossip would carry at once.
    for (let seed = 0; seed < 40; seed++) await addGenome(ada.lab, `Genome ${seed}`, seed)
    for (const { id } of ada.lab.genomes.list()) await ada.room.api.shareGenome(id, true)
    await clock.advance(1_000)
    ben.swarm.handle('PEER_LOAD', () => void pages.push(1))
    await ben.room.api.findGenomes('llama-hf')
    await clock.until(() => shownIn(ben).length === 40, 10_000)
    expect(before).toBe(0)
  })

  it('is gone for everyone when its author takes it back, and back when it is shared again', async () => {
    const { clock, members } = await createRoom(['Ada', 'Ben', 'Cleo'])
    const [ada, ben, cleo] = members as [Member, Member, Member]
    const id = await addGenome(ada.lab, 'Ishmael', 1)
    await ada.room.api.shareGenome(id, true)
    await clock.advance(2_000)
    await ada.room.api.shareGenome(id, false)
    await clock.advance(2_000)
    for (const member of members) expect(shownIn(member)).toEqual([])
    await expect(during({ clock }, ben.room.api.fetchGenome(id))).rejects.toThrow(/Nobody in the room/)
    await ada.room.api.shareGenome(id, true)
    await clock.advance(2_000)
    expect(shownIn(cleo)).toMatchObject([{ id }])
  })

  it('is not announced, taken back or replaced by others than its author', async () => {
    const { clock, members } = await createRoom(['Ada', 'Ben', 'Cleo'])
    const [ada, ben, cleo] = members as [Member, Member, Member]
    const id = await addGenome(ada.lab, 'Ishmael', 1)
    await ada.room.api.shareGenome(id, true)
    await clock.advance(2_000)
    const refusals: string[] = []
    ben.swarm.onPeerRefused((_, { code, about }) => refusals.push(`${about} ${code}`))
    const key = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
    const genome: BodyOf<'GENOME_ANNOUNCE'>['genome'] = {
      genome: key(id),
      name: 'Ahab',
      base: key(ada.lab.genomes.list()[0]!.baseHash),
      baseName: 'x',
      author: key(ada.swarm.id),
      content: new Uint8Array(32),
      bytes: 1,
      generation: 0,
      licence: 'x',
      claims: [],
      at: 1_790_000_900_000,
    }
    ben.swarm.send(cleo.swarm.id, 'GENOME_ANNOUNCE', { genome })
    await clock.advance(1_000)
    expect(refusals).toEqual(['GENOME_ANNOUNCE BAD_ARGUMENT'])
    // In his own name it is refused as another's.
    ben.swarm.send(cleo.swarm.id, 'GENOME_ANNOUNCE', { genome: { ...genome, author: key(ben.swarm.id) } })
    await clock.advance(1_000)
    expect(shownIn(cleo)).toMatchObject([{ id, name: 'Ishmael', author: ada.swarm.id }])
    const { encodeObject, signObject } = await import('#core/protocol/signed-object.ts')
    const { GENOME_WITHDRAWAL } = await import('#core/protocol/messages/genome.ts')
    const identity = identityFromSeed(new Uint8Array(32).fill(32))
    for (const author of [key(ada.swarm.id), key(ben.swarm.id)]) {
      const withdrawal = encodeObject(GENOME_WITHDRAWAL, { genome: key(id), author, why: '', at: 1_790_000_900_000 })
      const signature = await signObject(GENOME_WITHDRAWAL, withdrawal, identity)
      ben.swarm.send(cleo.swarm.id, 'GENOME_WITHDRAW', { withdrawal, signature })
    }
    await clock.advance(1_000)
    expect(refusals).toEqual(['GENOME_ANNOUNCE BAD_ARGUMENT', 'GENOME_WITHDRAW SIGNATURE_INVALID'])
    expect(shownIn(cleo)).toHaveLength(1)
  })

  it('is shared again after a reload', async () => {
    const simulation = await createRoom(['Ada', 'Ben'])
    const { clock, members } = simulation
    const [ada] = members as [Member, Member]
    const id = await addGenome(ada.lab, 'Ishmael', 1)
    await ada.room.api.shareGenome(id, true)
    expect(await ada.place.records.keys('shared')).toEqual([`node 31/${id}`])
    await ada.room.start()
    expect(ada.room.state().sharedGenomes).toEqual([id])
    await clock.advance(1_000)
  })
})

describe('a merge carried out by another node', () => {
  it('gives the same bits as here', async () => {
    const { clock, members } = await createRoom(['Ada', 'Ben'])
    const [ada, ben] = members as [Member, Member]
    const parents = [await addGenome(ada.lab, 'A', 1), await addGenome(ada.lab, 'B', 2)]
    for (const id of parents) await ada.room.api.shareGenome(id, true)
    await clock.advance(2_000)
    for (const id of parents) {
      await during({ clock }, ben.room.api.fetchGenome(id))
      await ben.room.api.allowGenome(id)
    }
    const request = {
      name: 'Both',
      operator: 'dare_linear',
      parents,
      parameters: { density: 0.5 },
      seed: 7,
      licence: 'CC0-1.0',
    }
    // Not without the consent of the person there.
    await expect(during({ clock }, ada.room.api.proposeMerge(ben.swarm.id, request))).rejects.toThrow(
      /no merges for others/,
    )
    await ben.room.api.setMergesForOthers(true)
    const { isSame, mergeId, genomeId } = await during({ clock }, ada.room.api.proposeMerge(ben.swarm.id, request))
    expect(isSame).toBe(true)
    // Both account for it.
    expect(ada.sales).toEqual([`bought ${genomeId}`])
    expect(ben.sales).toEqual([`sold ${genomeId}`])
    const own = createGenomeMerges(ada.lab.genomes, systemClock, () => undefined)
    expect((await own.preview(request)).mergeId).toBe(mergeId)
    const theirs = ben.lab.genomes.find(genomeId).manifest
    const ours = ada.lab.genomes.find(await own.merge(request)).manifest
    expect(theirs.tensors).toEqual(ours.tensors)
    expect(theirs).toMatchObject({ operator: 'dare_linear', parents, seed: 7, licence: 'CC0-1.0' })
    // Another seed is another merge.
    expect((await own.recompute({ ...request, seed: 8 })).tensors).not.toBe(theirs.tensors.hash)
  })

  it('is refused for genomes that are not there', async () => {
    const { clock, members } = await createRoom(['Ada', 'Ben'])
    const [ada, ben] = members as [Member, Member]
    const parents = [await addGenome(ada.lab, 'A', 1), await addGenome(ada.lab, 'B', 2)]
    await ben.room.api.setMergesForOthers(true)
    const request = { name: 'Both', operator: 'lora_linear', parents, parameters: {}, seed: 7, licence: 'CC0-1.0' }
    await expect(during({ clock }, ada.room.api.proposeMerge(ben.swarm.id, request))).rejects.toThrow(/no genome/)
  })
})

describe('judging', () => {
  it('needs consent, measures on text that stays, and comes back signed with its interval', async () => {
    const { clock, members } = await createRoom(['Ada', 'Ben'])
    const [ada, ben] = members as [Member, Member]
    const id = await addGenome(ada.lab, 'Ishmael', 1)
    await ada.room.api.shareGenome(id, true)
    await clock.advance(2_000)
    const ask = () => during({ clock }, ada.room.api.requestEvaluation(ben.swarm.id, [id], 'letters', 16))
    await expect(ask()).rejects.toThrow(/judges no genomes/)
    await ben.room.api.setJudgingText(
      'letters',
      [new Blob(['Dear Ada, the sea is calm tonight. '.repeat(400)])],
      ['a.txt'],
    )
    expect(ben.room.state().judging).toEqual({ domain: 'letters', bytes: 14_000 })
    await expect(during({ clock }, ada.room.api.requestEvaluation(ben.swarm.id, [id], 'poems', 16))).rejects.toThrow(
      /no text of the domain/,
    )
  })

  it('reports the mean change and how sure it is', async () => {
    const place = createPlace('llama-hf')
    const lab = await place.open(5)
    const id = await addGenome(lab, 'Ishmael', 1)
    const identity = identityFromSeed(new Uint8Array(32).fill(5))
    const sent: BodyOf<'GENOME_EVAL_REPORT'>[] = []
    const measured: number[] = []
    const measure: Measure = async (_model, _adapter, sequences) => {
      measured.push(sequences.length)
      return sequences.map(({ counted }, i) => ({
        before: counted * 2,
        after: counted * (1.5 + 0.1 * (i % 3)),
        tokens: counted,
      }))
    }
    const judging = createGenomeJudging({
      surroundings: {
        identity,
        records: place.records,
        clock: systemClock,
        wallTime: () => 1,
        random: createRandom(1),
      },
      owner: 'ben',
      swarm: { send: (_peer, _name, body) => void sent.push(body as never) },
      models: { ...lab.models, fetch: async () => undefined },
      exchange: {
        obtain: async () => ({ genome: lab.genomes.find(id), tensors: await lab.genomes.readTensors(id) }),
        addEvaluation: async () => undefined,
      },
      measure,
      onChange: () => undefined,
    })
    await judging.setText('letters', [new Blob(['Dear Ada, the sea is calm tonight. '.repeat(400)])], ['a.txt'])
    const genome = lab.genomes.find(id)
    const request = { request: new Uint8Array(16), genomes: [hexBytes(genome.id)], domain: 'letters', probes: 16 }
    await judging.onRequest('ada', request)
    const { readObject, verifyObject } = await import('#core/protocol/signed-object.ts')
    const { EVALUATION } = await import('#core/protocol/messages/genome.ts')
    const [report] = sent
    expect(measured).toEqual([16])
    const evaluation = readObject(EVALUATION, report!.evaluation)
    expect(evaluation).toMatchObject({ domain: 'letters', probes: 16, confidence: 0.95 })
    expect(evaluation.delta).toBeCloseTo(-0.4, 1)
    expect(evaluation.low).toBeLessThan(evaluation.delta)
    expect(evaluation.high).toBeGreaterThan(evaluation.delta)
    expect(evaluation.high).toBeLessThan(-0.3)
    expect(
      await verifyObject(EVALUATION, report!.evaluation, identity.publicKey, report!.signature, plainVerifier),
    ).toBe(true)
  })
})

const hexBytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
