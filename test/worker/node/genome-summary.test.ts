// The generation that a genome is announced as: what every gate will find by walking its lineage.

import { expect, test } from 'vitest'
import { walkAncestry } from '#core/gate/ancestry.ts'
import { DEFAULT_RULES } from '#core/gate/rules.ts'
import type { SignedGenome } from '#core/genome/signed-genome.ts'
import { summaryOf } from '../../../worker/node/genome-summary.ts'
import { makeGenome } from '../../core/gate/arrivals.ts'

test('is the length of the longest way back, however wide the family', async () => {
  const { genome: template } = await makeGenome()
  const family = new Map<string, SignedGenome>()
  const ids: string[][] = []
  for (let depth = 0; depth < 30; depth++) {
    const level = Array.from({ length: 8 }, (_, i) => `${depth}/${i}`)
    for (const [i, id] of level.entries()) {
      // The last of each level skips one: the longest way counts.
      const parents = (i === 7 ? ids[depth - 2] : ids[depth - 1]) ?? []
      family.set(id, { ...template, id, manifest: { ...template.manifest, parents } })
    }
    ids.push(level)
  }
  const find = (id: string) => family.get(id)
  const { lineage, clockSkewMs } = DEFAULT_RULES
  for (const name of ['0/0', '1/7', '2/7', '29/0', '29/7']) {
    const genome = family.get(name) as SignedGenome
    const { generation } = summaryOf({ ...genome, id: template.id }, new Uint8Array(32), 0, find)
    const walked = walkAncestry(name, genome.manifest, (id) => find(id) ?? null, lineage, clockSkewMs)
    expect(walked).toMatchObject({ depth: generation })
  }
})
