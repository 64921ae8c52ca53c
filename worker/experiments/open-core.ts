// Where Fed-SB begins: the adapter nearest to the first step that all weights would take, its factors frozen and orthonormal, so that
// only the square between them is learned and averaged (Singhal et al., arXiv 2502.15436).

import type { LoraPair } from '#core/genome/adapter.ts'
import { loraScale } from '#core/genome/lora-config.ts'
import { truncateMatrix } from '#core/merge/low-rank.ts'
import { rotatedRows } from '../model/rotated-rows.ts'
import { basisOf } from '../train/core-steps.ts'
import type { Change } from '../train/learner.ts'
import { updatesOf } from './average-changes.ts'
import { createChange, firstStep, type Lab } from './lab.ts'

export async function openCore(lab: Lab): Promise<Change> {
  const empty = createChange(lab, 0, true)
  if (empty.kind === 'full') return empty
  const { config } = lab.learner.model
  const updates = updatesOf({ kind: 'full', weights: await firstStep(lab) }, lab.weights, config)
  const { lora } = empty.adapter
  const { rank } = lora
  const modules = new Map<string, LoraPair>()
  const bases = new Map<string, Float32Array<ArrayBuffer>>()
  for (const [name, { a, b }] of empty.adapter.modules) {
    const update = updates.get(`${name}.weight`) as Float32Array
    const kept = truncateMatrix(update, b.length / rank, a.length / rank, rank).update
    const turned = rotatedRows(config, name, kept.b, rank, 'back')
    // A with rows of length one, as the columns of B are: all the size is in the square between them.
    const sizes = Array.from({ length: rank }, (_, k) =>
      Math.hypot(...kept.a.subarray((k * a.length) / rank, ((k + 1) * a.length) / rank)),
    )
    const width = a.length / rank
    modules.set(name, {
      a: kept.a.map((value, i) => value / sizes[Math.floor(i / width)]!),
      b: turned.map((value, i) => (value * sizes[i % rank]!) / loraScale(lora)),
    })
    bases.set(name, basisOf(turned, rank))
  }
  return { kind: 'lora', freezeA: true, adapter: { lora, modules }, bases }
}
