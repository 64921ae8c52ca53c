// Krum (Blanchard, El Mhamdi, Guerraoui and Stainer, NeurIPS 2017): how far a vector lies from those nearest to it. A group
// of fewer than half cannot all lie near to honest ones and still pull far.

/**
 * Of each vector: the sum of its squared distances to the n − f − 2 nearest others.
 * @param distances squared, `[i][j]`.
 * @param hostile f, the most of them that are thought to be hostile.
 */
export function krumScores(distances: readonly (readonly number[])[], hostile: number): number[] {
  const nearest = Math.max(1, distances.length - hostile - 2)
  return distances.map((row, i) => {
    const others = row.filter((_, j) => j !== i).sort((x, y) => x - y)
    return others.slice(0, nearest).reduce((sum, distance) => sum + distance, 0)
  })
}
