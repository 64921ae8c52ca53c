// Genomes as files: a zip of a PEFT folder with the signed manifest beside the two files, and adapters that other programs
// made, as such a zip or as the two files alone.

import { utf8 } from '#core/crypto/bytes.ts'
import type { Verifier } from '#core/crypto/identity.ts'
import { CentramError } from '#core/errors.ts'
import { createMemorySource } from '#core/formats/byte-source.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { encodeAdapterTensors, decodeAdapterTensors, importPeft } from '#core/genome/peft-adapter.ts'
import { ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE, writePeftConfig } from '#core/genome/peft-config.ts'
import { GENOME_FILE, checkTensors, openGenome, type SignedGenome } from '#core/genome/signed-genome.ts'
import { readZip, writeZip, type ZipEntry } from '#core/genome/zip.ts'
import { NO_LICENCE } from './genome-labels.ts'
import { loraOf, type GenomeLibrary } from './genome-library.ts'
import { inflate } from './inflate.ts'
import type { ModelLibrary } from './model-library.ts'

export interface GenomeFiles {
  /** Throws `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `MODEL_MISMATCH` naming the file. Returns the genome's id. */
  import(modelId: string, files: readonly Blob[], names: readonly string[]): Promise<string>
  export(genomeId: string): Promise<{ readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }>
}

const MAX_BYTES = 1024 * 1024 * 1024

export function createGenomeFiles(genomes: GenomeLibrary, models: ModelLibrary, verifier: Verifier): GenomeFiles {
  /** The genome that a zip was exported from: signed by its author, with the tensors that are there. */
  async function openOwn(entries: readonly ZipEntry[], model: OpenedModel): Promise<[SignedGenome, ZipEntry] | null> {
    const [manifest, tensors] = [findEntry(entries, GENOME_FILE), findEntry(entries, ADAPTER_WEIGHTS_FILE)]
    if (!manifest || !tensors) return null
    try {
      const genome = await openGenome(manifest.bytes, verifier)
      checkTensors(genome.manifest, tensors.bytes)
      if (genome.manifest.base.hash !== model.fingerprint) return null
      await decodeAdapterTensors(model.config, loraOf(genome.manifest), tensors.bytes)
      return [genome, tensors]
    } catch {
      // Changed since it was signed: what it says of itself holds no more, and it is an adapter like any other.
      return null
    }
  }

  return {
    async import(modelId, files, names) {
      const entries = await openFiles(files, names)
      const model = await models.open(modelId)
      const own = await openOwn(entries, model)
      if (own) return genomes.keep(own[0], own[1].bytes)
      const sources = entries.map(({ name, bytes }) => createMemorySource(name, bytes))
      const { adapter, config } = await importPeft(model.config, sources)
      const title = models.list().find(({ id }) => id === modelId)?.title ?? model.config.name
      return genomes.add(
        {
          name: nameOf(names, entries) ?? config.baseModel ?? 'Imported adapter',
          base: { hash: model.fingerprint, name: title, family: model.config.family },
          lora: { ...adapter.lora, targets: [...adapter.lora.targets], dropout: config.dropout },
          parents: [],
          operator: 'import',
          parameters: {},
          seed: 0,
          fitness: {},
          licence: NO_LICENCE,
        },
        encodeAdapterTensors(model.config, adapter),
      )
    },

    async export(genomeId) {
      const { manifest, bytes } = genomes.find(genomeId)
      const { base, lora, name } = manifest
      const config = writePeftConfig(base.family, loraOf(manifest), { dropout: lora.dropout, baseModel: base.name })
      const zip = writeZip([
        { name: ADAPTER_CONFIG_FILE, bytes: utf8(config) },
        { name: ADAPTER_WEIGHTS_FILE, bytes: await genomes.readTensors(genomeId) },
        { name: GENOME_FILE, bytes },
      ])
      return { name: `${fileName(name)}.zip`, bytes: zip }
    },
  }
}

async function openFiles(files: readonly Blob[], names: readonly string[]): Promise<ZipEntry[]> {
  const total = files.reduce((sum, { size }) => sum + size, 0)
  if (files.length === 0 || files.length !== names.length || total > MAX_BYTES) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `Choose ${ADAPTER_CONFIG_FILE} and ${ADAPTER_WEIGHTS_FILE}, or a zip that holds them, of 1 GiB at most.`,
    )
  }
  const entries = await Promise.all(
    files.map(async (file, index) => ({ name: names[index]!, bytes: new Uint8Array(await file.arrayBuffer()) })),
  )
  const [only] = entries
  return entries.length === 1 && only && /\.zip$/i.test(only.name)
    ? readZip(only.name, only.bytes, MAX_BYTES, inflate)
    : entries
}

const findEntry = (entries: readonly ZipEntry[], name: string) =>
  entries.find((entry) => entry.name.split('/').at(-1) === name)

/** The zip's name, or that of the folder the files lie in. */
function nameOf(names: readonly string[], entries: readonly ZipEntry[]): string | undefined {
  const [first = ''] = names
  const folder = findEntry(entries, ADAPTER_CONFIG_FILE)?.name.split('/').at(-2)
  const name = /\.zip$/i.test(first) ? first.slice(0, -4).split('/').at(-1) : folder
  return name === undefined || name.trim() === '' ? undefined : name.trim().slice(0, 80)
}

/** Fit for every file system. */
function fileName(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
  return plain.slice(0, 60) || 'genome'
}
