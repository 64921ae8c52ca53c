// Family 6, infer: one node asks another for an answer and receives its tokens as they are made.

import { z } from 'zod/mini'
import { amount, errorCodeField, fingerprint, id16, integer, list, text, u32 } from '../fields.ts'
import { defineMessage } from '../message.ts'

const MAX_PROMPT = 256 * 1024
/** Stages of a placement, at most: one a node of a full room. */
const MAX_STAGES = 64

const MILLISECONDS = amount

/** Where the time of a token went; by stage of the placement. */
const TIMING = z.strictObject({
  totalMs: MILLISECONDS,
  computeMs: list(MILLISECONDS, MAX_STAGES),
  networkMs: MILLISECONDS,
})

const REQUEST = defineMessage({
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
  }),
  tail: 'none',
  maxBody: 1024 * 1024,
  maxTail: 0,
  rate: 'control',
  states: ['open'],
  direction: 'any',
})

const ACCEPT = defineMessage({
  family: 'infer',
  index: 2,
  name: 'INFER_ACCEPT',
  summary: 'The answer has begun; says how many tokens the prompt came to.',
  body: z.strictObject({ request: id16, promptTokens: u32 }),
  tail: 'none',
  maxBody: 128,
  maxTail: 0,
  rate: 'control',
  states: ['open'],
  direction: 'any',
})

const REJECT = defineMessage({
  family: 'infer',
  index: 3,
  name: 'INFER_REJECT',
  summary: 'There will be no answer, or no more of it, and why.',
  body: z.strictObject({ request: id16, code: errorCodeField, message: text(1024) }),
  tail: 'none',
  maxBody: 4096,
  maxTail: 0,
  rate: 'control',
  states: ['open'],
  direction: 'any',
})

const TOKENS = defineMessage({
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
  tail: 'none',
  maxBody: 256 * 1024,
  maxTail: 0,
  rate: 'stream',
  states: ['open'],
  direction: 'any',
})

const DONE = defineMessage({
  family: 'infer',
  index: 5,
  name: 'INFER_DONE',
  summary: 'The answer is complete: how it ended, what it used, where the time went.',
  body: z.strictObject({
    request: id16,
    finish: z.enum(['end', 'length', 'context', 'cancelled']),
    usage: z.strictObject({ promptTokens: u32, tokens: u32 }),
    timings: z.strictObject({
      prefillMs: MILLISECONDS,
      /** Medians over the decode steps. */
      msPerToken: MILLISECONDS,
      computeMs: list(MILLISECONDS, MAX_STAGES),
      networkMs: MILLISECONDS,
      bytesSent: amount,
    }),
  }),
  tail: 'none',
  maxBody: 4096,
  maxTail: 0,
  rate: 'control',
  states: ['open'],
  direction: 'any',
})

const CANCEL = defineMessage({
  family: 'infer',
  index: 6,
  name: 'INFER_CANCEL',
  summary: 'The asker needs no more of an answer.',
  body: z.strictObject({ request: id16 }),
  tail: 'none',
  maxBody: 64,
  maxTail: 0,
  rate: 'control',
  states: ['open'],
  direction: 'any',
})

export const INFER_MESSAGES = [REQUEST, ACCEPT, REJECT, TOKENS, DONE, CANCEL] as const
