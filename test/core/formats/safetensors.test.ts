// Hugging Face folders: safetensors headers, config.json, shards, and hostile forms of each.

import { readFileSync, readdirSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CentramError } from '#core/errors.ts'
import { createMemorySource, type ByteSource } from '#core/formats/byte-source.ts'
import { openModel } from '#core/formats/open-model.ts'
import { readSafetensors } from '#core/formats/safetensors.ts'

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 500)
const VECTORS = new URL('../../vectors/models/', import.meta.url)

type Directory = Record<string, { dtype: string; shape: number[]; data_offsets: number[] } | Record<string, string>>

function buildSafetensors(directory: Directory | string, dataBytes: number): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(typeof directory === 'string' ? directory : JSON.stringify(directory))
  const bytes = new Uint8Array(8 + json.length + dataBytes)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true)
  bytes.set(json, 8)
  return bytes
}

const read = (bytes: Uint8Array) => readSafetensors(createMemorySource('w.safetensors', bytes))
const pair: Directory = {
  __metadata__: { format: 'pt' },
  b: { dtype: 'F16', shape: [2, 3], data_offsets: [4, 16] },
  a: { dtype: 'F32', shape: [], data_offsets: [0, 4] },
}

describe('a proper header', () => {
  test('gives names, types, shapes and absolute places', async () => {
    const bytes = buildSafetensors(pair, 16)
    const { entries, header } = await read(bytes)
    const begin = header.length
    expect(bytes.length).toBe(begin + 16)
    expect(entries).toEqual([
      { name: 'b', dtype: 'F16', shape: [2, 3], offset: begin + 4, byteLength: 12 },
      { name: 'a', dtype: 'F32', shape: [], offset: begin, byteLength: 4 },
    ])
  })
})

describe('refusals say what is wrong', () => {
  const entry = (change: object): Directory => ({ ...pair, b: { ...pair['b'], ...change } })
  test.each<[string, Uint8Array, string, RegExp]>([
    ['nothing', new Uint8Array(0), 'FORMAT_TRUNCATED', /0 bytes are too few/],
    [
      'another file',
      new TextEncoder().encode('PK\u0003\u0004 this is a zip file'),
      'FORMAT_INVALID',
      /no safetensors file/,
    ],
    ['a cut directory', buildSafetensors(pair, 16).slice(0, 40), 'FORMAT_TRUNCATED', /directory should reach to byte/],
    ['cut data', buildSafetensors(pair, 15), 'FORMAT_TRUNCATED', /tensors reach to byte \d+, but the file ends/],
    ['data too many', buildSafetensors(pair, 17), 'FORMAT_INVALID', /1 bytes follow the last tensor/],
    ['no JSON', buildSafetensors('{"a":', 0), 'FORMAT_INVALID', /not valid JSON/],
    ['an array', buildSafetensors('[1, 2, 3, 4]', 0), 'FORMAT_INVALID', /does not begin with "\{"/],
    [
      'a name twice',
      buildSafetensors(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        1,
      ),
      'FORMAT_INVALID',
      /lists "a" twice/,
    ],
    ['an overlap', buildSafetensors(entry({ data_offsets: [2, 14] }), 16), 'FORMAT_INVALID', /"b" overlaps/],
    ['a gap', buildSafetensors(entry({ data_offsets: [6, 18] }), 18), 'FORMAT_INVALID', /"b" leaves a gap/],
    [
      'a wrong length',
      buildSafetensors(entry({ shape: [2, 4] }), 16),
      'FORMAT_INVALID',
      /shape \[2, 4\] takes 16 bytes/,
    ],
    [
      'an unknown type',
      buildSafetensors(entry({ dtype: 'Q4' }), 16),
      'FORMAT_UNSUPPORTED',
      /"b" has the element type "Q4"/,
    ],
    ['an inherited type', buildSafetensors(entry({ dtype: 'constructor' }), 16), 'FORMAT_UNSUPPORTED', /"constructor"/],
    ['a negative length', buildSafetensors(entry({ shape: [-1] }), 16), 'FORMAT_INVALID', /"b" lacks a proper dtype/],
    ['no offsets', buildSafetensors(entry({ data_offsets: [4] }), 16), 'FORMAT_INVALID', /"b" lacks/],
    ['huge lengths', buildSafetensors(entry({ shape: [2 ** 52, 2 ** 52] }), 16), 'FORMAT_INVALID', /takes/],
  ])('%s', async (_, bytes, code, message) => {
    await expect(read(bytes)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  test('a directory declared larger than memory is not read', async () => {
    const bytes = buildSafetensors(pair, 16)
    new DataView(bytes.buffer).setBigUint64(0, 2n ** 40n, true)
    await expect(read(bytes)).rejects.toMatchObject({ code: 'FORMAT_INVALID' })
  })
})

/** A folder under test/vectors, with some of its files changed. */
function folder(name: string, change: Record<string, (bytes: Uint8Array) => Uint8Array | null> = {}): ByteSource[] {
  const path = new URL(`${name}/`, VECTORS)
  return readdirSync(path).flatMap((file) => {
    const bytes = readFileSync(new URL(file, path))
    const changed = change[file] === undefined ? bytes : change[file](bytes)
    return changed === null ? [] : [createMemorySource(`${name}/${file}`, changed)]
  })
}

const withConfig = (change: object) => ({
  'config.json': (bytes: Uint8Array) =>
    new TextEncoder().encode(JSON.stringify({ ...(JSON.parse(new TextDecoder().decode(bytes)) as object), ...change })),
})

describe('folders', () => {
  test.each(['gpt2-hf', 'llama-hf', 'llama-hf-sharded', 'qwen2-hf', 'qwen3-hf'])('%s opens', async (name) => {
    const model = await openModel(folder(name))
    expect(model.format).toBe('safetensors')
    expect(model.config.family).toBe(name.split('-')[0])
    for (const tensor of model.tensors.values()) {
      const elements = tensor.shape.reduce((a, b) => a * b, 1)
      expect(tensor.byteLength).toBe(elements * (tensor.dtype === 'F32' ? 4 : 2))
      expect(tensor.offset + tensor.byteLength).toBeLessThanOrEqual(model.sources[tensor.source]?.size ?? 0)
    }
  })

  test('the order of the files does not matter', async () => {
    const files = folder('llama-hf-sharded')
    const one = await openModel(files)
    const other = await openModel([...files].reverse())
    expect(other.fingerprint).toBe(one.fingerprint)
    expect(one.sources.map((source) => source.name.split('/').at(-1))).toEqual(
      [1, 2, 3].map((no) => `model-0000${no}-of-00003.safetensors`),
    )
  })

  test('GPT-2 matrices are marked as transposed, with and without the prefix', async () => {
    const strip = (bytes: Uint8Array): Uint8Array => {
      const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
      const json = new TextDecoder().decode(bytes.subarray(8, 8 + length)).replaceAll('"transformer.', '"')
      const bare = buildSafetensors(json, bytes.length - 8 - length)
      bare.set(bytes.subarray(8 + length), bare.length - (bytes.length - 8 - length))
      return bare
    }
    const model = await openModel(folder('gpt2-hf'))
    expect(model.tensors.get('blk.1.attn_qkv.weight')).toMatchObject({ shape: [144, 48], transposed: true })
    expect(model.tensors.get('token_embd.weight')).not.toHaveProperty('transposed')
    const bare = await openModel(folder('gpt2-hf', { 'model.safetensors': strip }))
    expect([...bare.tensors.keys()].sort()).toEqual([...model.tensors.keys()].sort())
  })

  test('the built-in model opens', async () => {
    const path = new URL('../../../web/public/models/toy/', import.meta.url)
    const files = ['config.json', 'model.safetensors'].map((name) =>
      createMemorySource(name, readFileSync(new URL(name, path))),
    )
    const model = await openModel(files)
    expect(model.tokenizer).toEqual({ kind: 'bytes' })
    expect(model.config).toMatchObject({
      family: 'gpt2',
      width: 128,
      layers: 4,
      heads: 4,
      contextLength: 128,
      vocabularySize: 256,
      tiedHead: true,
    })
    const parameters = [...model.tensors.values()].reduce(
      (sum, tensor) => sum + tensor.shape.reduce((a, b) => a * b, 1),
      0,
    )
    expect(parameters).toBe(842_496)
  })

  test('Llama 3 divisors are those of transformers', async () => {
    // transformers 5.23, ROPE_INIT_FUNCTIONS["llama3"]: base 10000, 16 dimensions, factor 8, low 1, high 4, 64 positions,
    // given as plain over scaled inverse frequencies.
    const model = await openModel(folder('llama-hf-sharded'))
    const divisors = model.config.rope?.frequencyDivisors ?? []
    const expected = [1, 1.2939759014397845, 7.667385012984847, 8, 8, 8, 8, 8]
    expect(divisors).toHaveLength(8)
    divisors.forEach((divisor, i) => expect(divisor).toBeCloseTo(expected[i] ?? Number.NaN, 5))
  })

  test('end tokens come from every file that names one', async () => {
    const files = folder('llama-hf', withConfig({ eos_token_id: [3, 5] }))
    files.push(createMemorySource('generation_config.json', new TextEncoder().encode('{"eos_token_id": 7}')))
    expect((await openModel(files)).tokenizer).toMatchObject({ ends: [3, 5, 7, 0] })
  })

  test('a template in a file of its own goes before the one in tokenizer_config.json', async () => {
    const config = (bytes: Uint8Array) =>
      new TextEncoder().encode(
        JSON.stringify({
          ...(JSON.parse(new TextDecoder().decode(bytes)) as object),
          chat_template: [
            { name: 'tools', template: 'T' },
            { name: 'default', template: 'D' },
          ],
        }),
      )
    const files = folder('llama-hf', { 'tokenizer_config.json': config })
    expect((await openModel(files)).chatTemplate).toBe('D')
    files.push(createMemorySource('x/chat_template.jinja', new TextEncoder().encode('J')))
    expect((await openModel(files)).chatTemplate).toBe('J')
    expect((await openModel(files)).templateTokens).toEqual({ eos_token: '<|endoftext|>' })
  })
})

describe('folders that are refused', () => {
  test.each<[string, Record<string, (bytes: Uint8Array) => Uint8Array | null>, string, RegExp]>([
    ['no config.json', { 'config.json': () => null }, 'FORMAT_INVALID', /config\.json is missing/],
    ['no weights', { 'model.safetensors': () => null }, 'FORMAT_INVALID', /model\.safetensors \(or/],
    ['no tokenizer', { 'tokenizer.json': () => null }, 'FORMAT_INVALID', /tokenizer\.json is missing/],
    ['another family', withConfig({ model_type: 'gemma3' }), 'MODEL_UNSUPPORTED', /"gemma3" is not supported/],
    ['another activation', withConfig({ hidden_act: 'gelu' }), 'MODEL_UNSUPPORTED', /activation "gelu"/],
    [
      'YaRN',
      withConfig({ rope_parameters: { rope_type: 'yarn', factor: 4, rope_theta: 10_000 } }),
      'MODEL_UNSUPPORTED',
      /"yarn"/,
    ],
    ['partial RoPE', withConfig({ partial_rotary_factor: 0.5 }), 'MODEL_UNSUPPORTED', /part of each head/],
    [
      'sliding layers',
      withConfig({ layer_types: ['full_attention', 'sliding_attention'] }),
      'MODEL_UNSUPPORTED',
      /different attention/,
    ],
    [
      'a sliding window',
      withConfig({ use_sliding_window: true, sliding_window: 16 }),
      'MODEL_UNSUPPORTED',
      /sliding-window attention of 16/,
    ],
    ['experts', withConfig({ num_local_experts: 4 }), 'MODEL_UNSUPPORTED', /mixture of experts/],
    [
      'foreign quantisation',
      withConfig({ quantization_config: { quant_method: 'gptq' } }),
      'MODEL_UNSUPPORTED',
      /quantised in another way/,
    ],
    ['a width of text', withConfig({ hidden_size: 'wide' }), 'FORMAT_INVALID', /"hidden_size" is "wide"/],
    [
      'another width',
      withConfig({ intermediate_size: 97 }),
      'FORMAT_INVALID',
      /"blk\.0\.ffn_gate\.weight" .* has the shape \[96, 64\] where \[97, 64\]/,
    ],
    ['more layers', withConfig({ num_hidden_layers: 9 }), 'FORMAT_INVALID', /"blk\.3\.attn_norm\.weight" is missing/],
    ['fewer layers', withConfig({ num_hidden_layers: 1 }), 'MODEL_UNSUPPORTED', /is no part of a plain llama model/],
    [
      'a head that is not there',
      withConfig({ tie_word_embeddings: false }),
      'FORMAT_INVALID',
      /"output\.weight" is missing/,
    ],
    [
      'a config that is no JSON',
      { 'config.json': (bytes) => bytes.slice(0, 50) },
      'FORMAT_INVALID',
      /config\.json: not valid JSON/,
    ],
    [
      'a cut tokenizer',
      { 'tokenizer.json': (bytes) => bytes.slice(0, 500) },
      'FORMAT_INVALID',
      /tokenizer\.json: not valid JSON/,
    ],
    [
      'cut weights',
      { 'model.safetensors': (bytes) => bytes.slice(0, -1) },
      'FORMAT_TRUNCATED',
      /model\.safetensors: its tensors reach/,
    ],
  ])('%s', async (_, change, code, message) => {
    await expect(openModel(folder('llama-hf', change))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
  })

  test('a shard that is missing or named outside the folder', async () => {
    const shard = 'model-00002-of-00003.safetensors'
    await expect(openModel(folder('llama-hf-sharded', { [shard]: () => null }))).rejects.toMatchObject({
      code: 'FORMAT_INVALID',
      message: expect.stringContaining(`${shard} is missing`),
    })
    const outside = (bytes: Uint8Array) =>
      new TextEncoder().encode(new TextDecoder().decode(bytes).replaceAll(shard, `../${shard}`))
    await expect(
      openModel(folder('llama-hf-sharded', { 'model.safetensors.index.json': outside })),
    ).rejects.toMatchObject({
      code: 'FORMAT_INVALID',
      message: expect.stringContaining("is no shard's name"),
    })
  })

  test('files that are no model at all', async () => {
    const picture = createMemorySource('cat.png', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 1, 2, 3))
    await expect(openModel([picture])).rejects.toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
      message: expect.stringContaining('cat.png'),
    })
    await expect(openModel([])).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
  })
})

describe('hostile bytes', () => {
  test(`${RUNS} mutated folders are opened or refused, never more`, { timeout: 60_000 + RUNS * 20 }, async () => {
    const files = folder('gpt2-hf')
    const heads = files.map((file) => Math.min(file.size, 6000))
    const edit = fc.record({
      file: fc.nat(files.length - 1),
      at: fc.nat(5999),
      value: fc.nat(255),
      kind: fc.constantFrom('set', 'cut', 'digit'),
    })
    const originals = await Promise.all(files.map((file) => file.read(0, file.size)))
    const seen = { opened: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
        const changed = new Map<number, Uint8Array<ArrayBuffer>>()
        for (const { file, at, value, kind } of edits) {
          const bytes = changed.get(file) ?? originals[file]?.slice() ?? new Uint8Array(0)
          const place = at % (heads[file] ?? 1)
          if (kind === 'set') bytes[place] = value
          else if (kind === 'digit') bytes[place] = 0x30 + (value % 10)
          changed.set(file, kind === 'cut' ? bytes.slice(0, place) : bytes)
        }
        const sources = files.map((file, i) =>
          createMemorySource(file.name, changed.get(i) ?? originals[i] ?? new Uint8Array(0)),
        )
        try {
          await openModel(sources)
          seen.opened++
        } catch (error) {
          if (!(error instanceof CentramError) || error.code === 'INTERNAL') throw error
          seen.refused++
        }
      }),
      { numRuns: RUNS, seed: 20_261_123 },
    )
    // Both ways are really taken.
    expect(seen.opened).toBeGreaterThan(RUNS / 10)
    expect(seen.refused).toBeGreaterThan(RUNS / 4)
  })
})
