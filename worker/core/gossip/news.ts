// A piece of news: made and signed by its author, and read by everyone else. Its id names its words, not the signature under
// them, so that nobody can make a second piece out of one.

import { z } from 'zod/mini'
import { CentramError } from '#core/errors.ts'
import { decodeCanonical } from '../crypto/canonical.ts'
import { sha256 } from '../crypto/hash.ts'
import type { Identity } from '../crypto/identity.ts'
import { prepareMessage } from '../protocol/codec.ts'
import { typeByte } from '../protocol/message.ts'
import { GOSSIP_NEWS } from '../protocol/messages/gossip.ts'
import { messageNamed, messageOfType, type BodyOf, type PeerMessageName } from '../protocol/registry.ts'
import { encodeObject, readObject, signObject } from '../protocol/signed-object.ts'

/** What news may be about: messages that make sense to whoever hears them. */
export type NewsName = Extract<
  PeerMessageName,
  | 'GENOME_ANNOUNCE'
  | 'GENOME_WITHDRAW'
  | 'GATE_DP_STATEMENT'
  | 'GATE_VERDICT'
  | 'GATE_LINEAGE_DISPUTE'
  | 'LEDGER_DISPUTE'
  | 'LEDGER_ROYALTY_RULE'
  | 'PEER_KEY_REVOKE'
  | 'PROOF_FORK'
  | 'SESSION_KEY_ROTATE'
>

export type NewsContent = {
  [Name in NewsName]: { readonly name: Name; readonly body: BodyOf<Name> }
}[NewsName]

export interface News {
  readonly author: Uint8Array
  readonly topic: string
  readonly sequence: number
  readonly content: NewsContent
}

export const newsId = (news: Uint8Array): Uint8Array => sha256(news)

export async function signNews<Name extends NewsName>(
  identity: Identity,
  head: { readonly topic: string; readonly sequence: number; readonly at: number },
  name: Name,
  body: BodyOf<Name>,
): Promise<BodyOf<'GOSSIP_PUBLISH'>> {
  const news = encodeObject(GOSSIP_NEWS, {
    ...head,
    author: identity.publicKey,
    type: typeByte(messageNamed(name)),
    payload: prepareMessage(name, body, undefined).body,
  })
  return { news, signature: await signObject(GOSSIP_NEWS, news, identity) }
}

/** Throws `FRAME_INVALID` for what is no news about one of `names`, `PROTOCOL_VIOLATION` for another topic's. */
export function readNews(news: Uint8Array, namesOf: (topic: string) => readonly NewsName[]): News {
  const { author, topic, sequence, type, payload } = readObject(GOSSIP_NEWS, news)
  const definition = messageOfType(type)
  const name = namesOf(topic).find((allowed) => allowed === definition?.name)
  if (definition === undefined || name === undefined) {
    throw new CentramError('PROTOCOL_VIOLATION', `News of type ${type} does not belong to the topic "${topic}".`)
  }
  const parsed = payload.length <= definition.maxBody && z.safeParse(definition.body, decodeCanonical(payload))
  if (!parsed || !parsed.success) {
    throw new CentramError('FRAME_INVALID', `News was refused: it holds no valid ${name}.`)
  }
  return { author, topic, sequence, content: { name, body: parsed.data } as NewsContent }
}
