// Family 7, pipe: one model over several nodes. A plan places the layers, a commit opens a KV session on every stage,
// and each step's hidden state travels as raw f32 behind the body.

import { z } from 'zod/mini'
import { amount, count, errorCodeField, fingerprint, id16, integer, list, nodeKey, text, u32 } from '../fields.ts'
import { defineMessage } from '../message.ts'

/** Stages of a plan, at most: one a node of a full room. */
const MAX_STAGES = 64
/** Columns of one step, at most. */
const MAX_COLUMNS = 1024
const MIB = 1024 * 1024

const LAYER = integer(0, 4096)
/** Milliseconds each stage so far spent computing this step, in order. */
const COMPUTE_MS = list(amount, MAX_STAGES)

const PLAN = defineMessage({
  family: 'pipe',
  index: 0,
  name: 'PIPE_PLAN',
  summary: 'Places a model’s layers over nodes; without stages it withdraws the plan of that id.',
  body: z.strictObject({
    plan: id16,
    model: z.strictObject({ title: text(256), url: z.nullable(text(2048)), fingerprint, sizeBytes: count }),
    contextLength: u32,
    /** Kernel shapes and wire format that every stage must share. */
    profile: text(1024),
    stages: list(z.strictObject({ node: nodeKey, first: LAYER, last: LAYER }), MAX_STAGES),
  }),
  tail: 'none',
  maxBody: 16 * 1024,
  maxTail: 0,
  rate: 'control',
  states: ['open'],
  direction: 'any',
})

const COMMIT = defineMessage({
  family: 'pipe',
  index: 1,
  name: 'PIPE_COMMIT',
  summary: 'Opens a KV session of a plan on a stage, which answers with a LOAD_STATUS for that session.',
  body: z.strictObject({ plan: id16, session: u32, contextLength: u32 }),
  tail: 'none',
  maxBody: 256,
  maxTail: 0,
  rate: 'control',
  states: ['open'],
  direction: 'any',
})

const LOAD_STATUS = defineMessage({
  family: 'pipe',
  index: 2,
  name: 'PIPE_LOAD_STATUS',
  summary: 'How far a stage is with loading its layers, or with opening a session.',
  body: z.strictObject({
    plan: id16,
    session: z.nullable(u32),
    state: z.enum(['waiting', 'loading', 'ready', 'failed']),
    /** 0 to 1. */
    progress: z.number().check(z.gte(0), z.lte(1)),
    bytes: count,
    code: z.exactOptional(errorCodeField),
    message: z.exactOptional(text(1024)),
  }),
  tail: 'none',
  maxBody: 4096,
  maxTail: 0,
  rate: 'stream',
  states: ['open'],
  direction: 'any',
})

const ACTIVATION = defineMessage({
  family: 'pipe',
  index: 3,
  name: 'PIPE_ACTIVATION',
  summary: 'The hidden state of one step, from a stage to the next: f32 [columns, width].',
  body: z.strictObject({
    plan: id16,
    session: u32,
    step: u32,
    /** Of the first column. */
    position: u32,
    columns: integer(1, MAX_COLUMNS),
    family: z.enum(['prefill', 'decode']),
    output: z.enum(['none', 'token', 'top', 'logits']),
    computeMs: COMPUTE_MS,
  }),
  tail: 'f32',
  maxBody: 1024,
  maxTail: 16 * MIB,
  rate: 'tensor',
  states: ['open'],
  direction: 'any',
  tailFits: (body, tailBytes) => tailBytes > 0 && tailBytes % (4 * body.columns) === 0,
})

const LOGITS = defineMessage({
  family: 'pipe',
  index: 4,
  name: 'PIPE_LOGITS',
  summary: 'What the last stage made of a step: nothing, the token, the top candidates, or every logit as f32.',
  body: z.strictObject({
    plan: id16,
    session: u32,
    step: u32,
    kind: z.enum(['none', 'token', 'top', 'logits']),
    /** With kind `token`. */
    token: z.exactOptional(u32),
    computeMs: COMPUTE_MS,
  }),
  tail: 'u32-f32',
  maxBody: 1024,
  maxTail: 4 * MIB,
  rate: 'tensor',
  states: ['open'],
  direction: 'any',
  // `top`: n ids as u32, then their n logits as f32. `logits`: f32 a token of the vocabulary.
  tailFits: (body, tailBytes) => {
    if ((body.kind === 'token') !== (body.token !== undefined)) return false
    if (body.kind === 'top') return tailBytes > 0 && tailBytes % 8 === 0
    return body.kind === 'logits' ? tailBytes > 0 : tailBytes === 0
  },
})

const KV_TRIM = defineMessage({
  family: 'pipe',
  index: 5,
  name: 'PIPE_KV_TRIM',
  summary: 'Forgets every position of a session from `length` on, or (release) the whole session.',
  /** `step`: the first step not yet sent. A trim and an activation take different links, so a later step overrules it. */
  body: z.strictObject({ plan: id16, session: u32, step: u32, length: u32, release: z.boolean() }),
  tail: 'none',
  maxBody: 128,
  maxTail: 0,
  rate: 'control',
  states: ['open'],
  direction: 'any',
})

export const PIPE_MESSAGES = [PLAN, COMMIT, LOAD_STATUS, ACTIVATION, LOGITS, KV_TRIM] as const
