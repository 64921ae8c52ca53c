// The widths that dispatch lists are built for: a step runs the narrowest list that holds its columns, and the kernels
// read from the step buffer how many there are. Results do not depend on which list ran.

import { DECODE_COLUMNS, PREFILL_CHUNK, type StepFamily } from './shard.ts'

export interface StepMode {
  readonly family: StepFamily
  /** Columns the list can hold. */
  readonly columns: number
}

const WIDTHS: Readonly<Record<StepFamily, readonly number[]>> = {
  decode: [1, 2, 4, DECODE_COLUMNS],
  prefill: [16, 32, 64, PREFILL_CHUNK],
}

/** The head runs on one column, in the decode family, whatever came before it. */
export const HEAD_MODE: StepMode = { family: 'decode', columns: 1 }

export function mostColumns(family: StepFamily): number {
  return WIDTHS[family].at(-1) ?? 0
}

export function stepMode(family: StepFamily, columns: number): StepMode {
  return { family, columns: WIDTHS[family].find((width) => width >= columns) ?? mostColumns(family) }
}
