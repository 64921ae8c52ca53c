// What the command line reads of a node's state, events and results. A page is another program: everything it says is
// parsed, and the parts named here must be there.

import { z } from 'zod'

export const rangeSchema = z.object({ first: z.int(), last: z.int() })

export const stageSchema = z.object({
  nodeId: z.string(),
  range: rangeSchema,
  bytes: z.number(),
  status: z.string(),
  progress: z.number(),
})

export const gpuSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('starting') }),
  z.object({ kind: z.literal('ready'), vendor: z.string(), architecture: z.string(), description: z.string() }),
  z.object({ kind: z.literal('none'), message: z.string(), remedy: z.string() }),
])

export const stateSchema = z.object({
  id: z.string(),
  name: z.string(),
  gpu: gpuSchema,
  peers: z.array(z.object({ id: z.string(), name: z.string(), link: z.string(), light: z.boolean(), gpu: z.string() })),
  models: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      status: z.string(),
      progress: z.number(),
      sizeBytes: z.number(),
      config: z.object({ width: z.int(), layers: z.int() }).nullable(),
      chat: z.optional(z.boolean()),
    }),
  ),
  placement: z.object({ modelId: z.string(), layers: z.int(), stages: z.array(stageSchema) }).nullable(),
  notices: z.array(z.object({ level: z.string(), message: z.string() })),
})
export type TabState = z.infer<typeof stateSchema>

const timingSchema = z.object({
  totalMs: z.number(),
  computeMs: z.array(z.number()),
  networkMs: z.number(),
})

export const eventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('state'), state: stateSchema }),
  z.object({ type: z.literal('queue'), position: z.number(), tokensPerSecond: z.optional(z.number()) }),
  z.object({ type: z.literal('prefill'), done: z.number(), total: z.number() }),
  z.object({ type: z.literal('recovery'), state: z.string(), message: z.string() }),
  z.object({ type: z.literal('token'), token: z.int(), text: z.string(), timing: timingSchema }),
])
export type TabEvent = z.infer<typeof eventSchema>

export const resultSchema = z.object({
  text: z.string(),
  tokens: z.array(z.int()),
  promptTokens: z.int(),
  finish: z.string(),
  prefillMs: z.number(),
  msPerToken: z.number(),
  computeMs: z.array(z.number()),
  networkMs: z.number(),
  bytesSent: z.number(),
  stages: z.array(stageSchema),
  drafts: z.optional(z.object({ handedIn: z.int(), held: z.int() })),
  logitsDigests: z.array(z.string()),
})
export type AnswerResult = z.infer<typeof resultSchema>

/** With what the driver measures in the page: from the request to its first token. */
export const timedResultSchema = resultSchema.extend({ firstTokenMs: z.number().nullable() })
export type TimedAnswer = z.infer<typeof timedResultSchema>

export const outcomeSchema = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), value: z.unknown() }),
  z.object({ ok: z.literal(false), code: z.string(), message: z.string() }),
])
