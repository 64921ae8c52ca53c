// Family 4, gossip: news for everyone who cares, over a mesh of a few neighbours a topic. Whole news goes along the mesh;
// the others hear of it by id and ask for what they miss.

import { z } from 'zod/mini'
import { byteString, count, hash, integer, list, nodeKey, signature, text, timestamp, u32 } from '../fields.ts'
import { definePeerMessage } from '../message.ts'
import { defineObject, objectField } from '../signed-object.ts'

const TOPIC = text(128)
const TOPICS = list(TOPIC, 64)
const IDS = list(hash, 512)
/** Bytes of an encoded body inside a piece of news, at most: no message worth telling everyone is larger. */
const MAX_PAYLOAD = 16 * 1024

/** One piece of news, in its author's words. Its id is the SHA-256 of its encoding; `author` signs it. */
export const GOSSIP_NEWS = defineObject({
  name: 'gossip news',
  schema: z.strictObject({
    author: nodeKey,
    topic: TOPIC,
    /** Counts up with each piece of one author. */
    sequence: count,
    at: timestamp,
    /** Type byte of a message of the protocol, and a body of that message. */
    type: integer(0, 95),
    payload: byteString(MAX_PAYLOAD),
  }),
  maxBytes: MAX_PAYLOAD + 1024,
})

const SUBSCRIBE = definePeerMessage({
  family: 'gossip',
  index: 0,
  name: 'GOSSIP_SUBSCRIBE',
  summary: 'Cares for topics from now on.',
  body: z.strictObject({ topics: TOPICS }),
  maxBody: 32 * 1024,
  rate: 'control',
})

const UNSUBSCRIBE = definePeerMessage({
  family: 'gossip',
  index: 1,
  name: 'GOSSIP_UNSUBSCRIBE',
  summary: 'Cares for topics no longer.',
  body: z.strictObject({ topics: TOPICS }),
  maxBody: 32 * 1024,
  rate: 'control',
})

const GRAFT = definePeerMessage({
  family: 'gossip',
  index: 2,
  name: 'GOSSIP_GRAFT',
  summary: 'Takes the receiver into its mesh of a topic: whole news shall flow between the two.',
  body: z.strictObject({ topic: TOPIC }),
  maxBody: 512,
  rate: 'control',
})

const PRUNE = definePeerMessage({
  family: 'gossip',
  index: 3,
  name: 'GOSSIP_PRUNE',
  summary: 'Takes the receiver out of its mesh of a topic, for a time at least, and names others to try.',
  body: z.strictObject({ topic: TOPIC, backoffMs: u32, peers: list(nodeKey, 16) }),
  maxBody: 2048,
  rate: 'control',
})

const PUBLISH = definePeerMessage({
  family: 'gossip',
  index: 4,
  name: 'GOSSIP_PUBLISH',
  summary: 'Passes on one piece of news, signed by its author, not by who passes it on.',
  body: z.strictObject({ news: objectField(GOSSIP_NEWS), signature }),
  maxBody: MAX_PAYLOAD + 2048,
  rate: 'gossip',
})

const IHAVE = definePeerMessage({
  family: 'gossip',
  index: 5,
  name: 'GOSSIP_IHAVE',
  summary: 'Ids of recent news of a topic, for those outside the mesh.',
  body: z.strictObject({ topic: TOPIC, ids: IDS }),
  maxBody: 20 * 1024,
  rate: 'control',
})

const IWANT = definePeerMessage({
  family: 'gossip',
  index: 6,
  name: 'GOSSIP_IWANT',
  summary: 'Asks for the news of these ids.',
  body: z.strictObject({ ids: IDS }),
  maxBody: 20 * 1024,
  rate: 'control',
})

const IDONTWANT = definePeerMessage({
  family: 'gossip',
  index: 7,
  name: 'GOSSIP_IDONTWANT',
  summary: 'Has the news of these ids already: the receiver need not send it.',
  body: z.strictObject({ ids: IDS }),
  maxBody: 20 * 1024,
  rate: 'gossip',
})

export const GOSSIP_MESSAGES = [SUBSCRIBE, UNSUBSCRIBE, GRAFT, PRUNE, PUBLISH, IHAVE, IWANT, IDONTWANT] as const
