// Where the members of a lineage stand when it is drawn: one a row, ancestors under the genome they came into, further in by
// generation; lines from each child to its parents. One that came in twice has one place, and a second line.

import type { RoyaltyMember } from '../../../worker/node/wallet-api.ts'

export interface TreeRow {
  readonly member: RoyaltyMember
  readonly row: number
}

export interface TreeLine {
  readonly from: TreeRow
  readonly to: TreeRow
  /** Not the one that it stands under. */
  readonly second: boolean
}

export interface TreeLayout {
  readonly rows: readonly TreeRow[]
  readonly lines: readonly TreeLine[]
}

export function layOutTree(members: readonly RoyaltyMember[]): TreeLayout {
  const placed = new Map<string, TreeRow>()
  const above = new Map<string, string>()
  const place = (member: RoyaltyMember) => {
    if (placed.has(member.genome.id)) return
    placed.set(member.genome.id, { member, row: placed.size })
    for (const parent of members) {
      const isNext = parent.generation === member.generation + 1 && parent.children.includes(member.genome.id)
      if (!isNext || placed.has(parent.genome.id)) continue
      above.set(parent.genome.id, member.genome.id)
      place(parent)
    }
  }
  for (const member of members) place(member)
  const rows = [...placed.values()]
  const lines = rows.flatMap((to) =>
    to.member.children.flatMap((child) => {
      const from = placed.get(child)
      return from ? { from, to, second: above.get(to.member.genome.id) !== child } : []
    }),
  )
  return { rows, lines }
}
