// A manifest with its author's signature, as it is stored and sent. The signature covers the id under a domain of its own,
// so that it can be taken for nothing else.

import { CentramError, errorMessage } from '#core/errors.ts'
import { concatBytes, equalBytes, toHex, utf8 } from '#core/crypto/bytes.ts'
import { decodeCanonical, encodeCanonical } from '#core/crypto/canonical.ts'
import { sha256 } from '#core/crypto/hash.ts'
import type { Identity, Verifier } from '#core/crypto/identity.ts'
import { isJsonObject } from '#core/formats/json-file.ts'
import {
  decodeManifest,
  encodeManifest,
  genomeId,
  MAX_MANIFEST_BYTES,
  type GenomeManifest,
} from '#core/genome/manifest.ts'

export interface SignedGenome {
  /** Hex SHA-256 of the encoded manifest. */
  readonly id: string
  readonly manifest: GenomeManifest
  /** 64 bytes. */
  readonly signature: Uint8Array
  /** Manifest and signature, as stored. */
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Its name as a file, beside the two of a PEFT adapter. */
export const GENOME_FILE = 'centram-genome.cbor'

const DOMAIN = utf8('centram genome 1\0')

/** Throws `BAD_ARGUMENT` when `manifest.author` is another key than `identity`'s. */
export async function signGenome(manifest: GenomeManifest, identity: Identity): Promise<SignedGenome> {
  if (!equalBytes(manifest.author, identity.publicKey)) {
    throw new CentramError('BAD_ARGUMENT', 'A genome can only be signed by the author it names.')
  }
  const body = encodeManifest(manifest)
  const signature = await identity.sign(concatBytes(DOMAIN, sha256(body)))
  const bytes = encodeCanonical({ body, signature })
  // Read back, so that what is handed on is what others will read.
  return { id: genomeId(body), manifest: decodeManifest(body), signature, bytes }
}

/** Total: throws `FORMAT_INVALID` for what is no genome, `SIGNATURE_INVALID` for one its author did not sign. */
export async function openGenome(bytes: Uint8Array, verify: Verifier): Promise<SignedGenome> {
  if (bytes.length > MAX_MANIFEST_BYTES + 256) throw invalid(`${bytes.length} bytes are too many`)
  let value: unknown
  try {
    value = decodeCanonical(bytes)
  } catch (cause) {
    throw invalid(errorMessage(cause))
  }
  const { body, signature, ...rest } = isJsonObject(value) ? value : {}
  if (!(body instanceof Uint8Array && signature instanceof Uint8Array) || Object.keys(rest).length > 0) {
    throw invalid('it is not a manifest with a signature')
  }
  const manifest = decodeManifest(body)
  if (!(await verify(manifest.author, concatBytes(DOMAIN, sha256(body)), signature))) {
    throw new CentramError('SIGNATURE_INVALID', 'The genome does not carry a valid signature of the author it names.')
  }
  return { id: genomeId(body), manifest, signature, bytes: new Uint8Array(bytes) }
}

/** Throws `SOURCE_CORRUPT` unless `tensors` are those the manifest speaks of. */
export function checkTensors(manifest: GenomeManifest, tensors: Uint8Array): void {
  if (tensors.length === manifest.tensors.bytes && toHex(sha256(tensors)) === manifest.tensors.hash) return
  throw new CentramError(
    'SOURCE_CORRUPT',
    `The tensors of "${manifest.name}" are not those its manifest was signed for. Import the genome again.`,
  )
}

function invalid(problem: string): CentramError {
  return new CentramError('FORMAT_INVALID', `The genome was refused: ${problem}.`)
}
