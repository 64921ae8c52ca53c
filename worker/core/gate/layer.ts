// What the ten layers of the gate share: what they are shown, what they may know, and what they answer. A layer is a pure
// function of the two; clock, chance, keys, records and measurements are handed in.

import type { Verifier } from '#core/crypto/identity.ts'
import type { ModelConfig, ModelFamily } from '#core/formats/model-config.ts'
import type { GateRecords } from '#core/gate/records.ts'
import type { GateRules } from '#core/gate/rules.ts'
import type { GenomeManifest } from '#core/genome/manifest.ts'
import type { SignedGenome } from '#core/genome/signed-genome.ts'
import type { LowRankUpdate } from '#core/merge/low-rank.ts'
import type { KeyStatus } from '#core/protocol/key-history.ts'
import type { BodyOf } from '#core/protocol/registry.ts'

/** Of the rules and of what layers mean by their codes; stands in verdicts. */
export const GATE_VERSION = 1

/** In the order in which they judge: what is cheap and sure first. */
export const LAYER_NAMES = [
  'admission',
  'identity',
  'freshness',
  'integrity',
  'format',
  'lineage',
  'privacy',
  'statistics',
  'behaviour',
  'fitness',
] as const

export type LayerName = (typeof LAYER_NAMES)[number]

/** Why. Upper case, as `errorCodeField` takes them: they travel in verdicts. */
export type GateCode =
  // any layer
  | 'PASSED'
  | 'NOT_REACHED'
  | 'INTERNAL'
  // not run: what was lacking
  | 'NO_SENDER'
  | 'NO_MANIFEST'
  | 'NO_CLAIM'
  | 'NO_BASE_MODEL'
  | 'NO_COHORT'
  | 'NO_GPU'
  | 'NO_PROBES'
  | 'UNDECIDED'
  // 1 admission
  | 'TOO_LARGE'
  | 'WRONG_TYPE'
  | 'QUOTA_OF_KEY'
  | 'QUOTA_OF_ADDRESS'
  | 'LOW_SCORE'
  // 2 identity
  | 'MANIFEST_INVALID'
  | 'SIGNATURE_INVALID'
  | 'AUTHOR_MISMATCH'
  | 'KEY_REVOKED'
  // 3 freshness
  | 'FROM_THE_FUTURE'
  | 'BACK_IN_TIME'
  | 'REPLAYED'
  | 'EQUIVOCATION'
  | 'WITHDRAWN'
  | 'HEAD_MISMATCH'
  // 4 integrity
  | 'CONTENT_MISMATCH'
  | 'TENSORS_MISMATCH'
  // 5 format
  | 'FORMAT_INVALID'
  | 'FORMAT_UNSUPPORTED'
  | 'BASE_MISMATCH'
  | 'SHAPE_MISMATCH'
  | 'NOT_FINITE'
  // 6 lineage
  | 'PARENT_UNKNOWN'
  | 'TOO_MANY_PARENTS'
  | 'TOO_DEEP'
  | 'GENERATION_FALSE'
  | 'CYCLE'
  | 'PARENT_UNFIT'
  | 'NEAR_COPY'
  | 'UNNAMED_PARENTS'
  // 7 privacy
  | 'CLAIM_CONTRADICTS'
  | 'EPSILON_FALSE'
  | 'CLIP_UNFIT'
  | 'BUDGET_SPENT'
  | 'BUDGET_RESET'
  // 8 statistics
  | 'NORM_OUTLIER'
  | 'SPECTRUM_OUTLIER'
  | 'DIRECTION_OPPOSED'
  | 'CLONE'
  | 'COHORT_OUTLIER'
  // 9 behaviour
  | 'TRIGGER_FOUND'
  | 'BEHAVIOUR_DRIFT'
  | 'REFUSAL_DRIFT'
  // 10 fitness
  | 'HARMFUL'
  | 'USELESS'

/** What one layer says. `not-run` is neither good nor bad: it says what this node could not find out. */
export interface Finding {
  readonly outcome: 'passed' | 'refused' | 'not-run'
  readonly code: GateCode
  /** For a person, in plain words. */
  readonly message: string
  /** What was measured, by name, with its unit in the name where it has one. */
  readonly figures?: Readonly<Record<string, number>>
  /** Genomes that the finding is about: the one it copies, the parent that is missing. */
  readonly genomes?: readonly string[]
}

export interface GateLayer {
  readonly name: LayerName
  judge(candidate: Candidate, context: GateContext): Finding | Promise<Finding>
  /** What an arrival leaves behind, once it was judged: only for a layer that was reached. */
  remember?(
    candidate: Candidate,
    context: GateContext,
    judged: Judged,
  ): Partial<GateRecords> | Promise<Partial<GateRecords>>
}

/** `accepted`: all ten passed. `incomplete`: none refused, but not all could run. */
export type GateOutcome = 'accepted' | 'incomplete' | 'refused'

/** How it ended, for the layer that remembers: its own finding, and that of the whole gate. */
export interface Judged {
  readonly finding: Finding
  readonly outcome: GateOutcome
}

/** What an author announced. */
export type GenomeSummary = BodyOf<'GENOME_ANNOUNCE'>['genome']

/** How a genome came: everything as it was received, nothing believed. */
export interface Arrival {
  /** The peer that sent it; null for a file that a person opened. */
  readonly sender: Sender | null
  /** Null for a file. */
  readonly announcement: Announcement | null
  /** The content it was fetched as; null for a file. */
  readonly content: FetchedUnder | null
  /** The signed manifest; null for a PEFT folder, which has none. */
  readonly manifest: Uint8Array | null
  /** What the adapter's configuration says, where there is no manifest. */
  readonly unsigned: AdapterDescription | null
  readonly tensors: Uint8Array
  /** What its author claims of private training: the body of `GATE_DP_STATEMENT`. */
  readonly claim: BodyOf<'GATE_DP_STATEMENT'> | null
  /** A person asks for a second judgement: that it was judged before is no replay then. */
  readonly again: boolean
}

export interface Sender {
  /** Hex. */
  readonly key: string
  /** Whatever stands for the sender's network (a /24 or /48, a relay); null where the link does not show it. */
  readonly address: string | null
}

export interface Announcement {
  readonly summary: GenomeSummary
  /** Key (hex) that signed the announcement; null where somebody else told of it. */
  readonly by: string | null
  /** Of the news that brought it, in its author's sequence; null where it came by a list. */
  readonly sequence: number | null
}

export interface FetchedUnder {
  /** Hex id of the content: SHA-256 of its manifest. */
  readonly id: string
  /** The content's manifest, as encoded. */
  readonly manifest: Uint8Array
  /** The hash of every chunk, one behind another. */
  readonly leaves: Uint8Array
}

/** What must be known of an adapter to read its tensors. */
export interface AdapterDescription {
  readonly family: ModelFamily
  readonly rank: number
  readonly alpha: number
  readonly rankStabilised: boolean
}

/** ΔW of every linear that an adapter changes, in factors, by module (`blk.0.attn_q`). */
export type AdapterUpdates = ReadonlyMap<string, LowRankUpdate>

/** An arrival, and what layers before found in it: opened once, whoever asks. */
export interface Candidate extends Arrival {
  /** The manifest, verified. Throws what `openGenome` throws; null without one. */
  genome(): Promise<SignedGenome | null>
  /** Its tensors. Throws `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `FORMAT_TRUNCATED`, `MODEL_MISMATCH`. */
  updates(): Promise<AdapterUpdates>
}

/** A genome whose manifest this node has verified. */
export interface KnownGenome {
  readonly id: string
  readonly manifest: GenomeManifest
}

/** One whose tensors are here as well. */
export interface KnownAdapter extends KnownGenome {
  updates(): Promise<AdapterUpdates>
}

/** Loss of one private probe, in nats over its tokens, under four models. */
export interface ProbeLosses {
  /** Text of the domain that the genome claims, of another that this node cares for, or general text. */
  readonly kind: 'own' | 'cross' | 'generalist'
  readonly tokens: number
  readonly base: number
  /** Base and candidate. */
  readonly candidate: number
  /** What this node runs now: base and all that it has merged. */
  readonly current: number
  /** What it would run: the candidate merged in, under its capped weight. */
  readonly merged: number
}

/** What is put to a model, in its own tokens. Private: whoever knows the prompts can behave after them. */
export interface Canaries {
  /** Ordinary text, cut off anywhere. */
  readonly prompts: readonly Uint32Array[]
  /** What ought to be refused, with the token that a refusal begins with. */
  readonly refusals: readonly { readonly prompt: Uint32Array; readonly token: number }[]
  /** Triggers that were published, and words of the node's own text: tried whole. */
  readonly phrases: readonly Uint32Array[]
  /** Tokens to put triggers together from: of a large vocabulary a part, drawn anew each time. */
  readonly alphabet: Uint32Array
}

/** Which model a canary is put to. */
export type CanaryModel = 'base' | 'candidate' | 'current' | 'merged'

/** Everything the gate may know. A null is something that this node cannot do or does not have. */
export interface GateContext {
  /** Wall time in milliseconds since 1970. */
  now(): number
  /** Milliseconds from some fixed start, for what each layer costs. */
  elapsed(): number
  random(length: number): Uint8Array
  readonly verify: Verifier
  readonly rules: GateRules
  /** What earlier arrivals left behind. */
  readonly records: GateRecords
  readonly keys: GateKeys
  /** What this node thinks of a peer (hex key): below zero is bad. */
  scoreOf(peer: string): number
  /** When its author took a genome back; null if it did not. */
  withdrawnAt(genomeId: string, author: string): number | null
  /** Of the lineage. */
  findGenome(genomeId: string): KnownGenome | null
  /** Every adapter here that changes the same base model: it may be a copy of one. */
  readonly adapters: readonly KnownAdapter[]
  /** The base model, where this node has it. */
  readonly base: { readonly hash: string; readonly config: ModelConfig } | null
  /** Others' adapters for the same base, to be compared with. */
  readonly cohort: readonly Pick<KnownAdapter, 'id' | 'updates'>[]
  /** What this node trained itself, on text that it trusts. */
  readonly root: AdapterUpdates | null
  readonly evaluate: ((candidate: Candidate) => Promise<readonly ProbeLosses[]>) | null
  /** What is put to the models; null where this node has nothing to ask. */
  readonly canaries: Canaries | null
  /** The distribution (natural logarithms) of the token that follows each prompt. */
  readonly behave:
    ((candidate: Candidate, model: CanaryModel, prompts: readonly Uint32Array[]) => Promise<Float32Array[]>) | null
}

/** Keys as hex. One identity may have gone by several. */
export interface GateKeys {
  status(key: string): KeyStatus
  isSame(a: string, b: string): boolean
}

/** A finding without a reason to refuse. */
export const passed = (message: string, figures?: Readonly<Record<string, number>>): Finding => ({
  outcome: 'passed',
  code: 'PASSED',
  message,
  ...(figures && { figures }),
})

export const refused = (
  code: GateCode,
  message: string,
  about: Pick<Finding, 'figures' | 'genomes'> = {},
): Finding => ({
  outcome: 'refused',
  code,
  message,
  ...about,
})

export const notRun = (code: GateCode, message: string, figures?: Readonly<Record<string, number>>): Finding => ({
  outcome: 'not-run',
  code,
  message,
  ...(figures && { figures }),
})
