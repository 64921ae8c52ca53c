// Family 3, peer: what nodes tell each other about themselves and about the others they know.

import { z } from 'zod/mini'
import {
  amount,
  count,
  displayName,
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

/** Where a node of a room can be met, in its own words. Signed by it; the higher sequence replaces the lower. */
export const PEER_ADDRESSES = defineObject({
  name: 'peer addresses',
  schema: z.strictObject({
    node: nodeKey,
    name: displayName,
    /** Of this run of the node. */
    incarnation: id16,
    /** By the room's key over node and incarnation: a node that does not hold the room's secret is none of its members. */
    proof: signature,
    sequence: count,
    addresses: list(
      z.discriminatedUnion('kind', [
        /** A signalling server or a PeerJS broker, by its URL. */
        z.strictObject({ kind: z.literal('server'), url: text(256) }),
        z.strictObject({ kind: z.literal('broker'), url: text(256), id: text(64) }),
        /** Another node that passes signals on. */
        z.strictObject({ kind: z.literal('node'), key: nodeKey }),
      ]),
      8,
    ),
    at: timestamp,
    expiresAt: timestamp,
  }),
  maxBytes: 10 * 1024,
})

const SIGNED_RECORD = z.strictObject({ record: objectField(PEER_ADDRESSES), signature })

/** “This key counts no longer.” Signed by the key itself or by one that follows it. */
export const KEY_REVOCATION = defineObject({
  name: 'key revocation',
  schema: z.strictObject({
    key: nodeKey,
    /** Who signs. */
    by: nodeKey,
    /** The one key that goes on in its place; null ends the identity here, also where a rotation names another. */
    successor: z.nullable(nodeKey),
    why: z.enum(['retired', 'lost', 'compromised']),
    at: timestamp,
  }),
  maxBytes: 192,
})

const RECORD = definePeerMessage({
  family: 'peer',
  index: 0,
  name: 'PEER_RECORD',
  summary: 'Where a node can be met, signed by that node.',
  body: SIGNED_RECORD,
  maxBody: 11 * 1024,
  rate: 'control',
})

const QUERY = definePeerMessage({
  family: 'peer',
  index: 1,
  name: 'PEER_QUERY',
  summary: 'Asks for nodes that hold a model or a genome, or have memory to spare.',
  body: z.strictObject({
    query: u32,
    model: z.nullable(hash),
    genome: z.nullable(hash),
    budgetBytes: count,
    limit: integer(1, 16),
  }),
  maxBody: 256,
  rate: 'control',
})

const RESULTS = definePeerMessage({
  family: 'peer',
  index: 2,
  name: 'PEER_RESULTS',
  summary: 'Answers a query with the signed records of nodes that fit.',
  body: z.strictObject({ query: u32, peers: list(SIGNED_RECORD, 16) }),
  maxBody: 64 * 1024,
  rate: 'control',
})

const EXCHANGE = definePeerMessage({
  family: 'peer',
  index: 3,
  name: 'PEER_EXCHANGE',
  summary: 'Offers the signed records of neighbours, so that a swarm goes on without its server.',
  body: z.strictObject({ peers: list(SIGNED_RECORD, 16) }),
  maxBody: 64 * 1024,
  rate: 'control',
})

const CAPABILITIES = definePeerMessage({
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
  maxBody: 64 * 1024,
  rate: 'control',
})

const LOAD = definePeerMessage({
  family: 'peer',
  index: 5,
  name: 'PEER_LOAD',
  summary: 'How busy a node is now: requests waiting and running, its speed, and whether its tab is in view.',
  body: z.strictObject({
    waiting: u32,
    running: u32,
    tokensPerSecond: amount,
    visibility: z.enum(['visible', 'hidden']),
  }),
  maxBody: 128,
  rate: 'control',
})

const REACHABILITY = definePeerMessage({
  family: 'peer',
  index: 6,
  name: 'PEER_REACHABILITY',
  summary: 'How the sender reaches other nodes: directly, through a relay, or not at all.',
  body: z.strictObject({
    links: list(
      z.strictObject({
        node: nodeKey,
        path: z.enum(['direct', 'relayed', 'unreachable']),
        roundTripMs: z.nullable(amount),
      }),
      64,
    ),
  }),
  maxBody: 8 * 1024,
  rate: 'control',
})

const KEY_REVOKE = definePeerMessage({
  family: 'peer',
  index: 7,
  name: 'PEER_KEY_REVOKE',
  summary: 'A key counts no longer, signed by it or by one that follows it.',
  body: z.strictObject({ revocation: objectField(KEY_REVOCATION), signature }),
  maxBody: 512,
  rate: 'control',
})

export const PEER_MESSAGES = [RECORD, QUERY, RESULTS, EXCHANGE, CAPABILITIES, LOAD, REACHABILITY, KEY_REVOKE] as const
