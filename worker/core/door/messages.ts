// What a node that offers itself as a door and its server say to each other, over a WebSocket of their own: CBOR in its
// deterministic form, every field bounded, nothing else understood. The server passes questions of its HTTP clients in, the
// node passes answers out; neither side is asked anything that it has not offered.

import { CentramError } from '#core/errors.ts'
import { decodeCanonical, encodeCanonical } from '#core/crypto/canonical.ts'
import {
  amount,
  byteString,
  count,
  displayName,
  errorCodeField,
  hash,
  integer,
  list,
  nodeKey,
  nonce,
  reason,
  signature,
  text,
  u32,
} from '#core/protocol/fields.ts'
import { z } from 'zod/mini'

export const DOOR_VERSION = 1
export const DOOR_PATH = '/door'

/** Either side closes on a larger frame. */
export const MAX_DOOR_FRAME = 2 * 1024 * 1024
/** UTF-16 units of a question, all of its messages together. */
export const MAX_QUESTION = 512 * 1024
export const MAX_MESSAGES = 1024
export const MAX_INPUTS = 64
export const MAX_STOPS = 4
export const MAX_STOP = 256
export const MAX_MODELS = 256
export const MAX_KEYS = 64
/** Tokens of one answer. */
export const MOST_TOKENS = 131_072

/** Chosen by the server, never twice in a connection. */
const ask = u32
const modelName = text(256)

const sampling = z.strictObject({
  temperature: z.exactOptional(amount),
  topK: z.exactOptional(integer(0, 1_000_000)),
  topP: z.exactOptional(amount),
  minP: z.exactOptional(amount),
  repetitionPenalty: z.exactOptional(amount),
  seed: z.exactOptional(count),
})

const prompt = z.union([
  z.strictObject({ text: text(MAX_QUESTION) }),
  z.strictObject({
    messages: list(
      z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: text(MAX_QUESTION) }),
      MAX_MESSAGES,
    ),
  }),
])

const usage = z.strictObject({
  promptTokens: count,
  /** Of them, those that a cache had already. */
  keptTokens: count,
  tokens: count,
})
export type DoorUsage = z.infer<typeof usage>

const FROM_SERVER = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('challenge'), version: integer(1, 1000), nonce }),
  /** It is registered, and clients are served from now on. */
  z.strictObject({ type: z.literal('welcome') }),
  /** Said every 20 seconds, so that a server that is gone is noticed. */
  z.strictObject({ type: z.literal('beat') }),
  z.strictObject({
    type: z.literal('ask'),
    ask,
    /** SHA-256 of the API key that the client showed. */
    key: hash,
    model: modelName,
    prompt,
    maxTokens: integer(0, MOST_TOKENS),
    sampling,
    stop: list(text(MAX_STOP), MAX_STOPS),
  }),
  z.strictObject({
    type: z.literal('embed'),
    ask,
    key: hash,
    model: modelName,
    inputs: list(text(MAX_QUESTION), MAX_INPUTS),
  }),
  /** The client is gone, or reads nothing. */
  z.strictObject({ type: z.literal('cancel'), ask }),
  /** The server closes next. */
  z.strictObject({ type: z.literal('refused'), code: errorCodeField, message: reason }),
])

const offeredModel = z.strictObject({
  /** As clients address it: a model's id, or `model:adapter`. */
  name: modelName,
  title: text(256),
  /** Whether this node can give embeddings with it. */
  embeds: z.boolean(),
})
export type OfferedDoorModel = z.infer<typeof offeredModel>

const FROM_NODE = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('register'),
    key: nodeKey,
    name: displayName,
    /** The server's address as this node knows it, which is signed along: a server cannot pass a challenge on as its own. */
    host: text(512),
    signature,
  }),
  /** All that is offered from now on, in place of what was before. */
  z.strictObject({ type: z.literal('offer'), models: list(offeredModel, MAX_MODELS), keys: list(hash, MAX_KEYS) }),
  z.strictObject({ type: z.literal('text'), ask, text: text(256 * 1024) }),
  z.strictObject({ type: z.literal('done'), ask, finish: z.enum(['stop', 'length', 'cancelled']), usage }),
  /** f32, little-endian. */
  z.strictObject({ type: z.literal('vector'), ask, index: integer(0, MAX_INPUTS - 1), values: byteString(256 * 1024) }),
  /** An ask that ends without an answer. */
  z.strictObject({ type: z.literal('failed'), ask, code: errorCodeField, message: reason }),
])

export type FromServer = z.infer<typeof FROM_SERVER>
export type FromNode = z.infer<typeof FROM_NODE>
export type DoorAsk = Extract<FromServer, { type: 'ask' }>
export type DoorEmbed = Extract<FromServer, { type: 'embed' }>

export function encodeDoor(message: FromServer | FromNode): Uint8Array<ArrayBuffer> {
  const bytes = encodeCanonical(message)
  if (bytes.length <= MAX_DOOR_FRAME) return bytes
  throw new CentramError('FRAME_TOO_LARGE', `A ${message.type} of ${bytes.length} bytes does not go through a door.`)
}

export const readFromServer = (bytes: Uint8Array) => read(FROM_SERVER, bytes, 'server')
export const readFromNode = (bytes: Uint8Array) => read(FROM_NODE, bytes, 'node')

function read<Schema extends z.ZodMiniType>(schema: Schema, bytes: Uint8Array, from: string): z.infer<Schema> {
  if (bytes.length > MAX_DOOR_FRAME) {
    throw new CentramError('FRAME_TOO_LARGE', `The ${from} sent ${bytes.length} bytes at once through the door.`)
  }
  const parsed = z.safeParse(schema, decodeCanonical(bytes))
  if (parsed.success) return parsed.data
  throw new CentramError('FRAME_INVALID', `The ${from} sent something through the door that is no message of it.`)
}

/** What a node signs to be a door of the server at `host`. */
export function doorClaim(challenge: Uint8Array, key: Uint8Array, host: string): Uint8Array<ArrayBuffer> {
  return encodeCanonical({ domain: 'centram door 1', challenge, key, host })
}
