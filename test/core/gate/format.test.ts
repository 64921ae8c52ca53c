// Layer 5: the published attacks on safetensors files, each built here, and adapters that do not fit their base model.

import { describe, expect, test } from 'vitest'
import { concatBytes, utf8 } from '#core/crypto/bytes.ts'
import { format } from '#core/gate/format.ts'
import type { Arrival } from '#core/gate/layer.ts'
import type { LoraConfig } from '#core/genome/lora-config.ts'
import type { GenomeManifest } from '#core/genome/manifest.ts'
import { encodeAdapterTensors } from '#core/genome/peft-adapter.ts'
import { writeZip } from '#core/genome/zip.ts'
import { arrivalOf, CONFIG, contextWith, judge, LORA, makeGenome, trainedAdapter } from './arrivals.ts'
import { entriesOf, safetensorsOf, withEntry, withHeader, type Directory, type Entry } from './safetensors-files.ts'

const good = encodeAdapterTensors(CONFIG, trainedAdapter(1))
const { directory, data } = entriesOf(good)
const [first = '', second = ''] = Object.keys(directory).filter((name) => name !== '__metadata__')

/** The finding on these tensors, under a manifest that speaks of them. */
async function judgeFile(tensors: Uint8Array, manifest: Partial<GenomeManifest> = {}, changes: Partial<Arrival> = {}) {
  return judge(format, arrivalOf(await makeGenome(manifest, { tensors }), { tensors, ...changes }))
}

test('what our trainer and PEFT write passes', async () => {
  expect(await judgeFile(good)).toMatchObject({ outcome: 'passed' })
  // PEFT's own directory: entries in another order, the note last, no spaces between.
  const reordered = Object.fromEntries(Object.entries(directory).reverse())
  expect(await judgeFile(safetensorsOf(reordered, data))).toMatchObject({ outcome: 'passed' })
})

describe('published attacks', () => {
  const entry = JSON.stringify(directory[first])
  const text = JSON.stringify(directory)
  const named = (name: string, more: string) =>
    text.replace(`${JSON.stringify(name)}:`, `${more}${JSON.stringify(name)}:`)
  const bomb = Object.fromEntries(
    Array.from({ length: 6000 }, (_, i) => [`weight_${i}`, { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] }]),
  )
  const shaped = (shape: number[], data_offsets = [0, 16]): Directory =>
    withEntry(directory, first, { shape, data_offsets })

  test.each<[string, Uint8Array, string]>([
    ['nothing at all', new Uint8Array(10), 'directory of 0 bytes'],
    ['a directory longer than the file', withHeader(good, (length) => length + 100_000n), 'ends within its directory'],
    ['a directory longer than memory', withHeader(good, () => 2n ** 63n), 'directory of 9223372036854775808'],
    ['a directory of 2 MiB', safetensorsOf(directory, data, 2 * 1024 * 1024), 'directory of 2097152'],
    ['a directory of no length', withHeader(good, () => 0n), 'directory of 0 bytes'],
    ['a directory that is no JSON', safetensorsOf('{"a":', new Uint8Array(8)), 'not valid JSON'],
    ['a directory that is a list', safetensorsOf('[1, 2, 3, 4]', data), 'a JSON object was expected'],
    ['white space before the brace', safetensorsOf(` ${text}`, data), 'does not begin with'],
    ['line ends in the directory', safetensorsOf(text.replace(',', ',\n'), data), 'printable ASCII'],
    [
      'a directory not in UTF-8',
      safetensorsOf(text, data).map((byte, i) => (i === 20 ? 0xff : byte)),
      'printable ASCII',
    ],
    ['letters beyond ASCII', safetensorsOf(text.replace('"pt"', '"p\u0442"'), data), 'printable ASCII'],
    [
      'a length that aligns nothing',
      withHeader(concatBytes(good.subarray(0, 8), utf8(' '), good.subarray(8)), (n) => n + 1n),
      'multiple of eight',
    ],
    [
      'a tensor listed twice',
      safetensorsOf(named(second, `${JSON.stringify(first)}:${entry},`), data),
      'lora_A.weight" twice',
    ],
    [
      'a tensor listed twice, once in escapes',
      safetensorsOf(named(second, `"\\u0062${first.slice(1)}":${entry},`), data),
      'lora_A.weight" twice',
    ],
    [
      'a type said twice',
      safetensorsOf(text.replace('"dtype":"F32"', '"dtype":"U8","dtype":"F32"'), data),
      '"dtype" twice',
    ],
    ['a note said twice', safetensorsOf(named(first, '"__metadata__":{"format":"tf"},'), data), '"__metadata__" twice'],
    [
      'an entry that says more',
      safetensorsOf(withEntry(directory, first, { run: 'rm' }), data),
      'something else than dtype',
    ],
    [
      'an entry without a type',
      safetensorsOf({ ...directory, [first]: { shape: [1], data_offsets: [0, 4] } as never }, data),
      'something else than dtype',
    ],
    [
      'a page in the note',
      safetensorsOf({ ...directory, __metadata__: { a: '<script>alert(1)</script>' } }, data),
      'plain words',
    ],
    ['a document in the note', safetensorsOf({ ...directory, __metadata__: { a: '%PDF-1.4' } }, data), 'plain words'],
    [
      'a note that is long',
      safetensorsOf({ ...directory, __metadata__: { a: 'x'.repeat(600) } }, data),
      '601 characters',
    ],
    [
      'a note that is no words',
      safetensorsOf({ ...directory, __metadata__: { a: { b: 'c' } } as never }, data),
      'plain words',
    ],
    ['no tensors', safetensorsOf({ __metadata__: { format: 'pt' } }, new Uint8Array(0)), '0 tensors'],
    ['bytes behind the last tensor', concatBytes(good, utf8('bogus data')), '10 bytes follow'],
    [
      'an archive behind the last tensor',
      concatBytes(good, writeZip([{ name: 'a', bytes: utf8('b') }])),
      'zip archive',
    ],
    ['two bytes too few', good.subarray(0, good.length - 2), 'file ends at byte'],
    ['thousands of tensors over the same bytes', safetensorsOf(bomb, new Uint8Array(16)), 'overlaps'],
    ['an overlap', safetensorsOf(withEntry(directory, second, { data_offsets: [256, 1024] }), data), 'overlaps'],
    [
      'a hole',
      safetensorsOf(withEntry(directory, first, { data_offsets: [8, 520] }), concatBytes(data, new Uint8Array(8))),
      'leaves a gap',
    ],
    [
      'offsets that run backwards',
      safetensorsOf(withEntry(directory, first, { data_offsets: [16, 0] }), data),
      'bytes 16 to 0',
    ],
    [
      'offsets below zero',
      safetensorsOf(withEntry(directory, first, { data_offsets: [-16, 0] }), data),
      'lacks a proper',
    ],
    ['sizes that overflow', safetensorsOf(shaped([2, 2 ** 62]), data), 'lacks a proper'],
    ['sizes whose product overflows', safetensorsOf(shaped([2 ** 32, 2 ** 32]), data), 'takes 7378'],
    ['sizes in fractions', safetensorsOf(shaped([0.5, 8]), data), 'lacks a proper'],
    [
      'an empty tensor in the place of another',
      safetensorsOf(
        {
          ...directory,
          [first.replace('layers.0', 'layers.2')]: { dtype: 'F32', shape: [0, 32], data_offsets: [0, 0] },
        },
        data,
      ),
      'no matrix',
    ],
    ['an unknown type', safetensorsOf(withEntry(directory, first, { dtype: 'F31' }), data), '"F31"'],
    [
      'a type out of the prototype',
      safetensorsOf(withEntry(directory, first, { dtype: 'constructor' }), data),
      '"constructor"',
    ],
    ['a type that no weight has', safetensorsOf(withEntry(directory, first, { dtype: 'I32' }), data), 'type I32'],
    ['a name out of the prototype', safetensorsOf(text.replace(first, '__proto__'), data), '"__proto__" is no LoRA'],
    [
      'a tensor that is no part of an adapter',
      safetensorsOf(text.replace(first, 'lm_head.weight'), data),
      'no LoRA matrix',
    ],
    [
      'half of a pair',
      safetensorsOf(text.replace(first, first.replace('layers.0', 'layers.7')), data),
      'blk.7.ffn_up is missing',
    ],
    [
      'one matrix under two names',
      safetensorsOf(text.replace('layers.1', 'h.0').replace('model.h', 'transformer.h'), data),
      'twice, under two names',
    ],
  ])('%s', async (_, tensors, reason) => {
    expect(tensors).not.toEqual(good)
    const finding = await judgeFile(tensors)
    expect(finding.outcome).toBe('refused')
    expect(['FORMAT_INVALID', 'FORMAT_UNSUPPORTED']).toContain(finding.code)
    expect(finding.message).toContain(reason)
  })

  test('an archive that ends in the tensors is one even where the format has no room for it', async () => {
    const zip = writeZip([{ name: 'a', bytes: utf8('b') }])
    const hidden = Uint8Array.from(good)
    hidden.set(zip, good.length - zip.length)
    expect(await judgeFile(hidden)).toMatchObject({ code: 'FORMAT_INVALID', message: expect.stringContaining('zip') })
  })
})

describe('values', () => {
  const withValue = (at: number, value: number) => {
    const bytes = Uint8Array.from(good)
    new DataView(bytes.buffer).setFloat32(bytes.length - 4 * (at + 1), value, true)
    return bytes
  }
  test.each([NaN, Infinity, -Infinity])('%d among them', async (value) => {
    for (const at of [0, 100]) expect(await judgeFile(withValue(at, value))).toMatchObject({ code: 'NOT_FINITE' })
  })

  test('finite ones whose products are not', async () => {
    const adapter = trainedAdapter(1)
    for (const { a, b } of adapter.modules.values()) {
      a.fill(1e20)
      b.fill(1e20)
    }
    expect(await judgeFile(encodeAdapterTensors(CONFIG, adapter))).toMatchObject({ code: 'NOT_FINITE' })
  })

  test('a scale that makes them so', async () => {
    const lora = { ...LORA, targets: [...LORA.targets], dropout: 0, alpha: 1e300 }
    expect(await judgeFile(good, { lora })).toMatchObject({ code: 'NOT_FINITE' })
  })

  test('half precision is read, and its infinities found', async () => {
    const half = (value: number) => {
      const values = new Uint16Array(data.length / 4).fill(value)
      const entries = Object.fromEntries(
        Object.entries(directory as Readonly<Record<string, Entry>>).map(([name, { shape, data_offsets: offsets }]) =>
          name === '__metadata__'
            ? [name, { format: 'pt' }]
            : [name, { dtype: 'F16', shape, data_offsets: offsets.map((offset) => offset / 2) }],
        ),
      )
      return safetensorsOf(entries as Directory, new Uint8Array(values.buffer))
    }
    expect(await judgeFile(half(0x3c00))).toMatchObject({ outcome: 'passed' })
    expect(await judgeFile(half(0x7c00))).toMatchObject({ code: 'NOT_FINITE' })
    expect(await judgeFile(half(0x7e00))).toMatchObject({ code: 'NOT_FINITE' })
  })
})

describe('the base model', () => {
  const wider = { ...CONFIG, width: 64 }
  const deeper = { ...CONFIG, layers: 3 }
  test('an adapter of another shape, depth or rank', async () => {
    for (const config of [wider, deeper]) {
      const finding = await judge(
        format,
        arrivalOf(await makeGenome()),
        contextWith({ base: { hash: 'a'.repeat(64), config } }),
      )
      expect(finding).toMatchObject({ code: 'SHAPE_MISMATCH' })
    }
    const lora = { ...LORA, targets: [...LORA.targets], dropout: 0, rank: 8 }
    expect(await judgeFile(good, { lora })).toMatchObject({ code: 'FORMAT_INVALID' })
  })

  test('other linears than the manifest names', async () => {
    const lora = { ...LORA, dropout: 0, targets: ['attn_q'] }
    expect(await judgeFile(good, { lora })).toMatchObject({ code: 'SHAPE_MISMATCH' })
  })

  test('a linear in one layer only', async () => {
    const lora: LoraConfig = { ...LORA, targets: ['attn_q'] }
    const whole = trainedAdapter(1, lora)
    const [module, pair] = [...whole.modules][0] ?? []
    if (!module || !pair) throw new Error('there is no module')
    const one = entriesOf(encodeAdapterTensors({ ...CONFIG, layers: 1 }, { lora, modules: new Map([[module, pair]]) }))
    const tensors = safetensorsOf(JSON.stringify(one.directory).replaceAll('layers.0', 'layers.1'), one.data)
    const manifest = { lora: { ...lora, targets: ['attn_q'], dropout: 0 } }
    expect(await judgeFile(tensors, manifest)).toMatchObject({ code: 'SHAPE_MISMATCH' })
  })

  test('another model, and one that is not here', async () => {
    const arrival = arrivalOf(await makeGenome({ base: { hash: 'b'.repeat(64), name: 'other', family: 'llama' } }))
    expect(await judge(format, arrival)).toMatchObject({ code: 'BASE_MISMATCH' })
    expect(await judge(format, arrival, contextWith({ base: null }))).toMatchObject({
      outcome: 'not-run',
      code: 'NO_BASE_MODEL',
    })
  })

  test('a folder without a manifest is judged by its configuration', async () => {
    const arrival = arrivalOf(await makeGenome(), { manifest: null })
    expect(await judge(format, arrival)).toMatchObject({ code: 'FORMAT_INVALID' })
    const unsigned = { family: 'llama', rank: 4, alpha: 8, rankStabilised: false } as const
    expect(await judge(format, { ...arrival, unsigned })).toMatchObject({ outcome: 'passed' })
  })
})
