// Merges with genomes of others: how much such a genome may weigh, and what becomes of a merge that makes the model worse.

import { describe, expect, it } from 'vitest'
import { DEFAULT_RULES } from '#core/gate/rules.ts'
import type { PairedLoss } from '#core/genome/bootstrap.ts'
import { systemClock } from '../../worker/net/clock.ts'
import { createGenomeMerges } from '../../worker/node/genome-merge.ts'
import type { MergeRequest } from '../../worker/node/lab-api.ts'
import { createMergeWatch } from '../../worker/node/merge-watch.ts'
import type { Arrival } from '../../worker/node/quarantine.ts'
import { addGenome, createPlace } from '../worker/node/lab-fixture.ts'

type Losses = (genomeIds: readonly string[]) => readonly (readonly PairedLoss[])[] | null

async function open(measure: Losses = () => null) {
  const place = createPlace('llama-hf')
  const lab = await place.open()
  const [own, guest, other] = [
    await addGenome(lab, 'Own', 1),
    await addGenome(lab, 'Guest', 2),
    await addGenome(lab, 'Other', 3),
  ]
  for (const id of [guest, other]) await lab.quarantine.put(arrivalOf(id))
  const watch = createMergeWatch({
    quarantine: lab.quarantine,
    self: 'aa',
    rules: DEFAULT_RULES.fitness,
    wallTime: () => 1,
    measure: async (genomeIds) => measure(genomeIds),
    find: lab.genomes.find,
    isHere: (id) => lab.genomes.all().some((genome) => genome.id === id),
  })
  const merges = createGenomeMerges(lab.genomes, systemClock, () => undefined, watch)
  const request = (operator: string, more: Partial<MergeRequest> = {}): MergeRequest => ({
    name: 'Both',
    operator,
    parents: [own, guest],
    parameters: {},
    seed: 1,
    licence: 'CC0-1.0',
    ...more,
  })
  return { lab, watch, merges, request, own, guest, other }
}

const arrivalOf = (id: string): Arrival => ({
  id,
  kind: 'fetched',
  name: 'Guest',
  author: 'bb',
  baseHash: '',
  baseName: '',
  bytes: 1,
  content: '',
  sender: '',
  at: 1,
  hasFiles: true,
  use: 'allowed',
  decidedBy: 'person',
  note: '',
  withdrawnAt: null,
  judged: null,
})

/** Twenty probes of a hundred tokens, each of this loss a token. */
const probes = (before: number, after: number): readonly PairedLoss[] =>
  Array.from({ length: 20 }, (_, i) => ({
    before: 100 * (before + i / 100),
    after: 100 * (after + i / 100),
    tokens: 100,
  }))

describe('a genome of another node', () => {
  it('makes up a quarter of a merge at most, however its operator weighs, unless a person lets it', async () => {
    const { merges, request, own, guest, other } = await open()
    const refused = (made: MergeRequest) => expect(merges.preview(made)).rejects.toThrow(/came from another node/)
    const fits = (made: MergeRequest) => expect(merges.preview(made)).resolves.toHaveProperty('mergeId')
    // Weights as they are: 1 is all of it.
    await refused(request('task_arithmetic', { parameters: { weight: [1, 1], normalize: false } }))
    await fits(request('task_arithmetic', { parameters: { weight: [1, 0.25], normalize: false } }))
    await refused(request('task_arithmetic', { parameters: { weight: [1, -0.3], normalize: false } }))
    // Divided by their sum.
    await refused(request('linear', { parameters: { weight: [1, 1] } }))
    await fits(request('linear', { parameters: { weight: [3, 1] } }))
    // Along an arc, from one end or the other.
    await refused(request('slerp', { base: own, parents: [guest], parameters: { t: 0.5 } }))
    await fits(request('slerp', { base: own, parents: [guest], parameters: { t: 0.25 } }))
    await refused(request('slerp', { base: guest, parents: [own], parameters: { t: 0.5 } }))
    // As the origin that changes are counted from, and where an operator has no weights.
    await refused(request('task_arithmetic', { base: guest, parents: [own], parameters: { weight: 0.1 } }))
    await refused(request('karcher'))
    await refused(request('karcher', { parents: [own, guest, other] }))
    await fits(request('linear', { uncapped: true }))
  })
})

describe('a merge with a genome of another node in it', () => {
  const capped = { parameters: { weight: [3, 1] } }

  it('is taken out of use where the model is worse for it than with what this node had', async () => {
    // Better than the model alone, and worse than the node's own genome.
    const { lab, merges, request, own } = await open((ids) =>
      ids.map((id) => (id === own ? probes(3, 2) : probes(3, 2.2))),
    )
    const id = await merges.merge(request('linear', capped))
    expect(lab.quarantine.get(id)).toMatchObject({ kind: 'merged', use: 'held' })
    expect(lab.quarantine.get(id)?.note).toMatch(/worse.*\+0\.200 nats/)
    expect(lab.genomes.list().map((genome) => genome.id)).not.toContain(id)
    await expect(lab.genomes.readAdapter(id, (await lab.models.open('llama-hf')).config)).rejects.toThrow(/quarantine/)
  })

  it('is free where it is not worse, and where nothing could be measured, which it says', async () => {
    const better = await open((ids) => ids.map(() => probes(3, 2)))
    const id = await better.merges.merge(better.request('linear', capped))
    expect(better.lab.quarantine.get(id)).toMatchObject({ use: 'allowed' })
    expect(better.lab.genomes.list().map((genome) => genome.id)).toContain(id)
    const blind = await open()
    const unmeasured = await blind.merges.merge(blind.request('linear', capped))
    expect(blind.lab.quarantine.get(unmeasured)).toMatchObject({ use: 'allowed' })
    expect(blind.lab.quarantine.get(unmeasured)?.note).toMatch(/not measured/)
  })

  it('stays out of use where measuring failed', async () => {
    const { lab, merges, request } = await open(() => {
      throw new Error('The GPU was lost.')
    })
    const id = await merges.merge(request('linear', capped))
    expect(lab.quarantine.get(id)).toMatchObject({ use: 'held' })
    expect(lab.quarantine.get(id)?.note).toMatch(/not measured \(The GPU was lost/)
  })

  it('is measured at the next visit where the tab was closed before, and forgotten where it was never kept', async () => {
    const { lab, watch, own } = await open((ids) => ids.map(() => probes(3, 4)))
    const note = 'It is being measured on this node’s text.'
    await lab.quarantine.put({ ...arrivalOf(own), kind: 'merged', use: 'held', note })
    await lab.quarantine.put({ ...arrivalOf('f'.repeat(64)), kind: 'merged', use: 'held', note })
    await watch.start()
    await expect.poll(() => lab.quarantine.get(own)?.note).toMatch(/worse/)
    expect(lab.quarantine.get('f'.repeat(64))).toMatchObject({ use: 'removed' })
  })

  it('is not looked at where all of it is this node’s own', async () => {
    const { lab, merges, request, own } = await open(() => expect.fail('Nothing is to be measured.'))
    const second = await addGenome(lab, 'Second', 9)
    const id = await merges.merge(request('linear', { parents: [own, second] }))
    expect(lab.quarantine.get(id)).toBeUndefined()
  })

  it('is held where it was carried out for another node', async () => {
    const { lab, merges, request } = await open(() => expect.fail('Nothing is to be measured.'))
    const id = await merges.merge(request('linear', { uncapped: true }), 'Ada')
    expect(lab.quarantine.get(id)).toMatchObject({ use: 'held', note: 'It was merged for Ada, who asked for it.' })
  })
})
