// GGUF headers: what is read, what is refused and in which words, and that no bytes at all crash or hang the reader.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CentramError } from '#core/errors.ts'
import { createMemorySource, type ByteSource } from '#core/formats/byte-source.ts'
import { readGguf } from '#core/formats/gguf.ts'
import { openModel } from '#core/formats/open-model.ts'
import { createTokenizer } from '#core/tokenizer/create-tokenizer.ts'
import { buildGguf, tinyLlama, type Field, type GgufSpec, type TensorSpec } from './gguf-builder.ts'

/** A plain run mutates some files; FUZZ_RUNS asks for more (100000 takes some minutes). */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 1500)

const open = (bytes: Uint8Array, name = 'm.gguf') => openModel([createMemorySource(name, bytes)])
const build = (change?: Parameters<typeof tinyLlama>[0], more: Partial<GgufSpec> = {}) =>
  buildGguf({ ...tinyLlama(change), ...more })

describe('a proper file', () => {
  test.each([2, 3])('of version %i', async (version) => {
    const model = await open(build(undefined, { version }))
    expect(model.config).toMatchObject({ family: 'llama', layers: 1, width: 8, heads: 2, kvHeads: 1, headDim: 4 })
    expect(model.config.rope).toEqual({ base: 10_000, dimensions: 4, layout: 'interleaved' })
    expect(model.tensors.size).toBe(11)
    expect(model.templateTokens).toEqual({ bos_token: '<s>', eos_token: '</s>' })
    expect(createTokenizer(model.tokenizer).endTokens).toEqual(new Set([2, 6]))
  })

  test('every kind of metadata value is read', async () => {
    const raw = (type: number, ...value: number[]): Field => ({ type: 'raw', value: [type, 0, 0, 0, ...value] })
    const bytes = build(({ fields }) => {
      fields.set('u8', raw(0, 255))
      fields.set('i8', raw(1, 255))
      fields.set('u16', raw(2, 255, 255))
      fields.set('i16', raw(3, 254, 255))
      fields.set('i32', raw(5, 253, 255, 255, 255))
      fields.set('bool', { type: 'bool', value: true })
      fields.set('u64', { type: 'u64', value: 12n })
      fields.set('large', { type: 'u64', value: 2n ** 60n })
      fields.set('i64', raw(11, 251, 255, 255, 255, 255, 255, 255, 255))
      fields.set('f64', raw(12, 0, 0, 0, 0, 0, 0, 224, 63))
      fields.set('bools', raw(9, 7, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0))
      fields.set('u16s', raw(9, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 1))
      fields.set('bom', { type: 'string', value: '\ufeffx' })
    })
    const { metadata } = await readGguf(createMemorySource('m', bytes))
    const values = ['u8', 'i8', 'u16', 'i16', 'i32', 'bool', 'u64', 'large', 'i64', 'f64', 'bools', 'bom'].map((key) =>
      metadata.get(key),
    )
    expect(values).toEqual([255, -1, 65_535, -2, -3, true, 12, 2n ** 60n, -5, 0.5, [true, false], '\ufeffx'])
    expect(metadata.get('u16s')).toEqual(Uint16Array.of(1, 258))
  })

  test('is read in a few growing requests, none past the header by much', async () => {
    const tokens = Array.from({ length: 40_000 }, (_, i) => `token number ${i}`)
    const bytes = build(({ fields }) => {
      fields.set('tokenizer.ggml.tokens', { type: 'strings', value: tokens })
    })
    const requests: number[] = []
    const source: ByteSource = {
      ...createMemorySource('m', bytes),
      async read(offset, length) {
        requests.push(length)
        return bytes.slice(offset, offset + length)
      },
    }
    const file = await readGguf(source)
    expect(file.metadata.get('tokenizer.ggml.tokens')).toEqual(tokens)
    expect(requests.length).toBeLessThan(6)
    expect(requests.reduce((a, b) => a + b)).toBeLessThan(2 * file.header.length)
    expect(Buffer.compare(file.header, bytes.subarray(0, file.header.length))).toBe(0)
  })
})

describe('the fingerprint', () => {
  test('is the same for the same model under any name, another for another', async () => {
    const one = await open(build())
    expect((await open(build(), 'other.gguf')).fingerprint).toBe(one.fingerprint)
    const changed = build(({ fields }) => void fields.set('llama.rope.freq_base', { type: 'f32', value: 9999 }))
    expect((await open(changed)).fingerprint).not.toBe(one.fingerprint)
    const longer = new Uint8Array([...build(), 0])
    expect((await open(longer)).fingerprint).not.toBe(one.fingerprint)
    expect(one.fingerprint).toMatch(/^[0-9a-f]{64}$/)
  })
})

describe('a file in parts', () => {
  const part = (no: number, keep: (name: string) => boolean) =>
    build(({ fields, tensors }) => {
      fields.set('split.no', { type: 'u32', value: no })
      fields.set('split.count', { type: 'u32', value: 2 })
      tensors.splice(0, tensors.length, ...tensors.filter((tensor) => keep(tensor.name)))
    })
  const first = createMemorySource(
    'm-00001-of-00002.gguf',
    part(0, (name) => !name.includes('ffn')),
  )
  const second = createMemorySource(
    'm-00002-of-00002.gguf',
    part(1, (name) => name.includes('ffn')),
  )

  test('opens as one, in whatever order', async () => {
    const model = await openModel([second, first])
    expect(model.sources).toEqual([first, second])
    expect(model.tensors.get('blk.0.ffn_up.weight')?.source).toBe(1)
    expect(model.tensors.size).toBe(11)
    expect(model.fingerprint).toBe((await openModel([first, second])).fingerprint)
  })

  test('is refused when one is missing or there twice', async () => {
    await expect(openModel([first])).rejects.toMatchObject({
      code: 'FORMAT_INVALID',
      message: expect.stringContaining('all of its parts'),
    })
    await expect(openModel([second])).rejects.toMatchObject({ code: 'FORMAT_INVALID' })
    await expect(openModel([first, first])).rejects.toMatchObject({ code: 'FORMAT_INVALID' })
    await expect(
      openModel([createMemorySource('a.gguf', build()), createMemorySource('b.gguf', build())]),
    ).rejects.toMatchObject({
      code: 'FORMAT_INVALID',
      message: expect.stringContaining('two models'),
    })
  })
})

type Change = NonNullable<Parameters<typeof tinyLlama>[0]>
const set =
  (key: string, field: Field): Change =>
  ({ fields }) =>
    void fields.set(key, field)
const drop =
  (key: string): Change =>
  ({ fields }) =>
    void fields.delete(key)
const tensor =
  (index: number, change: Partial<TensorSpec>): Change =>
  ({ tensors }) =>
    void tensors.splice(index, 1, { ...(tensors[index] as TensorSpec), ...change })
const u32 = (value: number): Field => ({ type: 'u32', value })
const text = (value: string): Field => ({ type: 'string', value })

describe('refusals say what is wrong and where', () => {
  const cases: [string, Change | Partial<GgufSpec>, string, RegExp][] = [
    ['another kind of file', { magic: 'PK\u0003\u0004' }, 'FORMAT_INVALID', /at byte 0: this is not a GGUF file/],
    ['version 1', { version: 1 }, 'FORMAT_UNSUPPORTED', /GGUF version 1 \(byte 4\)/],
    ['big-endian', { version: 0x03000000 }, 'FORMAT_UNSUPPORTED', /big-endian/],
    [
      'countless tensors',
      { tensorCount: 2n ** 63n },
      'FORMAT_INVALID',
      /at byte 8: it declares 9223372036854775808 tensors/,
    ],
    ['countless keys', { keyCount: 2n ** 40n }, 'FORMAT_INVALID', /at byte 16: it declares/],
    ['more tensors than fit', { tensorCount: 60_000n }, 'FORMAT_TRUNCATED', /60000 tensors, more than fit/],
    [
      'an unsupported quantisation',
      tensor(3, { type: 10 }),
      'FORMAT_UNSUPPORTED',
      /"blk\.0\.attn_q\.weight" \(byte \d+\) is stored as Q2_K/,
    ],
    ['an unknown quantisation', tensor(3, { type: 99 }), 'FORMAT_UNSUPPORTED', /unknown type 99/],
    [
      'rows that are no whole blocks',
      tensor(3, { type: 2 }),
      'FORMAT_INVALID',
      /rows of 8 elements, not whole Q4_0 blocks of 32/,
    ],
    ['an empty dimension', tensor(3, { dimensions: [8, 0] }), 'FORMAT_INVALID', /a dimension of 0/],
    ['too many dimensions', tensor(3, { dimensions: [1, 1, 1, 1, 1] }), 'FORMAT_INVALID', /5 dimensions/],
    [
      'a tensor past the end',
      tensor(10, { offset: 2 ** 40 }),
      'FORMAT_TRUNCATED',
      /"blk\.0\.ffn_down\.weight" lies at bytes \d+ to \d+, but the file ends/,
    ],
    [
      'overlapping tensors',
      tensor(4, { offset: 32 }),
      'FORMAT_INVALID',
      /begins at byte \d+, inside the tensor "token_embd\.weight"/,
    ],
    ['a tensor out of line', tensor(4, { offset: 3 }), 'FORMAT_INVALID', /no multiple of 32/],
    [
      'a tensor twice',
      tensor(4, { name: 'output_norm.weight' }),
      'FORMAT_INVALID',
      /"output_norm\.weight" is listed twice/,
    ],
    ['a crooked alignment', set('general.alignment', u32(24)), 'FORMAT_INVALID', /general\.alignment is 24/],
    ['no architecture', drop('general.architecture'), 'FORMAT_INVALID', /"general\.architecture" is missing/],
    [
      'another architecture',
      set('general.architecture', text('mamba')),
      'MODEL_UNSUPPORTED',
      /"mamba" is not supported.*gpt2, llama, qwen2, qwen3/,
    ],
    ['experts', set('llama.expert_count', u32(8)), 'MODEL_UNSUPPORTED', /mixture of 8 experts/],
    [
      'a sliding window',
      set('llama.attention.sliding_window', u32(16)),
      'MODEL_UNSUPPORTED',
      /sliding-window attention of 16/,
    ],
    ['YaRN', set('llama.rope.scaling.type', text('yarn')), 'MODEL_UNSUPPORTED', /RoPE scaling of type "yarn"/],
    ['scaled logits', set('llama.logit_scale', { type: 'f32', value: 2 }), 'MODEL_UNSUPPORTED', /"llama\.logit_scale"/],
    ['wider values than keys', set('llama.attention.value_length', u32(8)), 'MODEL_UNSUPPORTED', /value heads of 8/],
    [
      'a width of text',
      set('llama.embedding_length', text('8')),
      'FORMAT_INVALID',
      /"llama\.embedding_length" is "8" where a whole number/,
    ],
    ['no layers', set('llama.block_count', u32(0)), 'FORMAT_INVALID', /"llama\.block_count" is "0"/],
    [
      'heads that do not divide',
      set('llama.attention.head_count_kv', u32(3)),
      'FORMAT_INVALID',
      /2 heads that do not divide over 3/,
    ],
    [
      'a missing tensor',
      ({ tensors }) => void tensors.pop(),
      'FORMAT_INVALID',
      /"blk\.0\.ffn_down\.weight" is missing/,
    ],
    [
      'another shape',
      tensor(8, { dimensions: [16, 8] }),
      'FORMAT_INVALID',
      /"blk\.0\.ffn_gate\.weight" \(byte \d+\) has the shape \[8, 16\] where \[16, 8\]/,
    ],
    [
      'a tensor too many',
      ({ tensors }) => void tensors.push({ name: 'blk.0.attn_q.bias', dimensions: [8], type: 0, offset: 4096 }),
      'MODEL_UNSUPPORTED',
      /"blk\.0\.attn_q\.bias" is no part of a plain llama model/,
    ],
    ['another tokenizer', set('tokenizer.ggml.model', text('t5')), 'MODEL_UNSUPPORTED', /tokenizer of the kind "t5"/],
    ['no scores', drop('tokenizer.ggml.scores'), 'FORMAT_INVALID', /0 scores for 8 SentencePiece tokens/],
    [
      'too few token types',
      set('tokenizer.ggml.token_type', { type: 'i32s', value: [1] }),
      'FORMAT_INVALID',
      /1 token types for 8 tokens/,
    ],
    [
      'more tokens than rows',
      set('tokenizer.ggml.tokens', { type: 'strings', value: Array.from({ length: 9 }, String) }),
      'FORMAT_INVALID',
      /9 tokens for an embedding of 8/,
    ],
    [
      'an end token out of range',
      set('tokenizer.ggml.eos_token_id', u32(8)),
      'FORMAT_INVALID',
      /"tokenizer\.ggml\.eos_token_id" is "8"/,
    ],
    [
      'an array of arrays',
      set('x', { type: 'raw', value: [9, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0] }),
      'FORMAT_INVALID',
      /array of arrays/,
    ],
    [
      'an unknown value type',
      set('x', { type: 'raw', value: [13, 0, 0, 0] }),
      'FORMAT_INVALID',
      /unknown value type 13/,
    ],
    [
      'a string without end',
      set('x', { type: 'raw', value: [8, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0] }),
      'FORMAT_INVALID',
      /4294967295 bytes in "x"/,
    ],
  ]
  test.each(cases)('%s', async (_, change, code, message) => {
    // Room for tensors that a case adds.
    const bytes = typeof change === 'function' ? build(change, { dataBytes: 8192 }) : build(undefined, change)
    await expect(open(bytes)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    await expect(open(bytes)).rejects.toThrow(/m\.gguf/)
  })

  test('a file cut off anywhere', async () => {
    const bytes = build()
    for (let length = 0; length < bytes.length; length += length < 200 ? 1 : 7) {
      const error: unknown = await open(bytes.slice(0, length)).catch((cause: unknown) => cause)
      expect(error).toBeInstanceOf(CentramError)
      expect((error as CentramError).code).toBe('FORMAT_TRUNCATED')
      expect((error as CentramError).message).toMatch(/byte/)
    }
  })
})

describe('RoPE divisors', () => {
  test('from rope_freqs.weight', async () => {
    const spec = tinyLlama(({ tensors }) => {
      tensors.push({ name: 'rope_freqs.weight', dimensions: [2], type: 0, offset: 4096 })
    })
    const bytes = buildGguf({ ...spec, dataBytes: 4104 })
    new DataView(bytes.buffer).setFloat32(bytes.length - 8, 1, true)
    new DataView(bytes.buffer).setFloat32(bytes.length - 4, 32, true)
    const model = await open(bytes)
    expect(model.config.rope?.frequencyDivisors).toEqual([1, 32])
    expect(model.tensors.has('rope_freqs.weight')).toBe(false)
    new DataView(bytes.buffer).setFloat32(bytes.length - 4, -1, true)
    await expect(open(bytes)).rejects.toMatchObject({
      code: 'FORMAT_INVALID',
      message: expect.stringContaining('RoPE divisors'),
    })
  })

  test('from linear scaling', async () => {
    const bytes = build(({ fields }) => {
      fields.set('llama.rope.scaling.type', text('linear'))
      fields.set('llama.rope.scaling.factor', { type: 'f32', value: 4 })
    })
    expect((await open(bytes)).config.rope?.frequencyDivisors).toEqual([4, 4])
  })
})

describe('hostile bytes', () => {
  /** Opens, and then uses, whatever comes out. The only thing it may throw is a CentramError. */
  async function survive(bytes: Uint8Array): Promise<'opened' | 'refused'> {
    let largest = 0
    const source: ByteSource = {
      name: 'hostile.gguf',
      size: bytes.length,
      async read(offset, length) {
        largest = Math.max(largest, length)
        return bytes.slice(offset, offset + length)
      },
    }
    try {
      const model = await openModel([source])
      const tokenizer = createTokenizer(model.tokenizer)
      tokenizer.decode(tokenizer.encode('ab <|im_end|> c\u{1F600}'))
      for (const entry of model.tensors.values()) {
        expect(entry.offset >= 0 && entry.offset + entry.byteLength <= bytes.length).toBe(true)
      }
      return 'opened'
    } catch (error) {
      if (error instanceof CentramError && error.code !== 'INTERNAL') return 'refused'
      throw error
    } finally {
      expect(largest).toBeLessThanOrEqual(bytes.length)
    }
  }

  const proper = build()
  const edit = fc.record({
    at: fc.nat(proper.length - 1),
    kind: fc.constantFrom('set', 'flip', 'u64', 'cut', 'insert', 'remove', 'copy'),
    value: fc.nat(255),
    wide: fc.constantFrom(0n, 1n, 2n, 9n, 255n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n),
    length: fc.integer({ min: 1, max: 64 }),
  })

  function mutate(
    edits: readonly { at: number; kind: string; value: number; wide: bigint; length: number }[],
  ): Uint8Array {
    let bytes = Uint8Array.from(proper)
    for (const { at, kind, value, wide, length } of edits) {
      const place = at % Math.max(1, bytes.length)
      if (kind === 'set') bytes[place] = value
      else if (kind === 'flip') bytes[place] = (bytes[place] ?? 0) ^ (1 << (value % 8))
      else if (kind === 'u64' && place + 8 <= bytes.length) new DataView(bytes.buffer).setBigUint64(place, wide, true)
      else if (kind === 'cut') bytes = bytes.slice(0, place)
      else if (kind === 'insert')
        bytes = Uint8Array.from([
          ...bytes.slice(0, place),
          ...new Array<number>(length).fill(value),
          ...bytes.slice(place),
        ])
      else if (kind === 'remove') bytes = Uint8Array.from([...bytes.slice(0, place), ...bytes.slice(place + length)])
      else if (kind === 'copy') bytes.copyWithin(place, 0, length)
    }
    return bytes
  }

  test(`${RUNS} mutated files are opened or refused, never more`, { timeout: 60_000 + RUNS * 20 }, async () => {
    const seen = { opened: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        seen[await survive(mutate(edits))]++
      }),
      { numRuns: RUNS, seed: 20_261_123 },
    )
    // Both ways are really taken.
    expect(seen.opened).toBeGreaterThan(RUNS / 100)
    expect(seen.refused).toBeGreaterThan(RUNS / 4)
  })

  test('noise is refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (noise) => {
        const begun = Uint8Array.from([...proper.slice(0, 24), ...noise])
        expect(await survive(noise)).toBe('refused')
        await survive(begun)
      }),
      { numRuns: Math.ceil(RUNS / 10) },
    )
  })
})
