// The identity of a model: SHA-256 over its headers and its files' sizes. Two nodes with the same fingerprint hold the
// same tensors at the same places; names and addresses do not enter.

import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'

export interface FingerprintPart {
  /** Everything but the weights: a GGUF or safetensors header, or a whole JSON file. */
  readonly header: Uint8Array
  /** Of the whole file, in bytes. */
  readonly size: number
}

/** @param parts in an order that follows from the model, not from how its files were handed over. */
export function fingerprintOf(parts: readonly FingerprintPart[]): string {
  const hash = sha256.create()
  hash.update(new TextEncoder().encode('centram model 1\0'))
  for (const { header, size } of parts) {
    const lengths = new DataView(new ArrayBuffer(16))
    lengths.setBigUint64(0, BigInt(size), true)
    lengths.setBigUint64(8, BigInt(header.length), true)
    hash.update(new Uint8Array(lengths.buffer)).update(header)
  }
  return bytesToHex(hash.digest())
}
