// The benchmark's tables for a person.

import { formatBytes, formatFigure, formatTable } from '../format.ts'
import type { KernelFigures } from './kernel-bench.ts'
import type { MergeFigures, MergekitVersions } from './merge-figures.ts'
import type { ModelFigures } from './model-bench.ts'
import type { SignatureFigures, SignatureShare } from './signature-bench.ts'
import { formatSpread } from './spread.ts'
import type { TrainingFigures } from './training-figures.ts'

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

export function describeSignatures(figures: SignatureFigures, shares: readonly SignatureShare[]): string[] {
  const percent = (value: number) => value * 100
  return [
    '',
    `Signatures by ${figures.kind}, frames of ${figures.bytes} bytes, a second: median (least to most)`,
    ...formatTable(
      ['signed', 'verified', 'verified, 64 in flight'],
      [
        [
          formatSpread(figures.signaturesPerSecond),
          formatSpread(figures.verificationsPerSecond),
          formatSpread(figures.verificationsTogetherPerSecond),
        ],
      ],
    ),
    ...shares.map(({ model, tabs, share: { median, least, most, repeats } }) => {
      const shown = formatSpread({ median: percent(median), least: percent(least), most: percent(most), repeats })
      return `Of a token of ${model} over ${tabs} tabs, signing and verifying take ${shown} %.`
    }),
  ]
}

export function describeTraining(training: readonly TrainingFigures[]): string[] {
  if (training.length === 0) return []
  const rivals = training.flatMap(({ model, rival }) => (rival ? [{ model, rival }] : []))
  return [
    '',
    'Training: LoRA on every linear, median (least to most)',
    ...formatTable(
      ['model', 'shape', 'weights', 'rank', 'tokens a step', 'tok/s', 'ms a step', 'forward ms', 'GPU memory'],
      training.map((row) => [
        row.model,
        row.shape,
        row.weights,
        String(row.rank),
        `${row.sequences} x ${row.length}`,
        formatSpread(row.tokensPerSecond),
        formatSpread(row.msPerStep),
        formatSpread(row.forwardMs),
        formatBytes(row.peakBytes),
      ]),
    ),
    ...(rivals.length > 0
      ? [
          '',
          'The same steps in another library, turn by turn',
          ...formatTable(
            ['model', 'library', 'losses differ by', 'gradient norms by', 'tok/s', 'GPU memory', 'its time over ours'],
            rivals.map(({ model, rival }) => [
              model,
              rival.library,
              rival.agreement.loss.toExponential(1),
              rival.agreement.gradientNorm.toExponential(1),
              rival.tokensPerSecond ? formatSpread(rival.tokensPerSecond) : 'NOT THE SAME STEP',
              rival.peakBytes === undefined ? '' : formatBytes(rival.peakBytes),
              rival.ratio ? formatSpread(rival.ratio) : '',
            ]),
          ),
        ]
      : []),
  ]
}

export function describeMerge({ mergekit, rows }: MergeFigures): string[] {
  return [
    '',
    mergekit ? `Merging beside ${describeMergekit(mergekit)}` : 'Merging (mergekit was not run; --python PATH runs it)',
    ...formatTable(
      [
        'operator',
        'type',
        'inputs',
        'MB/s',
        ...(mergekit ? ['its time in 1 thread over ours', 'in processor time', 'in all threads', 'difference'] : []),
      ],
      rows.map((row) => [
        row.operator,
        row.dtype,
        `${row.inputs} of ${formatBytes((row.megabytes * 1e6) / row.inputs)}`,
        formatSpread(row.megabytesPerSecond),
        ...(row.mergekit
          ? [
              formatSpread(row.mergekit.oneThread.ratio),
              formatSpread(row.mergekit.oneThread.processorRatio),
              formatSpread(row.mergekit.allThreads.ratio),
              row.mergekit.difference === null ? 'random' : row.mergekit.difference.toExponential(1),
            ]
          : [row.failure ?? '']),
      ]),
    ),
  ]
}

const describeMergekit = ({ mergekit, torch, threads }: MergekitVersions): string =>
  `mergekit ${mergekit} on torch ${torch}, ${threads} threads`
