// What a page may ask of a node about training, genomes and merging. Types only; the rules of api.ts hold.

import type { ErrorCode } from '#core/errors.ts'
import type { LoraTarget } from '#core/genome/lora-config.ts'
import type { TrainingSummary } from '#core/genome/manifest.ts'
import type { GivenParameters } from '#core/merge/parameters.ts'
import type { ExperimentApi, ExperimentsState } from './experiment-api.ts'
import type { GateApi, GateState } from './gate-api.ts'

export interface LabApi extends ExperimentApi, GenomeRoomApi, GateApi {
  /** What a run would learn from and cost; nothing starts. Throws naming file and line for what cannot be read. */
  previewTraining(request: TrainingRequest): Promise<TrainingPreview>
  /** Starts a run and returns its id; `NodeState.runs` follows it. Its text and checkpoints outlive the tab. */
  startTraining(request: TrainingRequest): Promise<string>
  /** Stops after the step in flight and keeps a checkpoint. */
  pauseTraining(runId: string): Promise<void>
  /** Goes on from the last checkpoint, with the bits of a run that never stopped. */
  resumeTraining(runId: string): Promise<void>
  /** Ends a run before its last step. With `keep`, what it learned becomes a genome, whose id is returned. */
  endTraining(runId: string, keep: boolean): Promise<string | null>
  /** Takes an ended run off the list; its genome stays. */
  removeRun(runId: string): Promise<void>

  /**
   * The adapters that the model answers with from the next answer on; none is the base model. Kept over reloads. A model
   * with adapters runs in this tab alone.
   */
  setAdapters(modelId: string, adapters: readonly ActiveGenome[]): Promise<void>
  /** A PEFT adapter for a model: its two files, or a zip that holds them. Returns the genome's id. */
  importGenome(modelId: string, files: readonly Blob[], names: readonly string[]): Promise<string>
  /** A zip of a PEFT folder, with the signed manifest beside the two files. */
  exportGenome(genomeId: string): Promise<{ readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }>
  removeGenome(genomeId: string): Promise<void>

  /** Checks that these can be merged; nothing is computed. Throws naming what does not fit. */
  previewMerge(request: MergeRequest): Promise<MergePreview>
  /** Merges and keeps the result; returns the new genome's id. The same request gives the same tensors everywhere. */
  mergeGenomes(request: MergeRequest): Promise<string>
}

/** Genomes between the nodes of a room. */
export interface GenomeRoomApi {
  /** Gives a genome's files to who asks, and announces it where it is this node's own; or takes all of that back. */
  shareGenome(genomeId: string, shared: boolean): Promise<void>
  /** Asks the linked nodes for genomes of a model, of one domain or any; `NodeState.roomGenomes` shows what they list. */
  findGenomes(modelId: string, domain?: string): Promise<void>
  /** Fetches a genome of the room and keeps it in quarantine, where the gate judges it; returns its id. */
  fetchGenome(genomeId: string): Promise<string>
  /** Asks a node to carry out a merge of genomes that both have, carries it out here too, and compares. */
  proposeMerge(peer: string, request: MergeRequest): Promise<ProposedMerge>
  /** Whether others may ask this node for merges. */
  setMergesForOthers(allowed: boolean): Promise<void>
  /** Text that others may have genomes judged by; it never leaves this node. No file takes the consent back. */
  setJudgingText(domain: string, files: readonly Blob[], names: readonly string[]): Promise<void>
  /** Has a node judge genomes on its own text; resolves when it has reported, to `RoomGenome.evaluations`. */
  requestEvaluation(peer: string, genomeIds: readonly string[], domain: string, probes: number): Promise<void>
}

export interface GenomeRoomState {
  /** Announced in this room, the latest first. */
  readonly roomGenomes: readonly RoomGenome[]
  /** Ids of those that this node gives to who asks. */
  readonly sharedGenomes: readonly string[]
  readonly mergesForOthers: boolean
  /** The text that others may have genomes judged by. */
  readonly judging: JudgingState | null
}

/** A genome as it was announced; nothing of it is checked before it is fetched. */
export interface RoomGenome {
  readonly id: string
  readonly name: string
  readonly baseHash: string
  readonly baseName: string
  readonly author: string
  /** Null for this node's own. */
  readonly authorName: string | null
  readonly bytes: number
  readonly generation: number
  readonly licence: string
  readonly claims: readonly { readonly domain: string; readonly loss: number; readonly baseLoss: number | null }[]
  readonly announcedAt: number
  /** Other nodes that told of it. */
  readonly holders: number
  /** Among this node's genomes, or in quarantine here. */
  readonly here: boolean
  readonly fetching: boolean
  /** The listed model it fits. */
  readonly modelId: string | null
  readonly evaluations: readonly GenomeEvaluation[]
}

/** What a genome changed on an evaluator's own text, signed by the evaluator: nats a token, below zero is better. */
export interface GenomeEvaluation {
  readonly evaluator: string
  /** Null for this node. */
  readonly evaluatorName: string | null
  readonly domain: string
  readonly probes: number
  readonly delta: number
  /** Bounds of the 95 % interval. */
  readonly low: number
  readonly high: number
  readonly at: number
}

export interface JudgingState {
  readonly domain: string
  readonly bytes: number
}

export interface ProposedMerge {
  /** Of the other node's result, which it shares. */
  readonly genomeId: string
  readonly mergeId: string
  /** Whether this node found the same bits. */
  readonly isSame: boolean
}

/** What `NodeState` says of training and genomes. */
export interface LabState extends ExperimentsState, GenomeRoomState, GateState {
  readonly runs: readonly RunState[]
  readonly genomes: readonly GenomeState[]
  /** Those the active model answers with. */
  readonly adapters: readonly ActiveGenome[]
  /** The merge in progress. */
  readonly merge: MergeProgress | null
}

export interface TrainingRequest {
  readonly modelId: string
  /** Of the genome. */
  readonly name: string
  /** .txt, .md, .jsonl */
  readonly files: readonly Blob[]
  readonly names: readonly string[]
  readonly lora: LoraRequest
  readonly steps: number
  /** Sequences of an optimiser step. */
  readonly batchSize: number
  /** Tokens of a sequence. */
  readonly sequenceLength: number
  /** Peak; it warms up over a twentieth of the steps and falls to a hundredth. */
  readonly learningRate: number
  readonly heldOutFraction: number
  readonly seed: number
  /** SPDX expression of what others may do with the genome. */
  readonly licence: string
  readonly privacy?: PrivacyRequest
}

export interface LoraRequest {
  readonly targets: readonly LoraTarget[]
  readonly rank: number
  readonly alpha: number
  readonly rankStabilised: boolean
  readonly dropout: number
  /** Trains B alone. */
  readonly freezeA: boolean
}

export interface PrivacyRequest {
  readonly noiseMultiplier: number
  readonly clipNorm: number
  readonly delta: number
  /** Largest ε; training stops before it would be passed. */
  readonly budget: number
}

export interface TrainingPreview {
  readonly documents: number
  readonly trainTokens: number
  readonly heldOutTokens: number
  readonly sequences: number
  readonly trainableParameters: number
  /** The genome's tensors. */
  readonly genomeBytes: number
  /** Of a private run: the part of the documents a step draws, and the steps that the budget allows. */
  readonly privacy: { readonly sampleRate: number; readonly affordableSteps: number } | null
}

export interface RunState {
  readonly id: string
  readonly name: string
  readonly modelId: string
  readonly modelTitle: string
  readonly createdAt: number
  readonly status: 'preparing' | 'running' | 'pausing' | 'paused' | 'finished' | 'failed'
  readonly step: number
  readonly steps: number
  /** Once it can be told. */
  readonly secondsLeft: number | null
  readonly tokensPerSecond: number | null
  /** On the GPU; 0 while it is not running. */
  readonly gpuBytes: number
  /** Nats a token, thinned out to some hundred points. */
  readonly losses: readonly LossPoint[]
  readonly heldOutLosses: readonly LossPoint[]
  readonly privacy: { readonly epsilon: number; readonly delta: number; readonly budget: number } | null
  /** Of what it learned, once it has ended. */
  readonly genomeId: string | null
  readonly error: { readonly code: ErrorCode; readonly message: string } | null
}

export interface LossPoint {
  readonly step: number
  readonly loss: number
}

export interface GenomeState {
  /** Hex hash of the manifest. */
  readonly id: string
  readonly name: string
  readonly createdAt: number
  /** The key that its author goes by now. */
  readonly author: string
  readonly baseHash: string
  readonly baseName: string
  /** Of the listed model it fits; null while none of that fingerprint was opened. */
  readonly modelId: string | null
  readonly targets: readonly LoraTarget[]
  readonly rank: number
  readonly alpha: number
  readonly bytes: number
  /** `train`, `import` or a merge operator. */
  readonly operator: string
  readonly parents: readonly string[]
  readonly training: TrainingSummary | null
  readonly fitness: Readonly<Record<string, number>>
  /** ε at δ, of a private run. */
  readonly privacy: { readonly epsilon: number; readonly delta: number } | null
  readonly licence: string
}

export interface ActiveGenome {
  readonly genomeId: string
  /** Multiplies what it adds; 1 is the adapter as trained. */
  readonly weight: number
}

export interface MergeRequest {
  readonly name: string
  readonly operator: string
  /** In the order the operator takes them. */
  readonly parents: readonly string[]
  /** Where the operator takes one. */
  readonly base?: string
  readonly parameters: GivenParameters
  /** Wanted of the result. */
  readonly rank?: number
  readonly seed: number
  readonly licence: string
  /** A person lets genomes of others weigh more than the gate's rules allow. */
  readonly uncapped?: boolean
}

export interface MergePreview {
  /** Whoever computes the same merge gets the same id. */
  readonly mergeId: string
  readonly rank: number
  readonly modules: number
  readonly genomeBytes: number
  /** Whether it draws from the seed. */
  readonly random: boolean
}

export interface MergeProgress {
  readonly name: string
  readonly operator: string
  /** 0 to 1. */
  readonly progress: number
}
