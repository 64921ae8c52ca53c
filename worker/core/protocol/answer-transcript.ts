// What an answer was, in one hash: the question as it was asked and the tokens that came. Whoever asked, whoever answered and
// whoever computed a part of it sign the same one.

import { encodeCanonical } from '../crypto/canonical.ts'
import { concatBytes, utf8 } from '../crypto/bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import type { BodyOf } from './registry.ts'

const DOMAIN = utf8('centram answer transcript v1')

/** What of a request decides its answer. */
export type Question = Pick<
  BodyOf<'INFER_REQUEST'>,
  'model' | 'prompt' | 'maxTokens' | 'sampling' | 'stopAtEnd' | 'continueFrom'
>

/** 32 bytes. `tokens` are those of the answer, an end token included. */
export function answerTranscript(question: Question, tokens: readonly number[]): Uint8Array {
  const { model, prompt, maxTokens, sampling, stopAtEnd, continueFrom } = question
  const asked = encodeCanonical({
    model,
    prompt,
    maxTokens,
    sampling,
    stopAtEnd,
    ...(continueFrom && { continueFrom }),
  })
  const given = new DataView(new ArrayBuffer(4 * tokens.length))
  for (const [index, token] of tokens.entries()) given.setUint32(4 * index, token, true)
  // Each part is hashed by itself, so that no byte can move from one to the other.
  return sha256(concatBytes(DOMAIN, sha256(asked), sha256(new Uint8Array(given.buffer))))
}
