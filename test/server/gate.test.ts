// `centram gate` on real files: what it reads, what it says of each layer, what it refuses, and how it ends.

import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deflateRawSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { utf8 } from '#core/crypto/bytes.ts'
import { LAYER_NAMES } from '#core/gate/layer.ts'
import { createAdapter } from '#core/genome/adapter.ts'
import { encodeAdapterTensors } from '#core/genome/peft-adapter.ts'
import { writePeftConfig } from '#core/genome/peft-config.ts'
import { writeZip, type ZipEntry } from '#core/genome/zip.ts'
import { openToy } from '#core/toy/toy-model.ts'
import { runGate, type GateOptions } from '../../signaling-server/cli/gate.ts'
import { runCommandLine } from '../../signaling-server/cli/main.ts'
import { flipped, turned } from '../core/gate/copies.ts'
import { identityOf, LORA, makeGenome, NOW, trainedAdapter, type Made } from '../core/gate/arrivals.ts'

const vector = (path: string): string => fileURLToPath(new URL(`../vectors/${path}`, import.meta.url))

let folder = ''
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'centram-gate-'))))
afterEach(() => rm(folder, { recursive: true, force: true }))

/** What it prints, and the exit code it asks for. */
async function gate(path: string, options: Partial<GateOptions> = {}) {
  let printed = ''
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text)
    return true
  })
  try {
    const code = await runGate(path, { json: false, ...options })
    return { printed, code }
  } finally {
    spy.mockRestore()
  }
}

interface Report {
  readonly refused: number
  readonly genomes: readonly {
    readonly path: string
    readonly genome: string | null
    readonly outcome: string
    readonly layers: readonly {
      readonly layer: string
      readonly outcome: string
      readonly code: string
      readonly costMs: number
    }[]
  }[]
}

async function report(path: string, base?: string): Promise<Report & { readonly code: number }> {
  const { printed, code } = await gate(path, { json: true, ...(base !== undefined && { base }) })
  return { ...(JSON.parse(printed) as Report), code }
}

/** The code of each genome's refusal, by the end of its path. */
const refusals = ({ genomes }: Report) =>
  Object.fromEntries(
    genomes.map(({ path, layers }) => [
      path.slice(folder.length + 1),
      layers.find(({ outcome }) => outcome === 'refused')?.code ?? null,
    ]),
  )

const filesOf = ({ genome, tensors }: Made): ZipEntry[] => [
  { name: 'adapter_config.json', bytes: utf8(writePeftConfig('llama', LORA)) },
  { name: 'adapter_model.safetensors', bytes: new Uint8Array(tensors) },
  { name: 'centram-genome.cbor', bytes: genome.bytes },
]

async function writeFolder(name: string, files: readonly ZipEntry[]): Promise<string> {
  await mkdir(join(folder, name), { recursive: true })
  for (const { name: file, bytes } of files) await writeFile(join(folder, name, file), bytes)
  return join(folder, name)
}

async function writeArchive(name: string, files: readonly ZipEntry[]): Promise<string> {
  await writeFile(join(folder, name), writeZip(files))
  return join(folder, name)
}

describe('one genome', () => {
  test('as a zip, a folder or a file beside its manifest is the same genome', async () => {
    const made = await makeGenome()
    const files = filesOf(made)
    const zip = await writeArchive('moby.zip', files)
    const unpacked = await writeFolder('moby', files)
    for (const path of [zip, unpacked, join(unpacked, 'adapter_model.safetensors')]) {
      const { code, genomes } = await report(path)
      expect(code).toBe(0)
      expect(genomes).toMatchObject([{ path, genome: made.genome.id, outcome: 'incomplete' }])
      expect(genomes[0]?.layers.map(({ layer, outcome, code }) => [layer, outcome, code])).toEqual([
        ['admission', 'not-run', 'NO_SENDER'],
        ['identity', 'passed', 'PASSED'],
        ['freshness', 'not-run', 'NO_SENDER'],
        ['integrity', 'passed', 'PASSED'],
        ['format', 'not-run', 'NO_BASE_MODEL'],
        ['lineage', 'passed', 'PASSED'],
        ['privacy', 'passed', 'PASSED'],
        ['statistics', 'not-run', 'NO_COHORT'],
        ['behaviour', 'not-run', 'NO_GPU'],
        ['fitness', 'not-run', 'NO_GPU'],
      ])
      expect(genomes[0]?.layers.every(({ costMs }) => costMs >= 0)).toBe(true)
    }
  })

  test('made by PEFT is judged by its configuration, and by its base model where that is named', async () => {
    const formatOf = async (path: string, base: string) => {
      const { genomes } = await report(path, base)
      return genomes[0]?.layers.find(({ layer }) => layer === 'format')
    }
    for (const family of ['llama', 'gpt2', 'qwen2']) {
      expect(await formatOf(vector(`peft/${family}`), vector(`models/${family}-hf`))).toMatchObject({ code: 'PASSED' })
    }
    expect(await formatOf(vector('peft/llama'), 'toy')).toMatchObject({ outcome: 'refused' })
    expect(await formatOf(vector('peft/gpt2'), 'toy')).toMatchObject({ outcome: 'refused', code: 'SHAPE_MISMATCH' })
  })

  test('of the built-in model fits that, and no model of another hash', async () => {
    const file = new URL('../../web/public/models/toy/model.safetensors', import.meta.url)
    const { config, fingerprint } = await openToy(new Uint8Array(await readFile(file)))
    const lora = { ...LORA, targets: ['attn_qkv', 'ffn_up'] as const }
    const tensors = encodeAdapterTensors(config, createAdapter(config, lora, 1))
    const of = async (hash: string) => {
      const base = { hash, name: 'toy', family: config.family }
      const made = await makeGenome({ base, lora: { ...lora, targets: [...lora.targets], dropout: 0 } }, { tensors })
      const { genomes } = await report(await writeArchive('toy.zip', filesOf(made)), 'toy')
      return genomes[0]?.layers.find(({ layer }) => layer === 'format')
    }
    expect(await of(fingerprint)).toMatchObject({ outcome: 'passed' })
    expect(await of('0'.repeat(64))).toMatchObject({ outcome: 'refused', code: 'BASE_MISMATCH' })
  })

  test('is shown in a table that a person can read', async () => {
    const made = await makeGenome()
    const { printed } = await gate(await writeArchive('moby.zip', filesOf(made)))
    expect(printed).toContain(`moby.zip "Moby": not refused  ${made.genome.id}`)
    for (const name of LAYER_NAMES) expect(printed).toMatch(new RegExp(`^ {2}${name} +(ok|-) `, 'm'))
    expect(printed).toContain('was not passed either')
  })
})

describe('a folder of many', () => {
  test('tells originals from copies by when they were made, and ends with 1', async () => {
    const victim = trainedAdapter(21)
    const original = await makeGenome({ name: 'original', createdAt: NOW - 5000 }, { adapter: victim })
    const thief = { author: identityOf(9), adapter: flipped(turned(victim, 2)) }
    await writeArchive('z-original.zip', filesOf(original))
    await writeArchive('a-copy.zip', filesOf(await makeGenome({ name: 'mine', createdAt: NOW - 1000 }, thief)))
    const honest = { ...thief, adapter: flipped(victim) }
    const child = { name: 'child', createdAt: NOW - 1000, parents: [original.genome.id] }
    await writeArchive('child.zip', filesOf(await makeGenome(child, honest)))
    const result = await report(folder)
    expect(result.code).toBe(1)
    expect(result.refused).toBe(1)
    expect(refusals(result)).toEqual({ 'a-copy.zip': 'NEAR_COPY', 'child.zip': null, 'z-original.zip': null })
  })

  test('refuses what it cannot open, and goes on', async () => {
    const files = filesOf(await makeGenome())
    const good = await writeArchive('good.zip', files)
    await writeFile(join(folder, 'broken.zip'), (await readFile(good)).subarray(0, 300))
    await writeArchive('empty.zip', [])
    await writeArchive('twice.zip', [...files, { name: 'x/adapter_model.safetensors', bytes: new Uint8Array(12) }])
    await writeFile(join(folder, 'note.txt'), 'nothing to judge')
    await writeFile(join(folder, 'alone.safetensors'), 'not one at all')
    const forged = files.map(({ name, bytes }) => ({
      name,
      bytes: name.endsWith('.cbor') ? bytes.map((byte, i) => (i === 60 ? byte ^ 1 : byte)) : bytes,
    }))
    await writeFolder('deep/forged', forged)
    const swapped = (await makeGenome({}, { adapter: trainedAdapter(3) })).tensors
    await writeFolder('deep/swapped', [
      ...files.slice(0, 1),
      { name: 'adapter_model.safetensors', bytes: new Uint8Array(swapped) },
      ...files.slice(2),
    ])
    const result = await report(folder)
    expect(result.code).toBe(1)
    expect(refusals(result)).toEqual({
      'alone.safetensors': 'FORMAT_INVALID',
      'broken.zip': 'WRONG_TYPE',
      'deep/forged': expect.stringMatching(/^(SIGNATURE_INVALID|MANIFEST_INVALID)$/),
      'deep/swapped': 'TENSORS_MISMATCH',
      'empty.zip': 'WRONG_TYPE',
      'good.zip': null,
      'twice.zip': 'WRONG_TYPE',
    })
    const { printed } = await gate(folder)
    expect(printed).toContain('6 of 7 refused')
  })

  test('unpacks no more than an archive says, and takes none that says too much', async () => {
    const bomb = deflateRawSync(new Uint8Array(8 * 1024 * 1024))
    const packed = (size: number) => {
      const zip = writeZip([{ name: 'adapter_model.safetensors', bytes: new Uint8Array(bomb) }])
      const view = new DataView(zip.buffer)
      const central = zip.length - 22 - 46 - 'adapter_model.safetensors'.length
      view.setUint16(central + 10, 8, true)
      view.setUint32(central + 24, size, true)
      return zip
    }
    await writeFile(join(folder, 'liar.zip'), packed(1000))
    await writeFile(join(folder, 'huge.zip'), packed(0xffff_fff0))
    const result = await report(folder)
    expect(refusals(result)).toEqual({ 'huge.zip': 'WRONG_TYPE', 'liar.zip': 'WRONG_TYPE' })
    const { printed } = await gate(folder)
    expect(printed).toMatch(/huge\.zip .*hold more than/)
    expect(printed).toMatch(/liar\.zip .*cannot be unpacked/)
  })

  test('compares each with the cohort of the others', async () => {
    for (let seed = 0; seed < 6; seed++) {
      const adapter = trainedAdapter(100 + seed)
      if (seed === 5) for (const { b } of adapter.modules.values()) b.forEach((value, i) => (b[i] = 100 * value))
      await writeArchive(
        `${seed}.zip`,
        filesOf(await makeGenome({ name: `${seed}`, seed }, { adapter, author: identityOf(30 + seed) })),
      )
    }
    const result = await report(folder)
    expect(refusals(result)).toEqual({
      '0.zip': null,
      '1.zip': null,
      '2.zip': null,
      '3.zip': null,
      '4.zip': null,
      '5.zip': 'NORM_OUTLIER',
    })
    const statistics = result.genomes[0]?.layers.find(({ layer }) => layer === 'statistics')
    expect(statistics).toMatchObject({ outcome: 'passed' })
  })
})

test('nothing there, and nothing to judge, is an error and no verdict', async () => {
  await expect(gate(join(folder, 'missing'))).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
  await expect(gate(folder)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
  await cp(vector('peft/llama'), join(folder, 'a'), { recursive: true })
  await expect(gate(folder, { base: 'no-such-model' })).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
})

test('the command ends with 1 where it refuses', async () => {
  await writeFile(join(folder, 'a.safetensors'), 'not one at all')
  const spy = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  const before = process.exitCode
  try {
    await runCommandLine(['node', 'centram', 'gate', folder])
    expect(process.exitCode).toBe(1)
  } finally {
    process.exitCode = before
    spy.mockRestore()
  }
})
