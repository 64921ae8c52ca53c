// The ancestry of genomes laid out as a graph: every genome one column right of its furthest parent, rows without crossings
// where a simple sorting avoids them.

import type { GenomeState } from '../../../worker/node/lab-api.ts'

export interface LineageNode {
  readonly id: string
  /** Null for a parent that is not here. */
  readonly genome: GenomeState | null
  readonly parents: readonly string[]
  readonly children: readonly string[]
  readonly column: number
  readonly row: number
}

export interface Lineage {
  readonly nodes: readonly LineageNode[]
  readonly columns: number
  readonly rows: number
}

/** A cycle cannot be: a genome's id is a hash over its parents'. Should a file claim one, the edge back is not followed. */
export function layOutLineage(genomes: readonly GenomeState[]): Lineage {
  const byId = new Map(genomes.map((genome) => [genome.id, genome]))
  const ids = [...new Set(genomes.flatMap(({ id, parents }) => [...parents, id]))]
  const parentsOf = (id: string) => [...new Set(byId.get(id)?.parents ?? [])]
  const childrenOf = (id: string) => ids.filter((other) => parentsOf(other).includes(id))
  const columns = new Map<string, number>()
  const columnOf = (id: string, seen: ReadonlySet<string>): number => {
    const known = columns.get(id)
    if (known !== undefined) return known
    const above = parentsOf(id).filter((parent) => !seen.has(parent))
    const column = above.length === 0 ? 0 : 1 + Math.max(...above.map((p) => columnOf(p, new Set([...seen, id]))))
    columns.set(id, column)
    return column
  }
  for (const id of ids) columnOf(id, new Set([id]))

  const count = ids.length === 0 ? 0 : 1 + Math.max(...columns.values())
  const rowOf = new Map<string, number>()
  const created = (id: string) => byId.get(id)?.createdAt ?? 0
  for (let column = 0; column < count; column++) {
    const members = ids.filter((id) => columns.get(id) === column)
    // Beside the middle of its parents; founders by the family they belong to, which is their first child's place.
    const place = (id: string): number => {
      const rows = parentsOf(id).flatMap((parent) => rowOf.get(parent) ?? [])
      if (rows.length > 0) return rows.reduce((sum, row) => sum + row, 0) / rows.length
      const [child] = childrenOf(id)
      return child === undefined ? ids.length : ids.indexOf(child)
    }
    const places = new Map(members.map((id) => [id, place(id)]))
    members.sort((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0) || created(a) - created(b) || (a < b ? -1 : 1))
    let next = 0
    for (const id of members) {
      const row = column === 0 ? next : Math.max(next, Math.round((places.get(id) ?? next) * 2) / 2)
      rowOf.set(id, row)
      next = row + 1
    }
  }
  const nodes = ids.map((id) => ({
    id,
    genome: byId.get(id) ?? null,
    parents: parentsOf(id),
    children: childrenOf(id),
    column: columns.get(id) ?? 0,
    row: rowOf.get(id) ?? 0,
  }))
  return { nodes, columns: count, rows: nodes.reduce((most, { row }) => Math.max(most, row + 1), 0) }
}
