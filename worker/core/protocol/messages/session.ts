// Family 0, session: how two nodes prove who they are, stay in touch and part.

import { z } from 'zod/mini'
import {
  bytes,
  errorCodeField,
  id16,
  integer,
  list,
  nodeKey,
  nonce,
  signature,
  text,
  timestamp,
  u32,
} from '../fields.ts'
import { defineMessage } from '../message.ts'
import { defineObject, objectField } from '../signed-object.ts'

const FEATURES = list(text(32), 32)

/** Keys that one identity may go through, at most, its first one not counted. */
export const MAX_ROTATIONS = 64

/** “The node with key `from` goes on under key `to`.” Signed by both. */
export const KEY_ROTATION = defineObject({
  name: 'key rotation',
  schema: z.strictObject({
    from: nodeKey,
    to: nodeKey,
    /** 1 for the first rotation of an identity, and one more each time. */
    generation: integer(1, MAX_ROTATIONS),
    at: timestamp,
  }),
  maxBytes: 128,
})

const HELLO = defineMessage({
  family: 'session',
  index: 0,
  name: 'SESSION_HELLO',
  summary: 'Opens a link: versions spoken, the sender’s key, whom it means to reach, a fresh nonce, features offered.',
  body: z.strictObject({ versions: list(u32, 8), key: nodeKey, to: nodeKey, nonce, features: FEATURES }),
  tail: 'none',
  maxBody: 2048,
  maxTail: 0,
  rate: 'handshake',
  states: ['greeting'],
  direction: 'initiator',
})

const HELLO_ACK = defineMessage({
  family: 'session',
  index: 1,
  name: 'SESSION_HELLO_ACK',
  summary: 'Answers HELLO: the version and features chosen, the answerer’s key and nonce.',
  body: z.strictObject({ version: u32, key: nodeKey, to: nodeKey, nonce, features: FEATURES }),
  tail: 'none',
  maxBody: 2048,
  maxTail: 0,
  rate: 'handshake',
  states: ['greeting'],
  direction: 'responder',
})

const AUTH = defineMessage({
  family: 'session',
  index: 2,
  name: 'SESSION_AUTH',
  summary: 'Signs the transcript of the greeting, both DTLS fingerprints included, and proves the room’s secret.',
  body: z.strictObject({ transcript: bytes(32), proof: z.nullable(bytes(64)) }),
  tail: 'none',
  maxBody: 256,
  maxTail: 0,
  rate: 'handshake',
  states: ['proving'],
  direction: 'any',
})

const KEY_ROTATE = defineMessage({
  family: 'session',
  index: 3,
  name: 'SESSION_KEY_ROTATE',
  summary: 'Names the key under which the sender goes on, signed by the old key and by the new one.',
  body: z.strictObject({ rotation: objectField(KEY_ROTATION), signature, successor: signature }),
  tail: 'none',
  maxBody: 512,
  maxTail: 0,
  rate: 'handshake',
  states: ['open'],
  direction: 'any',
})

const PING = defineMessage({
  family: 'session',
  index: 4,
  name: 'SESSION_PING',
  summary: 'Asks for a PONG with the same number: shows that the other side lives, and how far it is.',
  body: z.strictObject({ ping: u32 }),
  tail: 'none',
  maxBody: 32,
  maxTail: 0,
  rate: 'heartbeat',
  states: ['open', 'registered'],
  direction: 'any',
})

const PONG = defineMessage({
  family: 'session',
  index: 5,
  name: 'SESSION_PONG',
  summary: 'Answers one PING.',
  body: z.strictObject({ ping: u32 }),
  tail: 'none',
  maxBody: 32,
  maxTail: 0,
  rate: 'heartbeat',
  states: ['open', 'registered'],
  direction: 'any',
})

const GOODBYE = defineMessage({
  family: 'session',
  index: 6,
  name: 'SESSION_GOODBYE',
  summary: 'Ends a session on purpose, with the reason and a token by which it may be resumed.',
  body: z.strictObject({ reason: z.enum(['leaving', 'replaced', 'shutdown']), resume: z.nullable(id16) }),
  tail: 'none',
  maxBody: 128,
  maxTail: 0,
  rate: 'control',
  states: ['open', 'registered'],
  direction: 'any',
})

const ERROR = defineMessage({
  family: 'session',
  index: 7,
  name: 'SESSION_ERROR',
  summary: 'Says that a message was refused and why; a fatal one is the last before its sender closes.',
  body: z.strictObject({
    code: errorCodeField,
    message: text(512),
    /** Type byte of the message it is about. */
    about: z.nullable(u32),
    fatal: z.boolean(),
  }),
  tail: 'none',
  maxBody: 2048,
  maxTail: 0,
  rate: 'control',
  states: ['greeting', 'proving', 'open', 'challenged', 'registered'],
  direction: 'any',
})

export const SESSION_MESSAGES = [HELLO, HELLO_ACK, AUTH, KEY_ROTATE, PING, PONG, GOODBYE, ERROR] as const
