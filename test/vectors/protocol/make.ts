// Writes frames.json, the golden frame of every sample in hexadecimal, and docs/protocol.md. Run when a message is added, or
// first sent and handled:
//   npx tsx test/vectors/protocol/make.ts
// A changed line of an old message means that older nodes no longer understand it.

import { writeFileSync } from 'node:fs'
import { toHex } from '#core/crypto/bytes.ts'
import { identityFromSeed } from '#core/crypto/identity.ts'
import { MESSAGES } from '#core/protocol/registry.ts'
import { readProductUses } from '../../core/protocol/product-uses.ts'
import { writeProtocolPage } from '../../core/protocol/protocol-page.ts'
import { SAMPLES, sealSample, SEED, type Sample } from './samples.ts'

const signer = identityFromSeed(SEED)
const frames: Record<string, string[]> = {}
for (const { name } of MESSAGES) {
  frames[name] = []
  for (const sample of SAMPLES[name] as readonly Sample<typeof name>[]) {
    frames[name].push(toHex(await sealSample(name, sample, signer)))
  }
}
writeFileSync(new URL('frames.json', import.meta.url), `${JSON.stringify(frames, null, 1)}\n`)
writeFileSync(new URL('../../../docs/protocol.md', import.meta.url), writeProtocolPage(readProductUses()))
