// Family 8, genome: adapters are announced, found, merged by recipes that others can recompute, and judged by what they do
// on text that others hold.

import { z } from 'zod/mini'
import {
  amount,
  count,
  hash,
  id16,
  integer,
  list,
  nodeKey,
  real,
  share,
  signature,
  text,
  timestamp,
  u32,
} from '../fields.ts'
import { definePeerMessage } from '../message.ts'
import { defineObject, objectField } from '../signed-object.ts'

/** Parents of one genome, at most. */
const MAX_PARENTS = 8
const DOMAIN_NAME = text(64)
const LABEL = text(128)

/** What a genome is said to be; its manifest, which its author signed, is fetched as content. */
const SUMMARY = z.strictObject({
  genome: hash,
  name: LABEL,
  /** Fingerprint of the base model, and what it is called. */
  base: hash,
  baseName: LABEL,
  author: nodeKey,
  /** Manifest and tensors, as content. */
  content: hash,
  bytes: count,
  generation: integer(0, 64),
  licence: LABEL,
  /** Held-out loss in nats a token with and without it (null where that was not measured), by domain, as its author claims. */
  claims: list(z.strictObject({ domain: DOMAIN_NAME, loss: amount, baseLoss: z.nullable(amount) }), 16),
  /** When its author announced it: what was taken back before that counts again. */
  at: timestamp,
})

/** How to make a genome out of others. Whoever has the parents gets the same bytes. */
const RECIPE = z.strictObject({
  /** Fingerprint of the model that all of them change. */
  base: hash,
  operator: text(64),
  /** The genome that the operator takes for its base, where it takes one. */
  origin: z.nullable(hash),
  parents: list(hash, MAX_PARENTS),
  parameters: list(
    z.strictObject({
      name: text(64),
      value: z.union([real, z.boolean(), list(z.union([real, z.boolean()]), MAX_PARENTS)]),
    }),
    32,
  ),
  seed: count,
  /** 0 where the operator chooses. */
  rank: integer(0, 1024),
})

/** An author takes a genome back. */
export const GENOME_WITHDRAWAL = defineObject({
  name: 'genome withdrawal',
  schema: z.strictObject({ genome: hash, author: nodeKey, why: text(256), at: timestamp }),
  maxBytes: 1024,
})

/** What a genome did on text that only the evaluator has. */
export const EVALUATION = defineObject({
  name: 'evaluation',
  schema: z.strictObject({
    genome: hash,
    base: hash,
    evaluator: nodeKey,
    domain: DOMAIN_NAME,
    probes: u32,
    /** Mean change of loss in nats a token (below zero is better), and its bootstrap interval. */
    delta: real,
    low: real,
    high: real,
    confidence: share,
    at: timestamp,
  }),
  maxBytes: 512,
})

const ANNOUNCE = definePeerMessage({
  family: 'genome',
  index: 0,
  name: 'GENOME_ANNOUNCE',
  summary: 'There is a genome: its id, its base, where its bytes are, and what its author claims.',
  body: z.strictObject({ genome: SUMMARY }),
  maxBody: 8 * 1024,
  rate: 'control',
})

const QUERY = definePeerMessage({
  family: 'genome',
  index: 1,
  name: 'GENOME_QUERY',
  summary: 'Asks for genomes of a base model, of one domain or any, from an id on.',
  body: z.strictObject({
    query: u32,
    base: hash,
    domain: z.nullable(DOMAIN_NAME),
    after: z.nullable(hash),
    limit: integer(1, 32),
  }),
  maxBody: 512,
  rate: 'control',
})

const LIST = definePeerMessage({
  family: 'genome',
  index: 2,
  name: 'GENOME_LIST',
  summary: 'Answers a query, in order of id; says whether there are more.',
  body: z.strictObject({ query: u32, genomes: list(SUMMARY, 32), more: z.boolean() }),
  maxBody: 256 * 1024,
  large: 'A page of 32 genomes, each with all the claims that it may make.',
  rate: 'control',
})

const WITHDRAW = definePeerMessage({
  family: 'genome',
  index: 3,
  name: 'GENOME_WITHDRAW',
  summary: 'Its author takes a genome back: it is spread no further.',
  body: z.strictObject({ withdrawal: objectField(GENOME_WITHDRAWAL), signature }),
  maxBody: 2048,
  rate: 'control',
})

const MERGE_PROPOSE = definePeerMessage({
  family: 'genome',
  index: 4,
  name: 'GENOME_MERGE_PROPOSE',
  summary: 'Asks another node to carry out a merge: operator, parents, parameters, seed.',
  body: z.strictObject({ proposal: id16, recipe: RECIPE }),
  maxBody: 16 * 1024,
  rate: 'control',
})

const MERGE_RESULT = definePeerMessage({
  family: 'genome',
  index: 5,
  name: 'GENOME_MERGE_RESULT',
  summary: 'What a recipe led to: the id that whoever repeats it will find again.',
  body: z.strictObject({
    /** Null where nobody asked. */
    proposal: z.nullable(id16),
    recipe: RECIPE,
    /** Id of the merge: a hash of all that its result depends on. */
    merge: hash,
    /** SHA-256 of the merged tensors' file. */
    tensors: hash,
    genome: SUMMARY,
  }),
  maxBody: 24 * 1024,
  rate: 'control',
})

const EVAL_REQUEST = definePeerMessage({
  family: 'genome',
  index: 6,
  name: 'GENOME_EVAL_REQUEST',
  summary: 'Asks another node what genomes do on its own text of a domain.',
  body: z.strictObject({ request: id16, genomes: list(hash, 16), domain: DOMAIN_NAME, probes: u32 }),
  maxBody: 1024,
  rate: 'control',
})

const EVAL_REPORT = definePeerMessage({
  family: 'genome',
  index: 7,
  name: 'GENOME_EVAL_REPORT',
  summary: 'What a genome changed on text that the evaluator holds, with the interval, signed.',
  body: z.strictObject({ request: z.nullable(id16), evaluation: objectField(EVALUATION), signature }),
  maxBody: 1024,
  rate: 'control',
})

export const GENOME_MESSAGES = [
  ANNOUNCE,
  QUERY,
  LIST,
  WITHDRAW,
  MERGE_PROPOSE,
  MERGE_RESULT,
  EVAL_REQUEST,
  EVAL_REPORT,
] as const
