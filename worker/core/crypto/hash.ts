// SHA-256 of short byte strings. Synchronous, so that it serves pure code.

import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = nobleSha256.create()
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** A SHA-256 that is fed piece by piece. */
export function createSha256(): { update(bytes: Uint8Array): void; digest(): Uint8Array } {
  const hash = nobleSha256.create()
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => hash.digest(),
  }
}
