// A run as files: JSON with everything that makes and backs its figures, and CSV with one row a seed, arm, node and domain.

import type { Experiment } from '#core/experiments/experiment.ts'
import { findPublished } from '#core/experiments/published.ts'
import { reportOf } from '#core/experiments/report.ts'
import type { Cell } from '#core/experiments/result.ts'
import { DOMAINS } from '#core/experiments/texts.ts'

export interface RunRecord {
  readonly experiment: Experiment
  readonly cells: readonly Cell[]
  /** What computed it, as it calls itself. */
  readonly adapters: readonly string[]
}

export function toJson({ experiment, cells, adapters }: RunRecord): string {
  const published = findPublished(experiment.name)?.published ?? null
  const { rows } = reportOf(experiment, cells)
  const complete = cells.length === experiment.seeds.length * experiment.arms.length
  return `${JSON.stringify({ format: 'centram experiment 1', experiment, adapters, complete, published, rows, cells }, null, 2)}\n`
}

const COLUMNS = [
  'experiment',
  'arm',
  'seed',
  'node',
  'domain',
  'is_own',
  'loss_before',
  'loss_after',
  'offers',
  'accepted',
]

/** RFC 4180. Offers and their acceptance are the cell's, the same in all its rows. */
export function toCsv({ experiment, cells }: Pick<RunRecord, 'experiment' | 'cells'>): string {
  const rows = cells.flatMap((cell) =>
    cell.nodes.flatMap((node) =>
      DOMAINS.filter((domain) => cell.base[domain] !== undefined).map((domain) => [
        experiment.name,
        cell.arm,
        cell.seed,
        node.name,
        domain,
        domain === node.own ? 1 : 0,
        cell.base[domain] ?? '',
        node.losses[domain] ?? '',
        cell.offers,
        cell.accepted,
      ]),
    ),
  )
  return [COLUMNS, ...rows].map((row) => `${row.map(field).join(',')}\r\n`).join('')
}

function field(value: string | number): string {
  const text = String(value)
  // A spreadsheet would run what begins like a formula.
  const safe = /^[=+@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
