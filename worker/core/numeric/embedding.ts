// Rows of a table by index: the reference of the gather.

/** `[indices, width]` from `[rows, width]`. */
export function gatherRows(table: Float32Array, width: number, indices: Uint32Array): Float32Array<ArrayBuffer> {
  const out = new Float32Array(indices.length * width)
  indices.forEach((index, i) => out.set(table.subarray(index * width, (index + 1) * width), i * width))
  return out
}
