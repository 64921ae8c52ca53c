// SHA-256, in one go and as a stream. Synchronous, so that it serves pure code; whole files go to WebCrypto elsewhere.

import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = nobleSha256.create()
  for (const part of parts) hash.update(part)
  return hash.digest()
}

export interface Sha256Stream {
  update(bytes: Uint8Array): void
  digest(): Uint8Array
}

export function createSha256(): Sha256Stream {
  const hash = nobleSha256.create()
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => hash.digest(),
  }
}
