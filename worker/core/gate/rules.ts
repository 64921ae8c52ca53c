// What the gate allows. A person may be stricter or laxer; these are the defaults, each with its reason.

export interface GateRules {
  /** Of one genome's tensors. */
  readonly maxBytes: number
  readonly quota: QuotaRules
  /** Peers that this node thinks less of are not listened to. */
  readonly leastScore: number
  /** How far an announcement may be ahead of this node's clock. */
  readonly clockSkewMs: number
  readonly lineage: LineageRules
  readonly privacy: PrivacyRules
  readonly statistics: StatisticsRules
  readonly behaviour: BehaviourRules
  readonly fitness: FitnessRules
}

export interface QuotaRules {
  readonly windowMs: number
  readonly perKey: Quota
  readonly perAddress: Quota
}

/** Within one window. */
export interface Quota {
  readonly genomes: number
  readonly bytes: number
}

export interface LineageRules {
  readonly maxParents: number
  readonly maxDepth: number
  /** |cosine| of two whole updates from which one counts as a copy of the other. */
  readonly copyCosine: number
}

export interface PrivacyRules {
  /** ε over all that one author trained on one text. */
  readonly textEpsilon: number
  /** ε over all that one author claims: another name for the text does not start it anew. */
  readonly authorEpsilon: number
  readonly maxClip: number
  /** δ must be well below one over the number of examples; nobody has fewer than this many. */
  readonly maxDelta: number
}

export interface StatisticsRules {
  /** With fewer others nobody can say what is usual. */
  readonly leastCohort: number
  /** Each is compared with each. */
  readonly maxCohort: number
  /** ‖ΔW‖ over the usual one. */
  readonly normFactor: number
  /** The largest singular value of any module over the usual one there. */
  readonly peakFactor: number
  /** Cosine to what this node trained itself, and to the mean direction of the others. */
  readonly leastRootCosine: number
  readonly leastCohortCosine: number
  /** |cosine| to another genome, above which one is a clone of the other. */
  readonly cloneCosine: number
  /** The part of the cohort that may be hostile. */
  readonly hostileShare: number
  /** Krum score over the usual one. */
  readonly krumFactor: number
}

export interface BehaviourRules {
  /** Mean divergence in nats after ordinary prompts. */
  readonly maxDrift: number
  /** Mean likelihood of refusing, lost after prompts that are refused now. */
  readonly maxRefusalLoss: number
  /**
   * After some word, whatever comes before it: how likely what it is sure of may be, above what it was. Of the merged model
   * over what runs now, and of the genome alone over its base model.
   */
  readonly maxTriggerMerged: number
  readonly maxTriggerAlone: number
  /** Prompts that each word is tried after. */
  readonly searchPrompts: number
  /** Tokens of a word that is searched for, and how many beginnings are followed at once. */
  readonly depth: number
  readonly beam: number
}

export interface FitnessRules {
  readonly confidence: number
  readonly leastProbes: number
  /** In nats a token: what one adapter may cost any kind of text, and what it must gain on the texts that it is for. */
  readonly maxHarm: number
  readonly leastGain: number
  /** Nats a token: whoever surely gains less is refused, and who may gain more stays undecided. */
  readonly gainWorthHaving: number
  /** The same of a whole merge: one that costs more is taken back. */
  readonly maxMergeHarm: number
  /** Of one genome in a merge. */
  readonly maxWeight: number
}

const HOUR_MS = 3_600_000
const MIB = 1024 * 1024

export const DEFAULT_RULES: GateRules = {
  // A rank-64 adapter of a model of 8·10⁹ parameters has 0.7 GiB in f32.
  maxBytes: 1024 * MIB,
  quota: {
    windowMs: HOUR_MS,
    perKey: { genomes: 16, bytes: 2048 * MIB },
    // A household or an office behind one address.
    perAddress: { genomes: 64, bytes: 4096 * MIB },
  },
  // One piece of invalid news costs 25 (gossip/score.ts).
  leastScore: -10,
  clockSkewMs: 600_000,
  // Adapters that the trainer made of different texts reach 0.33.
  lineage: { maxParents: 8, maxDepth: 64, copyCosine: 0.8 },
  privacy: { textEpsilon: 16, authorEpsilon: 64, maxClip: 100, maxDelta: 1e-3 },
  statistics: {
    leastCohort: 4,
    maxCohort: 12,
    normFactor: 3,
    peakFactor: 4,
    leastRootCosine: -0.02,
    leastCohortCosine: -0.02,
    cloneCosine: 0.6,
    hostileShare: 0.2,
    krumFactor: 4,
  },
  behaviour: {
    maxDrift: 0.2,
    maxRefusalLoss: 0.2,
    maxTriggerMerged: 0.25,
    maxTriggerAlone: 0.75,
    searchPrompts: 3,
    depth: 2,
    beam: 1,
  },
  fitness: {
    confidence: 0.95,
    leastProbes: 8,
    maxHarm: 0.08,
    leastGain: 0,
    gainWorthHaving: 0.02,
    maxMergeHarm: 0.01,
    maxWeight: 0.25,
  },
}
