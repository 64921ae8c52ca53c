// The genomes this node has: trained here, imported and merged. Signs new ones, and says which listed model each fits.

import { toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { CentramError } from '#core/errors.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import type { Adapter } from '#core/genome/adapter.ts'
import { targetsOf, type LoraConfig } from '#core/genome/lora-config.ts'
import type { GenomeManifest } from '#core/genome/manifest.ts'
import { decodeAdapterTensors } from '#core/genome/peft-adapter.ts'
import { signGenome, type SignedGenome } from '#core/genome/signed-genome.ts'
import { createGenomeStore } from '../storage/genome-store.ts'
import type { GenomeState } from './lab-api.ts'
import type { ModelLibrary } from './model-library.ts'
import type { Quarantine } from './quarantine.ts'
import type { Surroundings } from './surroundings.ts'

/** What a new genome says of itself; the rest follows from its tensors and its author. */
export type GenomeDraft = Omit<GenomeManifest, 'version' | 'createdAt' | 'tensors' | 'author'>

export interface GenomeLibrary {
  /** Lists what was kept from earlier visits. */
  start(): Promise<void>
  list(): readonly GenomeState[]
  /** What is here, in quarantine or not. Throws `BAD_ARGUMENT`. */
  find(genomeId: string): SignedGenome
  /** One that may be used. Throws `QUARANTINED` too. */
  findFree(genomeId: string): SignedGenome
  /** Those in quarantine too, which `list` leaves out. */
  all(): readonly SignedGenome[]
  readTensors(genomeId: string): Promise<Uint8Array<ArrayBuffer>>
  /** The adapter for a model it fits. Throws `MODEL_MISMATCH`, `SOURCE_CORRUPT`, `QUARANTINED`. */
  readAdapter(genomeId: string, config: ModelConfig): Promise<Adapter>
  /** Signs, stores and lists; returns the id. `onSigned` comes before it is stored. */
  add(draft: GenomeDraft, tensors: Uint8Array, onSigned?: (genome: SignedGenome) => Promise<void>): Promise<string>
  /** Stores and lists a genome as its author signed it. */
  keep(genome: SignedGenome, tensors: Uint8Array): Promise<string>
  remove(genomeId: string): Promise<void>
}

/** Where nothing comes from others. */
const NO_QUARANTINE: Pick<Quarantine, 'isHeld' | 'requireFree'> = { isHeld: () => false, requireFree: () => undefined }

export function createGenomeLibrary(
  surroundings: Pick<Surroundings, 'records' | 'blobs' | 'verifier' | 'identity' | 'withLock' | 'wallTime'>,
  models: Pick<ModelLibrary, 'byFingerprint' | 'list'>,
  onChange: () => void,
  /** The key that a node goes by now which once went by this one. */
  currentKey: (key: string) => string = (key) => key,
  quarantine: Pick<Quarantine, 'isHeld' | 'requireFree'> = NO_QUARANTINE,
): GenomeLibrary {
  const { records, identity } = surroundings
  const store = createGenomeStore(surroundings)
  const genomes = new Map<string, SignedGenome>()
  /** Listed models by fingerprint, as earlier visits found them: this one may not have opened them yet. */
  const remembered = new Map<string, string>()

  function modelOf(fingerprint: string): string | null {
    const known = models.byFingerprint(fingerprint) ?? remembered.get(fingerprint)
    return known !== undefined && models.list().some(({ id }) => id === known) ? known : null
  }

  async function keep(genome: SignedGenome, tensors: Uint8Array): Promise<string> {
    await store.put(genome, tensors)
    const { hash } = genome.manifest.base
    const modelId = models.byFingerprint(hash)
    if (modelId !== undefined && remembered.get(hash) !== modelId) {
      remembered.set(hash, modelId)
      await records.put('settings', `fingerprint/${hash}`, modelId)
    }
    genomes.set(genome.id, genome)
    onChange()
    return genome.id
  }

  function find(genomeId: string): SignedGenome {
    const genome = genomes.get(genomeId)
    if (genome) return genome
    throw new CentramError(
      'BAD_ARGUMENT',
      `There is no genome ${genomeId.slice(0, 12)} here. It may have been removed; import it again.`,
    )
  }

  function findFree(genomeId: string): SignedGenome {
    const genome = find(genomeId)
    quarantine.requireFree(genomeId)
    return genome
  }

  const library: GenomeLibrary = {
    async start() {
      for (const genome of await store.list()) {
        genomes.set(genome.id, genome)
        const { hash } = genome.manifest.base
        const modelId = await records.get('settings', `fingerprint/${hash}`)
        if (typeof modelId === 'string') remembered.set(hash, modelId)
      }
      onChange()
    },

    list: () =>
      [...genomes.values()]
        .filter(({ id }) => !quarantine.isHeld(id))
        .map((genome) => describeGenome(genome, modelOf(genome.manifest.base.hash), currentKey))
        .sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1)),

    find,
    findFree,
    all: () => [...genomes.values()],
    readTensors: (genomeId) => store.readTensors(find(genomeId)),

    async readAdapter(genomeId, config) {
      const genome = findFree(genomeId)
      const tensors = await store.readTensors(genome)
      try {
        return await decodeAdapterTensors(config, loraOf(genome.manifest), tensors)
      } catch (cause) {
        if (!(cause instanceof CentramError)) throw cause
        throw new CentramError(cause.code, `"${genome.manifest.name}" cannot be used: ${cause.message}`, { cause })
      }
    },

    async add(draft, tensors, onSigned) {
      const manifest: GenomeManifest = {
        ...draft,
        version: 1,
        createdAt: surroundings.wallTime(),
        tensors: { hash: toHex(sha256(tensors)), bytes: tensors.length },
        author: identity.publicKey,
      }
      const genome = await signGenome(manifest, identity)
      await onSigned?.(genome)
      return keep(genome, tensors)
    },

    keep,

    async remove(genomeId) {
      find(genomeId)
      await store.remove(genomeId)
      genomes.delete(genomeId)
      onChange()
    },
  }
  return library
}

/** As the trainer and the engine take it. */
export function loraOf({ base, lora }: Pick<GenomeManifest, 'base' | 'lora'>): LoraConfig {
  const { targets, rank, alpha, rankStabilised } = lora
  return { targets: targetsOf(base.family).filter((target) => targets.includes(target)), rank, alpha, rankStabilised }
}

function describeGenome(
  { id, manifest }: SignedGenome,
  modelId: string | null,
  currentKey: (key: string) => string,
): GenomeState {
  const { name, createdAt, base, lora, tensors, operator, parents, training, fitness, privacy, licence } = manifest
  return {
    id,
    name,
    createdAt,
    author: currentKey(toHex(manifest.author)),
    baseHash: base.hash,
    baseName: base.name,
    modelId,
    targets: loraOf(manifest).targets,
    rank: lora.rank,
    alpha: lora.alpha,
    bytes: tensors.bytes,
    operator,
    parents,
    training: training ?? null,
    fitness,
    privacy: privacy ? { epsilon: privacy.epsilonPld ?? privacy.epsilonRdp, delta: privacy.delta } : null,
    licence,
  }
}
