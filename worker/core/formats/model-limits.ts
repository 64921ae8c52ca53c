// The largest models that are looked at: far above what a browser can run, far below what overflows.

export const LIMITS = {
  vocabularySize: 2_097_152,
  contextLength: 16_777_216,
  width: 65_536,
  layers: 1_024,
  heads: 1_024,
  headDim: 4_096,
  ffnWidth: 1_048_576,
} as const
