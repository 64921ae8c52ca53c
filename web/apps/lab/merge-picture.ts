// What goes into what, as data for the picture: of a merge that is being set up, and of one that was made.

import { formatNumber } from '../../ui/format.ts'
import type { GenomeState, MergePreview } from '../../../worker/node/lab-api.ts'
import { operatorTitle } from './genome-words.ts'
import { mergeName, parentValue, type MergeInputs, type MergeValues } from './merge-values.ts'
import { exchangeWords } from './words/lab-words.ts'

export interface PictureInput {
  readonly name: string
  readonly detail: string
  readonly role: 'parent' | 'base'
  /** Size of its weight beside the largest, 0 to 1; decides how broad it flows. */
  readonly share: number
  /** Counts against the others. */
  readonly negative: boolean
}

export interface MergePicture {
  readonly inputs: readonly PictureInput[]
  readonly operator: string
  readonly result: { readonly name: string; readonly detail: string }
}

/** Parameters that say how much of a parent goes in. */
const WEIGHTS = ['weight', 'scale']

export function pictureOf(values: MergeValues, inputs: MergeInputs, preview: MergePreview | null): MergePicture {
  const { operator, base, parents } = inputs
  const words = exchangeWords().merge
  const spec = operator.parameters.find(({ name, scope }) => scope === 'parent' && WEIGHTS.includes(name))
  const ends = operator.base === 'endpoint'
  // On the way from one end to the other, t is the part of the other.
  const t = operator.name === 'slerp' ? finite(values.shared['t']) : null
  const amounts = parents.map((parent) => (spec ? finite(parentValue(values, spec, parent.id)) : t))
  const ofBase = t === null ? null : 1 - t
  const largest = Math.max(...[...amounts, ...(base ? [ofBase] : [])].map((amount) => Math.abs(amount ?? 1)))
  const draw = (genome: GenomeState, role: PictureInput['role'], amount: number | null, how: string): PictureInput => ({
    name: genome.name,
    detail: `${how}${words.rankOf(genome.rank)}`,
    role,
    share: Math.abs(amount ?? 1) / (largest || 1),
    negative: (amount ?? 0) < 0,
  })
  return {
    inputs: [
      ...(base ? [draw(base, 'base', ofBase, ends ? words.ends.one : words.ends.origin)] : []),
      ...parents.map((parent, index) => {
        const amount = amounts[index] ?? null
        const how = spec && amount !== null ? `${spec.name} ${formatNumber(amount)}, ` : ends ? words.ends.other : ''
        return draw(parent, 'parent', amount, how)
      }),
    ],
    operator: operatorTitle(operator.name),
    result: { name: mergeName(values, inputs) || words.theResult, detail: preview ? words.rankOf(preview.rank) : '' },
  }
}

function finite(value: number | boolean | undefined): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

/** Where a merged genome comes from, as far as its parents are still here. */
export function lineageOf(genome: GenomeState, genomes: readonly GenomeState[]): MergePicture {
  const words = exchangeWords().merge
  return {
    inputs: genome.parents.map((id): PictureInput => {
      const parent = genomes.find((one) => one.id === id)
      const { operator } = parent ?? {}
      const made = words.made[operator === 'train' || operator === 'import' ? operator : 'merge']
      return {
        name: parent?.name ?? id.slice(0, 8),
        detail: parent ? `${made}, ${words.rankOf(parent.rank)}` : words.notHere,
        role: 'parent',
        share: 0.5,
        negative: false,
      }
    }),
    operator: operatorTitle(genome.operator),
    result: { name: genome.name, detail: words.rankOf(genome.rank) },
  }
}
