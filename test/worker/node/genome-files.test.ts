// Genomes as files: out and back as they were signed, PEFT's own adapters, and files that are not what they seem.

import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, test } from 'vitest'
import { toHex, utf8 } from '#core/crypto/bytes.ts'
import { plainVerifier } from '#core/crypto/identity.ts'
import { readZip, writeZip, type ZipEntry } from '#core/genome/zip.ts'
import { createGenomeFiles, type GenomeFiles } from '../../../worker/node/genome-files.ts'
import { inflate } from '../../../worker/node/inflate.ts'
import { addGenome, createPlace, type Lab } from './lab-fixture.ts'

let lab: Lab
let files: GenomeFiles
beforeEach(async () => {
  lab = await createPlace('llama-hf', 'qwen2-hf', 'llama-gguf-q4_0').open()
  files = createGenomeFiles(lab.genomes, lab.models, plainVerifier)
})

const unpack = (bytes: Uint8Array) => readZip('export.zip', bytes, 1e9)
const importZip = (entries: readonly ZipEntry[], modelId = 'llama-hf', where = files) =>
  where.import(modelId, [new Blob([writeZip(entries)])], ['adapters/Poems.zip'])
const genomeOf = (id: string, { genomes } = lab) => genomes.list().find((genome) => genome.id === id)
const changed = (entries: readonly ZipEntry[], name: string, change: (bytes: Uint8Array<ArrayBuffer>) => void) =>
  entries.map((entry) => {
    if (entry.name !== name) return entry
    const bytes = entry.bytes.slice()
    change(bytes)
    return { name, bytes }
  })

test('a genome goes out and comes back with its id and its author, on another node too', async () => {
  const id = await addGenome(lab, 'Poems & prose, 2nd', 1)
  const genome = genomeOf(id)
  const { name, bytes } = await files.export(id)
  expect(name).toBe('Poems-prose-2nd.zip')
  const entries = await unpack(bytes)
  expect(entries.map((entry) => entry.name)).toEqual([
    'adapter_config.json',
    'adapter_model.safetensors',
    'centram-genome.cbor',
  ])
  await lab.genomes.remove(id)
  expect(lab.genomes.list()).toEqual([])
  await expect(files.export(id)).rejects.toThrow(/no genome/)
  expect(await importZip(entries)).toBe(id)
  expect(genomeOf(id)).toEqual(genome)

  const other = await createPlace('llama-hf').open(2)
  const otherFiles = createGenomeFiles(other.genomes, other.models, plainVerifier)
  expect(await importZip(entries, 'llama-hf', otherFiles)).toBe(id)
  expect(genomeOf(id, other)).toEqual(genome)
  expect(toHex(other.author)).not.toBe(genome?.author)
})

describe('what was changed since it was signed is an adapter like any other:', () => {
  let id: string
  let entries: ZipEntry[]
  beforeEach(async () => {
    id = await addGenome(lab, 'Poems', 1)
    entries = await unpack((await files.export(id)).bytes)
  })
  const plain = {
    name: 'Poems',
    operator: 'import',
    parents: [],
    training: null,
    privacy: null,
    licence: 'NOASSERTION',
  }

  test('its tensors', async () => {
    const imported = await importZip(
      changed(entries, 'adapter_model.safetensors', (bytes) => (bytes[bytes.length - 1] = 1)),
    )
    expect(imported).not.toBe(id)
    expect(genomeOf(imported)).toMatchObject({ ...plain, author: toHex(lab.author) })
  })
  test('its manifest', async () => {
    const imported = await importZip(changed(entries, 'centram-genome.cbor', (bytes) => (bytes[40]! ^= 1)))
    expect(imported).not.toBe(id)
    expect(genomeOf(imported)).toMatchObject(plain)
  })
  test('nothing, but it is used with another file of the model', async () => {
    const imported = await importZip(entries, 'llama-gguf-q4_0')
    expect(genomeOf(imported)).toMatchObject({ ...plain, modelId: 'llama-gguf-q4_0' })
  })
})

test("PEFT's own folder is read, as two files or as a zip that was deflated", async () => {
  const folder = 'test/vectors/peft/llama'
  const read = (name: string) => ({ name: `poems/${name}`, bytes: new Uint8Array(readFileSync(`${folder}/${name}`)) })
  const entries = [read('adapter_config.json'), read('adapter_model.safetensors')]
  const blobs = entries.map(({ bytes }) => new Blob([bytes]))
  const names = entries.map(({ name }) => name)
  const one = await files.import('llama-hf', blobs, names)
  expect(genomeOf(one)).toMatchObject({ name: 'poems', operator: 'import', modelId: 'llama-hf' })
  const two = await importZip(entries)
  expect(genomeOf(two)).toMatchObject({ name: 'Poems' })
  expect(await lab.genomes.readTensors(one)).toEqual(await lab.genomes.readTensors(two))
  const deflated = new Uint8Array(readFileSync('test/vectors/genome/deflated.zip'))
  const stored = new Uint8Array(readFileSync('test/vectors/genome/stored.zip'))
  expect(await readZip('deflated', deflated, 1e6, inflate)).toEqual(await readZip('stored', stored, 1e6))
  await expect(inflate(stored, 100)).rejects.toMatchObject({
    code: 'FORMAT_INVALID',
  })
})

describe('refuses', () => {
  const config = (fields: object) => ({
    name: 'adapter_config.json',
    bytes: utf8(JSON.stringify({ peft_type: 'LORA', r: 2, lora_alpha: 4, ...fields })),
  })
  const tensors = async () => (await unpack((await files.export(await addGenome(lab, 'x', 1))).bytes))[1]!

  test('an adapter of another model, naming the tensor', async () => {
    await expect(importZip([config({}), await tensors()], 'qwen2-hf')).rejects.toMatchObject({
      code: 'MODEL_MISMATCH',
      message: expect.stringMatching(/self_attn|mlp/),
    })
  })
  test('DoRA, half a folder, a damaged zip and nothing', async () => {
    await expect(importZip([config({ use_dora: true }), await tensors()])).rejects.toThrow(/use_dora/)
    await expect(importZip([config({})])).rejects.toThrow(/adapter_model\.safetensors is missing/)
    await expect(files.import('llama-hf', [new Blob(['PK'])], ['a.zip'])).rejects.toThrow(/a\.zip/)
    await expect(files.import('llama-hf', [], [])).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    await expect(importZip([config({}), await tensors()], 'nothing')).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' })
  })
})
