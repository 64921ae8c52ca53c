// Genomes as they come to a node, and what a gate in a test knows: everything in order unless a test says otherwise.

import { hashChunk } from '#core/content/chunk-tree.ts'
import { makeChunkTree } from '#core/content/manifest.ts'
import { concatBytes, fromHex, toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { createVerifier, identityFromSeed, type Identity } from '#core/crypto/identity.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import { openCandidate } from '#core/gate/candidate.ts'
import type {
  AdapterUpdates,
  Announcement,
  Arrival,
  Finding,
  GateContext,
  GateLayer,
  GenomeSummary,
  KnownAdapter,
} from '#core/gate/layer.ts'
import { NO_RECORDS } from '#core/gate/records.ts'
import { DEFAULT_RULES } from '#core/gate/rules.ts'
import { createAdapter, type Adapter } from '#core/genome/adapter.ts'
import { loraScale, parseModuleName, targetShape, type LoraConfig } from '#core/genome/lora-config.ts'
import type { GenomeManifest } from '#core/genome/manifest.ts'
import { encodeAdapterTensors } from '#core/genome/peft-adapter.ts'
import { ADAPTER_WEIGHTS_FILE } from '#core/genome/peft-config.ts'
import { GENOME_FILE, signGenome, type SignedGenome } from '#core/genome/signed-genome.ts'
import { DP_CLAIM } from '#core/protocol/messages/gate.ts'
import { encodeObject, signObject, type ObjectOf } from '#core/protocol/signed-object.ts'
import { drawUniform } from '#core/training/random-streams.ts'

export const NOW = 1_790_000_000_000
export const MINUTE = 60_000
export const BASE = 'a'.repeat(64)
export const CONFIG: ModelConfig = {
  family: 'llama',
  name: 'small',
  vocabularySize: 32,
  contextLength: 32,
  width: 32,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 16,
  ffnWidth: 48,
  normEpsilon: 1e-5,
  rope: { base: 10_000, dimensions: 16, layout: 'half' },
  tiedHead: true,
}
export const LORA: LoraConfig = { targets: ['attn_q', 'ffn_up'], rank: 4, alpha: 8, rankStabilised: false }

export const identityOf = (name: number): Identity => identityFromSeed(new Uint8Array(32).fill(name))
export const keyOf = (identity: Identity): string => toHex(identity.publicKey)
export const AUTHOR = identityOf(1)
const VERIFIER = await createVerifier(globalThis.crypto.subtle)
export const bytesOf = (hex: string): Uint8Array => fromHex(hex) as Uint8Array

/** As a run would leave it: both factors filled. */
export function trainedAdapter(seed: number, lora: LoraConfig = LORA): Adapter {
  const adapter = createAdapter(CONFIG, lora, seed)
  for (const [part, { b }] of [...adapter.modules.values()].entries()) {
    for (let i = 0; i < b.length; i++) b[i] = drawUniform(seed, 'initial', i, 1000 + part) - 0.5
  }
  return adapter
}

export function updatesOf({ lora, modules }: Adapter): AdapterUpdates {
  const scale = loraScale(lora)
  return new Map(
    [...modules].map(([name, { a, b }]) => {
      const { inputs, outputs } = targetShape(CONFIG, parseModuleName('llama', name).target)
      return [name, { rows: outputs, columns: inputs, rank: lora.rank, scale, a, b }]
    }),
  )
}

export interface Made {
  readonly genome: SignedGenome
  readonly tensors: Uint8Array
}

export async function makeGenome(
  changes: Partial<GenomeManifest> = {},
  {
    author = AUTHOR,
    adapter = trainedAdapter(1),
    tensors = encodeAdapterTensors(CONFIG, adapter),
  }: { readonly author?: Identity; readonly adapter?: Adapter; readonly tensors?: Uint8Array } = {},
): Promise<Made> {
  const manifest: GenomeManifest = {
    version: 1,
    name: 'Moby',
    createdAt: NOW - MINUTE,
    base: { hash: BASE, name: 'small', family: 'llama' },
    lora: { ...adapter.lora, targets: [...adapter.lora.targets], dropout: 0 },
    tensors: { hash: toHex(sha256(tensors)), bytes: tensors.length },
    parents: [],
    operator: 'train',
    parameters: {},
    seed: 1,
    fitness: {},
    licence: 'CC-BY-4.0',
    author: author.publicKey,
    ...changes,
  }
  return { genome: await signGenome(manifest, author), tensors }
}

export interface ArrivalChanges extends Partial<Omit<Arrival, 'announcement'>> {
  readonly announcement?: Partial<Announcement> | null
  readonly summary?: Partial<GenomeSummary>
}

/** Of a node that fetched it as content, from its author, whose announcement was signed. */
export function arrivalOf(
  { genome, tensors }: Made,
  { summary, announcement, ...changes }: ArrivalChanges = {},
): Arrival {
  const content = contentOf(changes.tensors ?? tensors, changes.manifest ?? genome.bytes)
  const { author, base, name, licence } = genome.manifest
  const announced: GenomeSummary = {
    genome: bytesOf(genome.id),
    name,
    base: bytesOf(base.hash),
    baseName: base.name,
    author,
    content: bytesOf(content.id),
    bytes: tensors.length + genome.bytes.length,
    generation: 0,
    licence,
    claims: [],
    at: NOW,
    ...summary,
  }
  return {
    sender: { key: toHex(author), address: '192.0.2.0/24' },
    announcement:
      announcement === null ? null : { summary: announced, by: toHex(author), sequence: 1, ...announcement },
    content,
    manifest: genome.bytes,
    unsigned: null,
    tensors,
    claim: null,
    again: false,
    ...changes,
  }
}

export function contentOf(tensors: Uint8Array, manifest: Uint8Array, kind: 'genome' | 'other' = 'genome') {
  const chunkBytes = 1024
  const leaves = [tensors, manifest].flatMap((file) =>
    Array.from({ length: Math.ceil(file.length / chunkBytes) }, (_, i) =>
      hashChunk(file.subarray(i * chunkBytes, (i + 1) * chunkBytes)),
    ),
  )
  const files = [
    { path: ADAPTER_WEIGHTS_FILE, bytes: tensors.length },
    { path: GENOME_FILE, bytes: manifest.length },
  ]
  const tree = makeChunkTree(kind, files, chunkBytes, concatBytes(...leaves))
  return { id: tree.id, manifest: tree.encoded, leaves: tree.leaves }
}

export function knownAdapter({ genome }: Made, adapter: Adapter): KnownAdapter {
  return { id: genome.id, manifest: genome.manifest, updates: () => Promise.resolve(updatesOf(adapter)) }
}

export function contextWith(changes: Partial<GateContext> = {}): GateContext {
  let elapsed = 0
  return {
    now: () => NOW,
    elapsed: () => elapsed++,
    random: (length) => new Uint8Array(length),
    verify: VERIFIER,
    rules: DEFAULT_RULES,
    records: NO_RECORDS,
    keys: { status: () => 'current', isSame: (a, b) => a === b },
    scoreOf: () => 0,
    withdrawnAt: () => null,
    findGenome: () => null,
    adapters: [],
    base: { hash: BASE, config: CONFIG },
    cohort: [],
    root: null,
    evaluate: null,
    canaries: null,
    behave: null,
    ...changes,
  }
}

export async function judge(layer: GateLayer, arrival: Arrival, context = contextWith()): Promise<Finding> {
  return layer.judge(openCandidate(arrival, context.verify), context)
}

/** Two keys of one node. */
export const sameNode = (...keys: readonly string[]) => ({
  status: () => 'current' as const,
  isSame: (a: string, b: string) => a === b || (keys.includes(a) && keys.includes(b)),
})

export async function makeClaim(claim: Partial<ObjectOf<typeof DP_CLAIM>>, author = AUTHOR) {
  const bytes = encodeObject(DP_CLAIM, {
    genome: new Uint8Array(32),
    author: author.publicKey,
    dataHash: new Uint8Array(32).fill(7),
    mechanism: 'poisson-gaussian',
    noiseMultiplier: 1,
    sampleRate: 0.01,
    steps: 100,
    delta: 1e-5,
    clipNorm: 0.5,
    epsilon: 1,
    unit: 'document',
    at: NOW,
    ...claim,
  })
  return { claim: bytes, signature: await signObject(DP_CLAIM, bytes, author) }
}
