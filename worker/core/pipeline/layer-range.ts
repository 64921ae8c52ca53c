// A contiguous stretch of a model's layers.

export interface LayerRange {
  readonly first: number
  /** One past the last layer. */
  readonly last: number
}
