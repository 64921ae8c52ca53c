// The benchmark's tables for a person.

import { formatBytes, formatTable } from '../format.ts'
import type { KernelFigures } from './kernel-bench.ts'
import type { ModelFigures } from './model-bench.ts'
import { formatSpread } from './spread.ts'

export function describeModels(models: readonly ModelFigures[]): string[] {
  if (models.length === 0) return []
  return [
    '',
    'Models: median (least to most)',
    ...formatTable(
      ['model', 'tabs', 'decode tok/s', 'prefill tok/s', 'first token ms', 'overhead a hop ms', 'bytes a hop'],
      models.map((row) => [
        row.model,
        String(row.tabs),
        formatSpread(row.decodeTokensPerSecond),
        `${formatSpread(row.prefillTokensPerSecond)} of ${row.promptTokens}`,
        formatSpread(row.firstTokenMs),
        row.wire ? formatSpread(row.wire.overheadMsPerHop) : '',
        row.wire ? formatBytes(row.wire.bytesPerHop) : '',
      ]),
    ),
  ]
}

export function describeKernels(kernels: KernelFigures): string[] {
  return [
    '',
    `Kernels on ${kernels.adapter}`,
    ...formatTable(
      ['kernel', 'shape', 'variant', 'ms', 'rate'],
      kernels.rows.map((row) => [row.kernel, row.shape, row.variant, row.ms.toPrecision(3), row.rate]),
    ),
  ]
}
