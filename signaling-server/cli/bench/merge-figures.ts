// What the merge benchmark reports.

import type { Spread } from './spread.ts'

export interface MergeTimes {
  readonly milliseconds: number
  /** Of all threads of the process together: what other work on the machine changes little. */
  readonly processorMs: number
}

interface Side {
  /** Bytes of all inputs, as stored. */
  readonly megabytesPerSecond: Spread
  /** Its time over ours, turn by turn: above 1 we are ahead. */
  readonly ratio: Spread
  /** The same in processor time. */
  readonly processorRatio: Spread
}

export interface MergeRow {
  readonly operator: string
  readonly dtype: string
  /** Files that go in, the base included. */
  readonly inputs: number
  readonly megabytes: number
  readonly random: boolean
  /** Ours, in one thread. */
  readonly megabytesPerSecond: Spread
  readonly mergekit?: {
    readonly oneThread: Side
    /** As many as torch takes by itself. */
    readonly allThreads: Side
    /** Relative, between the two results; null where both draw at random. */
    readonly difference: number | null
  }
  /** What mergekit said instead of merging. */
  readonly failure?: string
}

export interface MergeFigures {
  /** Null where no Python was named. */
  readonly mergekit: MergekitVersions | null
  readonly rows: readonly MergeRow[]
}

export interface MergekitVersions {
  readonly mergekit: string
  readonly torch: string
  readonly threads: number
}
