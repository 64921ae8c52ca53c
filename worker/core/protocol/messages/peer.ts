// Family 3, peer: what nodes tell each other about themselves.

import { z } from 'zod/mini'
import { amount, count, displayName, fingerprint, list, text } from '../fields.ts'
import { defineMessage } from '../message.ts'

const CAPABILITIES = defineMessage({
  family: 'peer',
  index: 4,
  name: 'PEER_CAPABILITIES',
  summary: 'A node’s name, GPU, memory and measured speed, and the models it can answer with at once.',
  body: z.strictObject({
    name: displayName,
    /** Without a usable GPU. */
    light: z.boolean(),
    gpu: text(256),
    /** What it offers for weights and caches. */
    budgetBytes: count,
    /** Weight bytes it reads per second in decode. */
    bytesPerSecond: amount,
    models: list(z.strictObject({ id: text(256), title: text(256), fingerprint }), 64),
  }),
  tail: 'none',
  maxBody: 64 * 1024,
  maxTail: 0,
  rate: 'control',
  states: ['open'],
  direction: 'any',
})

export const PEER_MESSAGES = [CAPABILITIES] as const
