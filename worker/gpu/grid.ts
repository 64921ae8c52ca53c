// Workgroup counts that no adapter drops: a dispatch over 65,535 workgroups in one dimension does nothing.

const MAX_PER_DIMENSION = 65_535

/** `count` workgroups folded into x and y; the shader takes `y * num_workgroups.x + x` and ignores what is over. */
export function foldWorkgroups(count: number): readonly [x: number, y: number] {
  if (count <= MAX_PER_DIMENSION) return [count, 1]
  const y = Math.ceil(count / MAX_PER_DIMENSION)
  return [Math.ceil(count / y), y]
}
