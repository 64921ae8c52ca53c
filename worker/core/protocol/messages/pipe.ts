// Family 7, pipe: one model over several nodes. A plan places the layers, a commit opens a KV session on every stage,
// and each step's hidden state travels as raw f32 behind the body.

import { z } from 'zod/mini'
import {
  amount,
  count,
  errorCodeField,
  fingerprint,
  hash,
  id16,
  integer,
  list,
  nodeKey,
  share,
  text,
  u32,
} from '../fields.ts'
import { definePeerMessage } from '../message.ts'

/** Stages of a plan, at most: one a node of a full room. */
const MAX_STAGES = 64
/** Columns of one step, at most. */
const MAX_COLUMNS = 1024
/** Columns of one step that have a result, at most: those of a decode step. */
const MAX_RESULTS = 8
/** Open sessions of one asker on one stage, at most. */
const MAX_SESSIONS = 64
const MIB = 1024 * 1024

const LAYER = integer(0, 4096)
/** Place in the plan's list of stages. */
const STAGE = integer(0, MAX_STAGES - 1)
/** Milliseconds each stage so far spent computing this step, in order. */
const COMPUTE_MS = list(amount, MAX_STAGES)

const PLAN = definePeerMessage({
  family: 'pipe',
  index: 0,
  name: 'PIPE_PLAN',
  summary: 'Places a model’s layers over nodes; without stages it withdraws the plan of that id.',
  body: z.strictObject({
    plan: id16,
    model: z.strictObject({
      title: text(256),
      url: z.nullable(text(2048)),
      fingerprint,
      sizeBytes: count,
      /** The model's files as content, where the asker knows it: its chunks are then fetched from nodes too. */
      content: z.nullable(hash),
    }),
    contextLength: u32,
    /** Kernel shapes and wire format that every stage must share. */
    profile: text(1024),
    stages: list(z.strictObject({ node: nodeKey, first: LAYER, last: LAYER }), MAX_STAGES),
    /** Nodes that keep the layers of a stage ready, so that they can take it over at once. */
    spares: list(z.strictObject({ node: nodeKey, stage: STAGE }), MAX_STAGES),
  }),
  maxBody: 20 * 1024,
  rate: 'control',
})

const COMMIT = definePeerMessage({
  family: 'pipe',
  index: 1,
  name: 'PIPE_COMMIT',
  summary: 'Opens a KV session of a plan on a stage, which answers with a LOAD_STATUS for that session.',
  body: z.strictObject({ plan: id16, stage: STAGE, session: u32, contextLength: u32 }),
  maxBody: 256,
  rate: 'control',
})

const LOAD_STATUS = definePeerMessage({
  family: 'pipe',
  index: 2,
  name: 'PIPE_LOAD_STATUS',
  summary: 'How far a node is with loading a stage, with opening a session on it, or with handing it over.',
  body: z.strictObject({
    plan: id16,
    stage: STAGE,
    session: z.nullable(u32),
    state: z.enum(['waiting', 'loading', 'ready', 'failed']),
    progress: share,
    bytes: count,
    code: z.exactOptional(errorCodeField),
    message: z.exactOptional(text(1024)),
    /** With `failed`: the sender is well, and could not hand its result on to this node. */
    unreachable: z.exactOptional(nodeKey),
  }),
  maxBody: 4096,
  rate: 'stream',
})

const ACTIVATION = definePeerMessage({
  family: 'pipe',
  index: 3,
  name: 'PIPE_ACTIVATION',
  summary: 'The hidden state of one step, from a stage to the next: f32 [columns, width].',
  body: z.strictObject({
    plan: id16,
    /** The stage that takes it. */
    stage: STAGE,
    session: u32,
    step: u32,
    /** Of the first column. */
    position: u32,
    columns: integer(1, MAX_COLUMNS),
    family: z.enum(['prefill', 'decode']),
    output: z.enum(['none', 'token', 'top', 'logits', 'states']),
    /** Of which columns: the last alone, or (in decode) each, which is how drafts are verified. */
    results: z.enum(['last', 'each']),
    /** In a replay: the last stage that computes it. It only fills caches, and nobody answers. */
    until: z.exactOptional(STAGE),
    computeMs: COMPUTE_MS,
  }),
  tail: 'f32',
  maxBody: 1024,
  maxTail: 16 * MIB,
  large: '1,024 columns of a model 4,096 wide. A step travels whole, because its columns are computed together.',
  rate: 'tensor',
  tailFits: (body, tailBytes) => tailBytes > 0 && tailBytes % (4 * body.columns) === 0,
})

const LOGITS = definePeerMessage({
  family: 'pipe',
  index: 4,
  name: 'PIPE_LOGITS',
  summary:
    'What the last stage made of a step: nothing, or of its last or of each column the token, the top candidates or every logit, or the states of all.',
  body: z.strictObject({
    plan: id16,
    session: u32,
    step: u32,
    kind: z.enum(['none', 'token', 'top', 'logits', 'states']),
    /** That have a result: of `states` all of a step, else those of a decode step at most. */
    columns: integer(0, MAX_COLUMNS),
    /** One a column, with kind `token`. */
    tokens: z.exactOptional(list(u32, MAX_RESULTS)),
    computeMs: COMPUTE_MS,
  }),
  tail: 'u32-f32',
  maxBody: 1024,
  maxTail: 8 * MIB,
  large: 'Every logit of eight columns over a vocabulary of 262,144 tokens.',
  rate: 'tensor',
  // Column by column. `top`: n ids as u32, then their n logits as f32. `logits`: f32 a token of the vocabulary. `states`: f32
  // a value of the model's width.
  tailFits: ({ kind, columns, tokens }, tailBytes) => {
    if (tokens?.length !== (kind === 'token' ? columns : undefined)) return false
    if ((kind === 'none') !== (columns === 0) || (kind !== 'states' && columns > MAX_RESULTS)) return false
    if (kind === 'none' || kind === 'token') return tailBytes === 0
    return tailBytes > 0 && tailBytes % ((kind === 'top' ? 8 : 4) * columns) === 0
  },
})

const KV_TRIM = definePeerMessage({
  family: 'pipe',
  index: 5,
  name: 'PIPE_KV_TRIM',
  summary: 'Forgets every position of a session from `length` on, or (release) the whole session.',
  /** `step`: the first step not yet sent. A trim and an activation take different links, so a later step overrules it. */
  body: z.strictObject({ plan: id16, session: u32, step: u32, length: u32, release: z.boolean() }),
  maxBody: 128,
  rate: 'control',
})

const AUDIT = definePeerMessage({
  family: 'pipe',
  index: 6,
  name: 'PIPE_AUDIT',
  summary:
    'Asks (null) or tells the SHA-256 of the hidden state that a stage made of a step, so that it can be recomputed.',
  body: z.strictObject({ plan: id16, session: u32, step: u32, stage: STAGE, digest: z.nullable(hash) }),
  maxBody: 256,
  rate: 'control',
})

const FAILOVER = definePeerMessage({
  family: 'pipe',
  index: 7,
  name: 'PIPE_FAILOVER',
  summary:
    'Hands a stage to another node, or copies what it was given; who holds the stage before it sends that again. ' +
    'Answered with a LOAD_STATUS of the stage: `waiting` where what it was given is no longer kept.',
  body: z.strictObject({
    plan: id16,
    stage: STAGE,
    lost: nodeKey,
    node: nodeKey,
    first: LAYER,
    last: LAYER,
    /** `copy`: the stage stays where it is, and `node` computes it as well, for an audit. */
    mode: z.enum(['take', 'copy']),
    /** Of open sessions: up to which position their inputs are sent again, in the chunks of the first time. */
    replay: list(z.strictObject({ session: u32, length: u32 }), MAX_SESSIONS),
    /** The last stage that the replay goes through: several in a row may have been lost. */
    until: STAGE,
  }),
  maxBody: 2048,
  rate: 'control',
})

export const PIPE_MESSAGES = [PLAN, COMMIT, LOAD_STATUS, ACTIVATION, LOGITS, KV_TRIM, AUDIT, FAILOVER] as const
