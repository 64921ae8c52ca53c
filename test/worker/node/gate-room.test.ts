// Arrivals in a simulated room: kept apart and judged, allowed by a person or by a rule, their verdicts, lineages, statements
// and disputes told; and what hostile nodes make of these messages.

import { describe, expect, it } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { identityFromSeed } from '#core/crypto/identity.ts'
import { LAYER_NAMES } from '#core/gate/layer.ts'
import { signGenome } from '#core/genome/signed-genome.ts'
import { createModelAdapters } from '../../../worker/node/model-adapters.ts'
import { createGenomeMerges } from '../../../worker/node/genome-merge.ts'
import { systemClock } from '../../../worker/net/clock.ts'
import type { Simulation } from '../net/simulation.ts'
import { addGenome } from './lab-fixture.ts'
import { createRoom, during, type Member } from './room-fixture.ts'

const arrivalsOf = ({ room }: Member) => room.state().arrivals
const arrival = (member: Member, id: string) => arrivalsOf(member).find((one) => one.id === id)

async function share(simulation: Simulation, from: Member, name: string, seed: number): Promise<string> {
  const id = await addGenome(from.lab, name, seed)
  await from.room.api.shareGenome(id, true)
  await simulation.clock.advance(2_000)
  return id
}

async function fetchAndJudge(simulation: Simulation, by: Member, id: string): Promise<void> {
  await during(simulation, by.room.api.fetchGenome(id))
  await simulation.clock.until(
    () => Boolean(arrival(by, id)?.judgement) && !arrival(by, id)?.judging,
    60_000,
    'verdict',
  )
  await simulation.clock.advance(1_000)
}

describe('an arrival', () => {
  it('is kept apart until a person allows it: not listed, not switched on, not merged, not shared', async () => {
    const simulation = await createRoom(['Ada', 'Ben'])
    const [ada, ben] = simulation.members as [Member, Member]
    const id = await share(simulation, ada, 'Ishmael', 1)
    const own = await addGenome(ben.lab, 'Own', 2)
    await fetchAndJudge(simulation, ben, id)

    expect(arrivalsOf(ben)).toMatchObject([
      { id, name: 'Ishmael', author: ada.swarm.id, authorName: 'Ada', use: 'held', hasFiles: true, decidedBy: null },
    ])
    const { layers, accepted } = arrival(ben, id)?.judgement ?? expect.fail('It was not judged.')
    expect(accepted).toBe(true)
    expect(layers.map(({ layer }) => layer)).toEqual(LAYER_NAMES)
    for (const { outcome, code, message } of layers) {
      expect(outcome === 'passed').toBe(code === 'PASSED')
      expect(message.length).toBeGreaterThan(10)
    }
    // There is no GPU here, and no text: what needs them did not run.
    expect(layers.slice(8).map(({ outcome }) => outcome)).toEqual(['not-run', 'not-run'])
    expect(layers.slice(0, 6).map(({ outcome }) => outcome)).toEqual(new Array(6).fill('passed'))

    const adapters = createModelAdapters(ben.lab.genomes, ben.place.records, 'ben')
    const merges = createGenomeMerges(ben.lab.genomes, systemClock, () => undefined)
    const request = { name: 'x', operator: 'lora_linear', parents: [id, own], parameters: {}, seed: 1, licence: 'x' }
    const uses = [
      () => adapters.choose('llama-hf', [{ genomeId: id, weight: 1 }]),
      () => merges.preview(request),
      () => ben.room.api.shareGenome(id, true),
      () => merges.merge(request),
    ]
    for (const use of uses) await expect(use()).rejects.toThrow(/quarantine/)
    expect(ben.lab.genomes.list().map(({ name }) => name)).toEqual(['Own'])

    await ben.room.api.allowGenome(id)
    expect(ben.lab.genomes.list()).toHaveLength(2)
    for (const use of uses) await use()
    expect(arrival(ben, id)).toMatchObject({ use: 'allowed', decidedBy: 'person' })

    await ben.room.api.holdGenome(id)
    await expect(merges.preview(request)).rejects.toThrow(/quarantine/)
  })

  it('is still apart after a reload, and judged again where that was cut short', async () => {
    const simulation = await createRoom(['Ada', 'Ben'])
    const [ada, ben] = simulation.members as [Member, Member]
    const id = await share(simulation, ada, 'Ishmael', 1)
    await during(simulation, ben.room.api.fetchGenome(id))
    // The tab is closed before the gate has spoken: the records say held, and nothing else.
    const again = await ben.place.open(32)
    expect(again.quarantine.isHeld(id)).toBe(true)
    expect(again.genomes.list()).toEqual([])
    expect(again.genomes.all().map((genome) => genome.id)).toEqual([id])
    await simulation.clock.until(() => Boolean(arrival(ben, id)?.judgement), 60_000, 'the verdict')
    await ben.lab.quarantine.change(id, { judged: null })
    await ben.room.start()
    await simulation.clock.until(() => Boolean(arrival(ben, id)?.judgement), 60_000, 'the verdict after the reload')
    expect(arrival(ben, id)).toMatchObject({ use: 'held', judgement: { accepted: true } })
  })

  it('that is refused for its bytes leaves its verdict and no files', async () => {
    const simulation = await createRoom(['Ada', 'Mallory'])
    const [ada, mallory] = simulation.members as [Member, Member]
    const id = await addGenome(mallory.lab, 'Poison', 3)
    const { manifest } = mallory.lab.genomes.find(id)
    const tensors = await mallory.lab.genomes.readTensors(id)
    new DataView(tensors.buffer, tensors.byteOffset).setFloat32(tensors.length - 4, Number.NaN, true)
    const bad = await signGenome(
      { ...manifest, name: 'Not a number', tensors: { hash: toHex(sha256(tensors)), bytes: tensors.length } },
      identityFromSeed(new Uint8Array(32).fill(32)),
    )
    await mallory.lab.genomes.keep(bad, tensors)
    await mallory.room.api.shareGenome(bad.id, true)
    await simulation.clock.advance(2_000)
    await expect(during(simulation, ada.room.api.fetchGenome(bad.id))).rejects.toThrow(/finite/)
    const shown = arrival(ada, bad.id)
    expect(shown).toMatchObject({ hasFiles: false, use: 'held', judgement: { accepted: false } })
    expect(shown?.judgement?.layers.filter(({ outcome }) => outcome === 'refused')).toMatchObject([
      { layer: 'format', code: 'NOT_FINITE' },
    ])
    expect(ada.lab.genomes.all()).toEqual([])
    await expect((async () => ada.room.api.allowGenome(bad.id))()).rejects.toThrow(/nothing to use/)
  })

  it('is fetched, judged and accepted by itself where a person set that rule, and only for that model', async () => {
    const simulation = await createRoom(['Ada', 'Ben', 'Cleo'])
    const [ada, ben, cleo] = simulation.members as [Member, Member, Member]
    const { fingerprint } = await ada.lab.models.open('llama-hf')
    await ben.room.api.setGateRules({ accept: 'unrefused', fetchFor: [fingerprint] })
    await cleo.room.api.setGateRules({ accept: 'unrefused', fetchFor: ['0'.repeat(64)] })
    const id = await share(simulation, ada, 'Ishmael', 1)
    await simulation.clock.until(() => arrival(ben, id)?.use === 'allowed', 60_000, 'the rule')
    expect(arrival(ben, id)).toMatchObject({ decidedBy: 'rule', judgement: { accepted: true } })
    expect(ben.lab.genomes.list()).toHaveLength(1)
    expect(arrivalsOf(cleo)).toEqual([])
    // A person’s word stands over the rule’s.
    await ben.room.api.holdGenome(id)
    await during(simulation, ben.room.api.judgeGenome(id))
    expect(arrival(ben, id)).toMatchObject({ use: 'held', decidedBy: 'person' })
    await expect(ben.room.api.setGateRules({ accept: 'all' as 'ask', fetchFor: [] })).rejects.toThrow(/rules/)
  })

  it('that its author takes back is said to be so, is given to nobody, and no rule accepts it', async () => {
    const simulation = await createRoom(['Ada', 'Ben'])
    const [ada, ben] = simulation.members as [Member, Member]
    const id = await share(simulation, ada, 'Ishmael', 1)
    await fetchAndJudge(simulation, ben, id)
    await ben.room.api.allowGenome(id)
    await ben.room.api.shareGenome(id, true)
    expect(ben.room.state().sharedGenomes).toEqual([id])
    await ada.room.api.shareGenome(id, false)
    await simulation.clock.advance(2_000)
    expect(ben.room.state().sharedGenomes).toEqual([])
    expect(arrival(ben, id)?.warnings.join()).toMatch(/taken it back/)
    await during(simulation, ben.room.api.judgeGenome(id))
    const refusal = arrival(ben, id)?.judgement?.layers.find(({ outcome }) => outcome === 'refused')
    expect(refusal).toMatchObject({ layer: 'freshness', code: 'WITHDRAWN' })
    // Announced anew it counts again.
    await ada.room.api.shareGenome(id, true)
    await simulation.clock.advance(2_000)
    expect(arrival(ben, id)?.warnings).toEqual([])
  })
})

describe('verdicts', () => {
  it('are told to the room, shown to who asks, kept as evidence and obeyed by nobody', async () => {
    const simulation = await createRoom(['Ada', 'Ben', 'Cleo'])
    const [ada, ben, cleo] = simulation.members as [Member, Member, Member]
    const id = await share(simulation, ada, 'Ishmael', 1)
    await fetchAndJudge(simulation, ben, id)
    await fetchAndJudge(simulation, cleo, id)
    expect(arrival(cleo, id)?.others).toMatchObject([{ judge: ben.swarm.id, judgeName: 'Ben', accepted: true }])
    expect(arrival(ben, id)?.others).toMatchObject([{ judge: cleo.swarm.id, judgeName: 'Cleo', accepted: true }])
    expect(arrival(cleo, id)?.use).toBe('held')
  })
})
