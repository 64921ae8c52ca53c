// Family 6, infer: one node asks another for an answer and receives its tokens as they are made.

import { z } from 'zod/mini'
import {
  amount,
  cen,
  errorCodeField,
  fingerprint,
  hash,
  id16,
  integer,
  list,
  nodeKey,
  signature,
  text,
  timestamp,
  u32,
} from '../fields.ts'
import { definePeerMessage } from '../message.ts'
import { defineObject, objectField } from '../signed-object.ts'

const MAX_PROMPT = 256 * 1024
/** Stages of a placement, at most: one a node of a full room. */
const MAX_STAGES = 64

/** Tokens of an answer that another one goes on from, at most. */
const MAX_KEPT = 65_536
/** Stretches that a cache was computed in: two a turn of a chat. */
const MAX_STRETCHES = 512

/** Nodes that may serve one answer: a full room without its asker. */
const MAX_SERVERS = 15

const MILLISECONDS = amount

/** In which kernel families, in which stretches, positions came into the cache: computed so again, they give the same bits. */
const PATH = list(z.strictObject({ family: z.enum(['prefill', 'decode']), tokens: u32 }), MAX_STRETCHES)

/** Where the time of a token went; by stage of the placement. */
const TIMING = z.strictObject({
  totalMs: MILLISECONDS,
  computeMs: list(MILLISECONDS, MAX_STAGES),
  networkMs: MILLISECONDS,
})

const USAGE = z.strictObject({ promptTokens: u32, tokens: u32 })

/** What an answer or a merge used and cost. Signed by the node that gave it and by the one that asked. */
export const USAGE_RECEIPT = defineObject({
  name: 'usage receipt',
  schema: z.strictObject({
    work: z.enum(['answer', 'merge']),
    request: id16,
    asker: nodeKey,
    server: nodeKey,
    model: hash,
    /** Genomes that were switched on or merged, whose lineage earns. */
    genomes: list(hash, 16),
    usage: USAGE,
    price: cen,
    /** Of the answer, as in DONE; of a merge, the id of the genome that came of it. */
    transcript: hash,
    at: timestamp,
  }),
  maxBytes: 1024,
})

const REQUEST = definePeerMessage({
  family: 'infer',
  index: 0,
  name: 'INFER_REQUEST',
  summary: 'Asks for an answer: which model, the prompt as text or messages, how many tokens, how to sample.',
  body: z.strictObject({
    /** Names the request in every later message about it; chosen by the asker. */
    request: id16,
    model: fingerprint,
    prompt: z.union([
      z.strictObject({ text: text(MAX_PROMPT) }),
      z.strictObject({
        messages: list(
          z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: text(MAX_PROMPT) }),
          1024,
        ),
      }),
    ]),
    maxTokens: integer(1, 1_000_000),
    sampling: z.strictObject({
      temperature: z.exactOptional(amount),
      topK: z.exactOptional(u32),
      topP: z.exactOptional(amount),
      minP: z.exactOptional(amount),
      repetitionPenalty: z.exactOptional(amount),
      seed: z.exactOptional(u32),
    }),
    /** Whether an end token ends the answer. */
    stopAtEnd: z.boolean(),
    /**
     * Goes on with an answer that ended early: the tokens it had, which count for sampling and are not sent again, and, where it
     * is known, how prompt and tokens were computed. `maxTokens` counts what is new.
     */
    continueFrom: z.exactOptional(z.strictObject({ tokens: list(u32, MAX_KEPT), path: z.exactOptional(PATH) })),
    /** CEN for the whole answer, at most; without it the answer must be free. */
    priceCap: z.exactOptional(cen),
  }),
  maxBody: 1024 * 1024,
  large: 'A prompt that fills a context of some 200,000 tokens.',
  rate: 'control',
})

const OFFER = definePeerMessage({
  family: 'infer',
  index: 1,
  name: 'INFER_OFFER',
  summary: 'Would answer: at what price and speed, and after how many others; sent again when the place changes.',
  body: z.strictObject({
    request: id16,
    /** CEN per 1,000 tokens. */
    price: z.strictObject({ prompt: cen, answer: cen }),
    tokensPerSecond: amount,
    /** Requests before this one. */
    position: u32,
    validMs: u32,
  }),
  maxBody: 256,
  rate: 'control',
})

const ACCEPT = definePeerMessage({
  family: 'infer',
  index: 2,
  name: 'INFER_ACCEPT',
  summary: 'The answer has begun; says how many tokens the prompt came to, and how it is computed.',
  body: z.strictObject({
    request: id16,
    promptTokens: u32,
    /** How the prompt is computed; an answer that shall go on elsewhere takes it along. */
    path: z.exactOptional(PATH),
  }),
  maxBody: 16 * 1024,
  rate: 'control',
})

const REJECT = definePeerMessage({
  family: 'infer',
  index: 3,
  name: 'INFER_REJECT',
  summary: 'There will be no answer, or no more of it, and why.',
  body: z.strictObject({ request: id16, code: errorCodeField, message: text(1024) }),
  maxBody: 4096,
  rate: 'control',
})

const TOKENS = definePeerMessage({
  family: 'infer',
  index: 4,
  name: 'INFER_TOKENS',
  summary: 'The next tokens of an answer, numbered from `first`, with their text and timing.',
  body: z.strictObject({
    request: id16,
    first: u32,
    tokens: list(u32, 256),
    /** What these tokens add; may be empty while a character is unfinished. */
    text: text(16 * 1024),
    /** One a token. */
    timings: list(TIMING, 256),
  }),
  maxBody: 256 * 1024,
  large: 'A batch of 256 tokens, with the times of up to 64 stages for each; one token is some hundred bytes.',
  rate: 'stream',
})

const DONE = definePeerMessage({
  family: 'infer',
  index: 5,
  name: 'INFER_DONE',
  summary: 'The answer is complete: how it ended, what it used, where the time went.',
  body: z.strictObject({
    request: id16,
    finish: z.enum(['end', 'length', 'context', 'cancelled']),
    usage: USAGE,
    timings: z.strictObject({
      prefillMs: MILLISECONDS,
      /** Medians over the decode steps. */
      msPerToken: MILLISECONDS,
      computeMs: list(MILLISECONDS, MAX_STAGES),
      networkMs: MILLISECONDS,
      bytesSent: amount,
    }),
    /**
     * Hash over question and tokens (`core/protocol/answer-transcript.ts`), and the receipts of the nodes that computed layers of
     * the answer; the sender's own follows as INFER_RECEIPT.
     */
    transcript: z.exactOptional(
      z.strictObject({
        hash,
        receipts: list(z.strictObject({ receipt: objectField(USAGE_RECEIPT), server: signature }), MAX_SERVERS),
      }),
    ),
  }),
  maxBody: 20 * 1024,
  rate: 'control',
})

const CANCEL = definePeerMessage({
  family: 'infer',
  index: 6,
  name: 'INFER_CANCEL',
  summary: 'The asker needs no more of an answer.',
  body: z.strictObject({ request: id16 }),
  maxBody: 64,
  rate: 'control',
})

const RECEIPT = definePeerMessage({
  family: 'infer',
  index: 7,
  name: 'INFER_RECEIPT',
  summary:
    'What an answer, or a part of its layers, used: signed by the one who proposes it, and when it comes back by both.',
  body: z.strictObject({
    receipt: objectField(USAGE_RECEIPT),
    server: z.nullable(signature),
    asker: z.nullable(signature),
  }),
  maxBody: 2048,
  rate: 'control',
})

export const INFER_MESSAGES = [REQUEST, OFFER, ACCEPT, REJECT, TOKENS, DONE, CANCEL, RECEIPT] as const
