// Layer 2: did the author it names sign it, under a key that still counts? Signatures are verified strictly (RFC 8032, no
// small-order keys, no second encodings), each under a domain of its own, so that none passes for another.

import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import { errorCode, errorMessage } from '#core/errors.ts'
import {
  notRun,
  passed,
  refused,
  type Candidate,
  type Finding,
  type GateContext,
  type GateLayer,
} from '#core/gate/layer.ts'
import type { SignedGenome } from '#core/genome/signed-genome.ts'
import { DP_CLAIM } from '#core/protocol/messages/gate.ts'
import { readObject, verifyObject } from '#core/protocol/signed-object.ts'

export const identity: GateLayer = {
  name: 'identity',

  async judge(candidate, context) {
    let genome: SignedGenome | null
    try {
      genome = await candidate.genome()
    } catch (error) {
      return errorCode(error) === 'SIGNATURE_INVALID'
        ? refused('SIGNATURE_INVALID', 'The author that it names did not sign it.')
        : refused('MANIFEST_INVALID', errorMessage(error))
    }
    if (genome === null) return notRun('NO_MANIFEST', 'Nobody signed it: it is an adapter without a manifest.')
    return (
      judgeAuthor(genome, candidate, context) ??
      (await judgeClaim(genome, candidate, context)) ??
      passed('Its author signed it, under a key that counts.')
    )
  },
}

function judgeAuthor({ manifest }: SignedGenome, { announcement }: Candidate, { keys }: GateContext): Finding | null {
  const author = toHex(manifest.author)
  if (keys.status(author) === 'revoked') {
    return refused('KEY_REVOKED', 'The key that signed it was revoked: whoever has it may be a thief.')
  }
  if (announcement === null) return null
  const { summary, by } = announcement
  if (!equalBytes(summary.author, manifest.author)) {
    return refused('AUTHOR_MISMATCH', 'It was announced as the work of another author than the one who signed it.')
  }
  if (by === null) return null
  if (!keys.isSame(by, author)) {
    return refused('AUTHOR_MISMATCH', 'Somebody else than its author announced it as their own.')
  }
  if (keys.status(by) !== 'current') {
    return refused('KEY_REVOKED', 'It was announced under a key that its owner uses no longer.')
  }
  return null
}

async function judgeClaim(
  { manifest }: SignedGenome,
  { claim }: Candidate,
  { keys, verify }: GateContext,
): Promise<Finding | null> {
  if (claim === null) return null
  let author: Uint8Array
  try {
    ;({ author } = readObject(DP_CLAIM, claim.claim))
  } catch (error) {
    return refused('MANIFEST_INVALID', errorMessage(error))
  }
  if (!keys.isSame(toHex(author), toHex(manifest.author))) {
    return refused('AUTHOR_MISMATCH', 'The claim of private training that came with it is somebody else’s.')
  }
  if (!(await verifyObject(DP_CLAIM, claim.claim, author, claim.signature, verify))) {
    return refused('SIGNATURE_INVALID', 'The claim of private training that came with it is not signed by its author.')
  }
  return null
}
