// Family 9, gate: what nodes tell each other of genomes they judged. Whatever a message says, a node merges only what passed
// its own gate; these are evidence and warnings.

import { z } from 'zod/mini'
import {
  amount,
  byteString,
  count,
  errorCodeField,
  hash,
  integer,
  list,
  nodeKey,
  real,
  reason,
  share,
  signature,
  text,
  timestamp,
  tuple,
  u32,
} from '../fields.ts'
import { definePeerMessage } from '../message.ts'
import { defineObject, objectField } from '../signed-object.ts'

/** Layers of the gate, in their order: admission, identity, freshness, … fitness. */
const LAYERS = 10
const MAX_EVIDENCE = 16 * 1024
/** A genome's manifest with its author's signature, as stored: 64 KiB and the signature. */
const MAX_SIGNED_MANIFEST = 64 * 1024 + 256

const LAYER = integer(1, LAYERS)

/** What an author claims of private training, as the accountants take it. */
export const DP_CLAIM = defineObject({
  name: 'differential privacy claim',
  schema: z.strictObject({
    genome: hash,
    author: nodeKey,
    /** Of the training text; a budget is spent by author and text. */
    dataHash: hash,
    mechanism: z.enum(['poisson-gaussian']),
    /** σ, the noise as a multiple of the clip. */
    noiseMultiplier: amount,
    /** q */
    sampleRate: share,
    /** T */
    steps: count,
    delta: share,
    clipNorm: amount,
    epsilon: amount,
    /** What one example is: a document, a person. */
    unit: text(64),
    at: timestamp,
  }),
  maxBytes: 768,
})

/** What the ten layers of one node's gate said of a genome. */
export const GATE_VERDICT = defineObject({
  name: 'gate verdict',
  schema: z.strictObject({
    genome: hash,
    judge: nodeKey,
    /** Of the gate's rules. */
    version: u32,
    /** No layer refused it. What could not run says so by its code. */
    accepted: z.boolean(),
    /** One a layer, in their order. */
    codes: tuple(z.strictObject({ outcome: z.enum(['passed', 'refused', 'not-run']), code: errorCodeField }), LAYERS),
    at: timestamp,
  }),
  maxBytes: 1024,
})

/** “This verdict is wrong, and here is why.” */
export const GATE_FAULT = defineObject({
  name: 'gate fault',
  schema: z.strictObject({
    /** SHA-256 of the verdict's encoding. */
    verdict: hash,
    genome: hash,
    challenger: nodeKey,
    layer: LAYER,
    code: errorCodeField,
    /** What the challenger found at that layer, as its code prescribes. */
    evidence: byteString(MAX_EVIDENCE),
    at: timestamp,
  }),
  maxBytes: MAX_EVIDENCE + 512,
})

/** “This genome comes from that one and does not say so.” */
export const LINEAGE_CLAIM = defineObject({
  name: 'lineage claim',
  schema: z.strictObject({
    genome: hash,
    /** The parent that it does not name. */
    parent: hash,
    claimant: nodeKey,
    /** Cosine of the two updates, over the tensors they share and at the worst of them. */
    cosine: real,
    worstCosine: real,
    at: timestamp,
  }),
  maxBytes: 320,
})

const DP_STATEMENT = definePeerMessage({
  family: 'gate',
  index: 0,
  name: 'GATE_DP_STATEMENT',
  summary: 'An author’s claim of private training: σ, q, T, δ and clip, from which ε is computed again.',
  body: z.strictObject({ claim: objectField(DP_CLAIM), signature }),
  maxBody: 1024,
  rate: 'control',
})

const VERDICT = definePeerMessage({
  family: 'gate',
  index: 1,
  name: 'GATE_VERDICT',
  summary: 'What a node’s gate said of a genome, a code for each of the ten layers, signed by the judge.',
  body: z.strictObject({ query: z.nullable(u32), verdict: objectField(GATE_VERDICT), signature }),
  maxBody: 2048,
  rate: 'control',
})

const VERDICT_QUERY = definePeerMessage({
  family: 'gate',
  index: 2,
  name: 'GATE_VERDICT_QUERY',
  summary: 'Asks for verdicts on a genome, those of one judge or all that are known.',
  body: z.strictObject({ query: u32, genome: hash, judge: z.nullable(nodeKey) }),
  maxBody: 128,
  rate: 'control',
})

const CHALLENGE = definePeerMessage({
  family: 'gate',
  index: 3,
  name: 'GATE_CHALLENGE',
  summary: 'Disputes a verdict with evidence from one layer, signed by the challenger.',
  body: z.strictObject({ fault: objectField(GATE_FAULT), signature }),
  maxBody: MAX_EVIDENCE + 1024,
  rate: 'control',
})

const REPLY = definePeerMessage({
  family: 'gate',
  index: 4,
  name: 'GATE_REPLY',
  summary: 'The judge’s answer to a challenge: the verdict stands, is replaced, or was not reproduced.',
  body: z.strictObject({
    /** SHA-256 of the challenge's fault. */
    fault: hash,
    outcome: z.enum(['stands', 'replaced', 'not-reproduced']),
    message: reason,
    verdict: z.nullable(z.strictObject({ verdict: objectField(GATE_VERDICT), signature })),
  }),
  maxBody: 4096,
  rate: 'control',
})

const LINEAGE_REQUEST = definePeerMessage({
  family: 'gate',
  index: 5,
  name: 'GATE_LINEAGE_REQUEST',
  summary: 'Asks for the ancestors of a genome, from one of them on, so many generations deep.',
  body: z.strictObject({ query: u32, genome: hash, after: z.nullable(hash), depth: integer(1, 64) }),
  maxBody: 160,
  rate: 'control',
})

const LINEAGE = definePeerMessage({
  family: 'gate',
  index: 6,
  name: 'GATE_LINEAGE',
  summary: 'Signed manifests of ancestors, children first: each is proven by the child that names its hash.',
  body: z.strictObject({
    query: u32,
    genome: hash,
    ancestors: list(byteString(MAX_SIGNED_MANIFEST), 64),
    more: z.boolean(),
  }),
  maxBody: 256 * 1024,
  large: 'A manifest may have 64 KiB, and most have two: a few of the largest fit, and `more` goes on from there.',
  rate: 'control',
})

const LINEAGE_DISPUTE = definePeerMessage({
  family: 'gate',
  index: 7,
  name: 'GATE_LINEAGE_DISPUTE',
  summary: 'A genome comes from one that it does not name as a parent, signed by who claims it.',
  body: z.strictObject({ claim: objectField(LINEAGE_CLAIM), signature }),
  maxBody: 512,
  rate: 'control',
})

export const GATE_MESSAGES = [
  DP_STATEMENT,
  VERDICT,
  VERDICT_QUERY,
  CHALLENGE,
  REPLY,
  LINEAGE_REQUEST,
  LINEAGE,
  LINEAGE_DISPUTE,
] as const
