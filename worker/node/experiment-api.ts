// What a page may ask of a node about experiments. Types only; the rules of api.ts hold.

import type { ErrorCode } from '#core/errors.ts'
import type { Experiment } from '#core/experiments/experiment.ts'
import type { Cell } from '#core/experiments/result.ts'

export interface ExperimentApi {
  /** Begins a run on the built-in model and returns its id; `NodeState.experiments` follows it. What it found outlives the tab. */
  startExperiment(experiment: Experiment): Promise<string>
  /** Stops after the step in flight; what was found since the last round is computed again. */
  pauseExperiment(id: string): Promise<void>
  resumeExperiment(id: string): Promise<void>
  /** Stops it where it runs, and forgets it. */
  removeExperiment(id: string): Promise<void>
}

export interface ExperimentsState {
  /** The latest first. */
  readonly experiments: readonly ExperimentState[]
}

export interface ExperimentState {
  readonly id: string
  readonly createdAt: number
  readonly experiment: Experiment
  readonly status: 'waiting' | 'preparing' | 'running' | 'pausing' | 'paused' | 'finished' | 'failed'
  /** 0 to 1. */
  readonly progress: number
  readonly secondsLeft: number | null
  readonly cells: readonly Cell[]
  /** GPUs that computed it, as they call themselves. */
  readonly adapters: readonly string[]
  readonly error: { readonly code: ErrorCode; readonly message: string } | null
}
