// Family 2, signal: between a node and the signalling server, and, relayed by it unread, between two nodes that are
// about to connect. The relayed ones are signed by the node that wrote them, and it is that signature which counts.

import { z } from 'zod/mini'
import { bytes, displayName, id16, integer, list, nodeKey, nonce, text, u32 } from '../fields.ts'
import { defineMessage } from '../message.ts'

const REGISTER = defineMessage({
  family: 'signal',
  index: 0,
  name: 'SIGNAL_REGISTER',
  summary: 'Claims a node key: answers the server’s challenge, with a nonce of its own and this run’s incarnation.',
  body: z.strictObject({
    version: u32,
    key: nodeKey,
    server: nodeKey,
    challenge: nonce,
    nonce,
    /** New at every start of a node, kept when only the connection to the server was lost. */
    incarnation: id16,
  }),
  tail: 'none',
  maxBody: 512,
  maxTail: 0,
  rate: 'handshake',
  states: ['challenged'],
  direction: 'to-server',
})

const CHALLENGE = defineMessage({
  family: 'signal',
  index: 1,
  name: 'SIGNAL_CHALLENGE',
  summary: 'The server’s first word: versions, its key, and a nonce to sign.',
  body: z.strictObject({ versions: list(u32, 8), key: nodeKey, nonce }),
  tail: 'none',
  maxBody: 512,
  maxTail: 0,
  rate: 'handshake',
  states: ['challenged'],
  direction: 'from-server',
})

const ROOM_JOIN = defineMessage({
  family: 'signal',
  index: 2,
  name: 'SIGNAL_ROOM_JOIN',
  summary: 'Enters a room with a proof of its secret, renames the node in it, or (null) leaves it.',
  body: z.strictObject({
    name: displayName,
    room: z.nullable(z.strictObject({ id: id16, key: bytes(32), proof: bytes(64) })),
    /** Whether others on the same network, who do too, may be told of it; absent is no. */
    nearby: z.optional(z.boolean()),
  }),
  tail: 'none',
  maxBody: 1024,
  maxTail: 0,
  rate: 'handshake',
  states: ['registered'],
  direction: 'to-server',
})

const ROOM_STATE = defineMessage({
  family: 'signal',
  index: 3,
  name: 'SIGNAL_ROOM_STATE',
  summary:
    'Everyone now in the room, after each change; of the room of zeros, those on the same network who let it be told.',
  body: z.strictObject({
    room: id16,
    members: list(z.strictObject({ key: nodeKey, name: displayName, incarnation: id16 }), 64),
  }),
  tail: 'none',
  maxBody: 32 * 1024,
  maxTail: 0,
  rate: 'control',
  states: ['registered'],
  direction: 'from-server',
})

const DESCRIPTION = defineMessage({
  family: 'signal',
  index: 4,
  name: 'SIGNAL_DESCRIPTION',
  summary: 'An offer, answer or rollback of one link, from node to node.',
  body: z.strictObject({
    from: nodeKey,
    to: nodeKey,
    link: id16,
    type: z.enum(['offer', 'answer', 'rollback']),
    sdp: text(24 * 1024),
    /** Its sender's offers, counted; of an answer, the receiver's offer that it answers. */
    offer: u32,
  }),
  tail: 'none',
  maxBody: 32 * 1024,
  maxTail: 0,
  rate: 'control',
  states: ['relayed'],
  direction: 'any',
})

const CANDIDATE = defineMessage({
  family: 'signal',
  index: 5,
  name: 'SIGNAL_CANDIDATE',
  summary: 'One ICE candidate of one link, from node to node.',
  body: z.strictObject({
    from: nodeKey,
    to: nodeKey,
    link: id16,
    candidate: text(1024),
    mid: z.nullable(text(64)),
    line: z.nullable(integer(0, 255)),
  }),
  tail: 'none',
  maxBody: 4096,
  maxTail: 0,
  rate: 'control',
  states: ['relayed'],
  direction: 'any',
})

const RELAY = defineMessage({
  family: 'signal',
  index: 6,
  name: 'SIGNAL_RELAY',
  summary: 'A node asks (null) for leave to use the server’s TURN relays, and the server grants it for a while.',
  body: z.strictObject({
    grant: z.nullable(
      z.strictObject({ urls: list(text(256), 8), username: text(256), credential: text(256), lifetimeS: u32 }),
    ),
  }),
  tail: 'none',
  maxBody: 8 * 1024,
  maxTail: 0,
  rate: 'handshake',
  states: ['registered'],
  direction: 'any',
})

const THROTTLED = defineMessage({
  family: 'signal',
  index: 7,
  name: 'SIGNAL_THROTTLED',
  summary: 'A message was dropped for coming too fast: which limit, and when to try again.',
  body: z.strictObject({ limit: text(64), retryMs: u32 }),
  tail: 'none',
  maxBody: 256,
  maxTail: 0,
  rate: 'control',
  states: ['challenged', 'registered'],
  direction: 'from-server',
})

export const SIGNAL_MESSAGES = [
  REGISTER,
  CHALLENGE,
  ROOM_JOIN,
  ROOM_STATE,
  DESCRIPTION,
  CANDIDATE,
  RELAY,
  THROTTLED,
] as const
