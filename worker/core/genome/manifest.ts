// What a genome says of itself: base, parents, how it was made, how well it does, what it promises. Deterministic CBOR;
// the id is the hash of that encoding, so one manifest has one id and nobody can change it and keep the id.

import * as z from 'zod/mini'
import { CentramError, errorMessage } from '#core/errors.ts'
import { toHex } from '#core/crypto/bytes.ts'
import { decodeCanonical, encodeCanonical } from '#core/crypto/canonical.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { MAX_RANK } from '#core/genome/lora-config.ts'

const MAX_TARGETS = 16
const MAX_PARENTS = 64
/** Of an encoded manifest with its signature. */
export const MAX_MANIFEST_BYTES = 64 * 1024

const count = z.int().check(z.minimum(0))
const hash = z.string().check(z.regex(/^[0-9a-f]{64}$/))
const label = z.string().check(z.minLength(1), z.maxLength(256))
const number = z.number()
/** JSON-like values that an operator's parameters may have. */
const parameter = z.union([
  z.boolean(),
  number,
  label,
  z.array(z.union([number, label])).check(z.maxLength(MAX_PARENTS)),
])

const privacy = z.strictObject({
  mechanism: z.literal('dp-sgd'),
  /** `poisson` is what the accountants assume. Shuffled batches carry no ε. */
  sampling: z.literal('poisson'),
  noiseMultiplier: number.check(z.positive()),
  sampleRate: number.check(z.positive(), z.maximum(1)),
  clipNorm: number.check(z.positive()),
  steps: count,
  delta: number.check(z.positive(), z.lt(1)),
  epsilonRdp: number.check(z.minimum(0)),
  epsilonPld: z.optional(number.check(z.minimum(0))),
  /** What one example, the unit of protection, is. */
  unit: label,
})

const training = z.strictObject({
  steps: count,
  tokens: count,
  sequenceLength: count,
  batchSize: count,
  learningRate: number,
  finalLoss: z.optional(number),
  heldOutLoss: z.optional(number),
  heldOutLossBefore: z.optional(number),
  /** SHA-256 over the training files' hashes; their contents are nobody's business. */
  dataHash: z.optional(hash),
})

const manifest = z.strictObject({
  version: z.literal(1),
  name: label,
  /** Milliseconds since 1970. */
  createdAt: count,
  base: z.strictObject({
    /** The model's fingerprint. */
    hash,
    name: label,
    family: z.enum(['gpt2', 'llama', 'qwen2', 'qwen3']),
  }),
  lora: z.strictObject({
    targets: z.array(label).check(z.minLength(1), z.maxLength(MAX_TARGETS)),
    rank: z.int().check(z.minimum(1), z.maximum(MAX_RANK)),
    alpha: number.check(z.positive()),
    rankStabilised: z.boolean(),
    dropout: number.check(z.minimum(0), z.lt(1)),
  }),
  /** The tensors' file (safetensors, PEFT's names). */
  tensors: z.strictObject({ hash, bytes: count }),
  /** Ids of the genomes it was made from, in the order the operator took them. */
  parents: z.array(hash).check(z.maxLength(MAX_PARENTS)),
  /** `train`, `import` or a merge operator's name. */
  operator: label,
  parameters: z.record(label, parameter),
  seed: count,
  training: z.optional(training),
  /** Held-out loss in nats a token, by domain; lower is better. */
  fitness: z.record(label, number),
  privacy: z.optional(privacy),
  /** SPDX expression of what others may do with it. */
  licence: label,
  /** Ed25519, 32 bytes. */
  author: z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === 32),
})

export type GenomeManifest = z.infer<typeof manifest>
export type PrivacyStatement = z.infer<typeof privacy>
export type TrainingSummary = z.infer<typeof training>

/** The bytes that are hashed and signed. Throws `BAD_ARGUMENT` for a manifest that breaks the rules. */
export function encodeManifest(value: GenomeManifest): Uint8Array<ArrayBuffer> {
  const checked = manifest.safeParse(value)
  if (!checked.success) throw new CentramError('BAD_ARGUMENT', `The manifest is not valid: ${describe(checked.error)}.`)
  return encodeCanonical(withoutNegativeZero(checked.data))
}

/** Total: throws `FORMAT_INVALID` for anything but one valid manifest in its deterministic form. */
export function decodeManifest(bytes: Uint8Array): GenomeManifest {
  if (bytes.length > MAX_MANIFEST_BYTES) throw invalid(`${bytes.length} bytes are more than ${MAX_MANIFEST_BYTES}`)
  let value: unknown
  try {
    value = decodeCanonical(bytes)
  } catch (cause) {
    throw invalid(errorMessage(cause), cause)
  }
  const checked = manifest.safeParse(value)
  if (!checked.success) throw invalid(describe(checked.error))
  return checked.data
}

/** Hex SHA-256 of the encoded manifest. */
export function genomeId(encoded: Uint8Array): string {
  return toHex(sha256(encoded))
}

/** Canonical CBOR refuses nothing here; -0 and 0 compare equal and must not differ in the hash. */
function withoutNegativeZero<T>(value: T): T {
  if (Object.is(value, -0)) return 0 as T
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withoutNegativeZero) as T
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutNegativeZero(item)])) as T
}

function describe(error: z.core.$ZodError): string {
  const [issue] = error.issues
  const where = issue === undefined || issue.path.length === 0 ? 'the whole' : issue.path.map(String).join('.')
  return `${where}: ${issue?.message ?? 'not as expected'}`.slice(0, 300)
}

function invalid(problem: string, cause?: unknown): CentramError {
  return new CentramError('FORMAT_INVALID', `The genome's manifest was refused: ${problem}.`, { cause })
}
