// Every single-bit flip of every golden frame, against real signatures.

import { beforeAll, describe, expect, it } from 'vitest'
import { fromHex } from '#core/crypto/bytes.ts'
import { publicKeyOfSeed } from '#core/crypto/ed25519.ts'
import { createVerifier, type Verifier } from '#core/crypto/identity.ts'
import { openFrame } from '#core/protocol/codec.ts'
import { flipBit, refusal } from '../core/protocol/frame-tools.ts'
import golden from '../vectors/protocol/frames.json' with { type: 'json' }
import { SEED } from '../vectors/protocol/samples.ts'

let verify: Verifier
beforeAll(async () => {
  verify = await createVerifier(globalThis.crypto.subtle)
})

describe.each(Object.entries(golden))('%s', (_name, frames) => {
  it('is refused after any single-bit flip', async () => {
    const publicKey = publicKeyOfSeed(SEED)
    for (const hex of frames) {
      const frame = fromHex(hex) as Uint8Array
      expect(await refusal(openFrame(frame, publicKey, verify))).toBe('accepted')
      const flips = Array.from({ length: frame.length * 8 }, (_, bit) =>
        openFrame(flipBit(frame, bit), publicKey, verify),
      )
      expect((await Promise.all(flips.map(refusal))).indexOf('accepted')).toBe(-1)
    }
  })
})
