// The references compute in double and give what they are given: f32 to compare kernels with, f64 for central differences.

export type Floats = Float32Array | Float64Array

export type Like<T extends Floats> = T extends Float64Array ? Float64Array<ArrayBuffer> : Float32Array<ArrayBuffer>

export function zerosLike<T extends Floats>(like: T, length: number): Like<T> {
  return (like instanceof Float64Array ? new Float64Array(length) : new Float32Array(length)) as Like<T>
}
