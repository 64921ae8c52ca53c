// The benchmark's tables for a person.

import { formatBytes, formatFigure, formatTable } from '../format.ts'
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
      ['kernel', 'shape', 'type', 'size', 'ms', 'rate (slowest to fastest)'],
      kernels.rows.map((row) => [
        row.kernel,
        row.shape,
        row.dtype,
        row.size,
        formatFigure(row.milliseconds),
        `${formatSpread({ median: row.median, least: row.slowest, most: row.fastest, repeats: 0 })} ${row.unit}`,
      ]),
    ),
  ]
}
