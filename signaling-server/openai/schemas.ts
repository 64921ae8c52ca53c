// Requests as OpenAI's API has them (https://platform.openai.com/docs/api-reference), as far as nodes can follow them. What would
// change an answer and cannot be followed is refused by name; what only describes a request is read over.

import { MAX_INPUTS, MAX_MESSAGES, MAX_QUESTION, MAX_STOP, MAX_STOPS, MOST_TOKENS } from '#core/door/messages.ts'
import { z } from 'zod'

export const MOST_CHOICES = 8

const model = z.string().min(1).max(256)
const text = z.string().max(MAX_QUESTION)
const tokens = z.int().min(1).max(MOST_TOKENS)
/** Absent and null mean the same. */
const optional = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value) => (value ?? undefined) as z.output<Schema> | undefined)

/** Allowed only where it changes nothing. */
function only(neutral: (value: unknown) => boolean, message: string) {
  return z.optional(z.unknown().refine((value) => value === undefined || value === null || neutral(value), { message }))
}
const isFalse = (value: unknown) => value === false
const isZero = (value: unknown) => value === 0
const isEmpty = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === 0

const sampling = {
  temperature: optional(z.number().min(0).max(2)),
  top_p: optional(z.number().gt(0).max(1)),
  seed: optional(z.int()),
  /** These three as vLLM and llama.cpp call them. */
  top_k: optional(z.int().min(0).max(1_000_000)),
  min_p: optional(z.number().min(0).max(1)),
  repetition_penalty: optional(z.number().gt(0).max(10)),
  stop: optional(
    z.union([
      z
        .string()
        .min(1)
        .max(MAX_STOP)
        .transform((stop) => [stop]),
      z.array(z.string().min(1).max(MAX_STOP)).max(MAX_STOPS),
    ]),
  ),
  n: optional(z.int().min(1).max(MOST_CHOICES)),
  stream: optional(z.boolean()),
  stream_options: optional(z.object({ include_usage: optional(z.boolean()) })),
  frequency_penalty: only(isZero, 'is not offered; use repetition_penalty instead'),
  presence_penalty: only(isZero, 'is not offered; use repetition_penalty instead'),
  logit_bias: only(isEmpty, 'is not offered'),
}

const part = z.object({
  type: z.literal('text', { error: 'may only be text; images and sound are not read' }),
  text,
})
const content = z
  .union([text, z.array(part).max(64)])
  .transform((value) => (typeof value === 'string' ? value : value.map((piece) => piece.text).join('\n')))

const message = z.discriminatedUnion(
  'role',
  [
    z.object({ role: z.literal('system'), content }),
    z.object({ role: z.literal('developer').transform(() => 'system' as const), content }),
    z.object({ role: z.literal('user'), content }),
    z.object({ role: z.literal('assistant'), content }),
  ],
  { error: 'has a role of system, developer, user or assistant; tools are not offered' },
)

export const chatSchema = z.object({
  model,
  messages: z.array(message).min(1).max(MAX_MESSAGES),
  max_tokens: optional(tokens),
  max_completion_tokens: optional(tokens),
  ...sampling,
  tools: only((value) => Array.isArray(value) && value.length === 0, 'are not offered'),
  functions: only((value) => Array.isArray(value) && value.length === 0, 'are not offered'),
  logprobs: only(isFalse, 'are not offered'),
  top_logprobs: only(isZero, 'are not offered'),
  audio: only(() => false, 'is not offered'),
  response_format: only(
    (value) => typeof value === 'object' && value !== null && 'type' in value && value.type === 'text',
    'may only be text',
  ),
})

export const completionSchema = z.object({
  model,
  prompt: z.union([text.transform((prompt) => [prompt]), z.array(text).min(1).max(MOST_CHOICES)], {
    error: 'is a text or a list of some; token ids are not taken, because every model has its own',
  }),
  max_tokens: optional(tokens),
  ...sampling,
  best_of: only((value) => value === 1, 'is not offered'),
  echo: only(isFalse, 'is not offered'),
  logprobs: only(isZero, 'are not offered'),
  suffix: only((value) => value === '', 'is not offered'),
})

export const embeddingSchema = z.object({
  model,
  input: z.union([text.min(1).transform((input) => [input]), z.array(text.min(1)).min(1).max(MAX_INPUTS)], {
    error: `is a text or a list of at most ${MAX_INPUTS}, none of them empty; token ids are not taken`,
  }),
  encoding_format: optional(z.enum(['float', 'base64'])),
  dimensions: only(() => false, 'is not offered: an embedding is as long as its model is wide'),
})

export type Sampled = Pick<z.output<typeof completionSchema>, keyof typeof sampling>
