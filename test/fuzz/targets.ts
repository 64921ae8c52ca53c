// What is fuzzed: each target makes a damaged input from dice and hands it to the product, which may take or refuse it, with a
// code, and nothing else.

import { readdirSync, readFileSync } from 'node:fs'
import { applyChatTemplate } from '#core/chat-template/chat-template.ts'
import { fromHex } from '#core/crypto/bytes.ts'
import { openFrame } from '#core/protocol/codec.ts'
import { createMemorySource } from '#core/formats/byte-source.ts'
import { openModel } from '#core/formats/open-model.ts'
import { createAnswer, createComparison } from '#core/reconciliation/compare-sets.ts'
import { createItemSet } from '#core/reconciliation/item-set.ts'
import { createTokenizer } from '#core/tokenizer/create-tokenizer.ts'
import type { TokenizerSpec } from '#core/tokenizer/tokenizer.ts'
import { buildGguf, tinyLlama, type Field } from '../core/formats/gguf-builder.ts'
import { byteLevelGolden, huggingFaceGolden, sentencePieceGolden } from '../core/tokenizer/vectors.ts'
import { drawPair } from '../core/reconciliation/sets.ts'
import { createDice, type Dice } from '../simulation/random.ts'
import { damageBytes, damageJson, damageText, type Json } from './mutations.ts'

export interface Input {
  /** How many bytes it has. */
  readonly bytes: number
  /** Rejects or throws where it is refused. */
  run(): unknown
}

export type TargetName =
  'frame' | 'comparison' | 'gguf' | 'safetensors' | 'tokenizer.json' | 'gguf tokenizer' | 'chat template'

const VECTORS = 'test/vectors'

/** Read once: the seeds of all damage. */
export function createTargets(root: string): Readonly<Record<TargetName, (dice: Dice) => Input>> {
  const path = (name: string) => `${root}/${VECTORS}/${name}`
  const frames = Object.values(
    JSON.parse(readFileSync(path('protocol/frames.json'), 'utf8')) as Record<string, string | string[]>,
  )
    .flat()
    .map((hex) => fromHex(hex)!)
  const ggufs = ['llama-gguf-q4_0', 'qwen2-gguf-q5_0', 'gpt2-gguf-q8_0'].map(
    (name) => new Uint8Array(readFileSync(path(`models/${name}/model.gguf`))),
  )
  const folders = ['gpt2-hf', 'llama-hf', 'llama-hf-sharded'].map((name) =>
    readdirSync(path(`models/${name}`))
      .filter((file) => !['golden.json', 'logits.f32'].includes(file))
      .map((file) => ({
        file: `${name}/${file}`,
        bytes: new Uint8Array(readFileSync(path(`models/${name}/${file}`))),
      })),
  )
  const comparisons = recordComparisons()
  const trees = ['smollm', 'llama-bpe', 'llama2', 'qwen2'].map((name) => huggingFaceGolden(name).spec)
  const ggufSpecs = [byteLevelGolden('llama-bpe').spec, byteLevelGolden('gpt-2').spec, sentencePieceGolden().spec]
  const templates = readdirSync(path('templates'))
    .filter((file) => file.endsWith('.jinja'))
    .map((file) => readFileSync(path(`templates/${file}`), 'utf8'))
  const open = (files: readonly { readonly file: string; readonly bytes: Uint8Array }[]): Input => ({
    bytes: files.reduce((sum, { bytes }) => sum + bytes.length, 0),
    run: async () => {
      const model = await openModel(files.map(({ file, bytes }) => createMemorySource(file, bytes)))
      // What opens must be usable.
      return use(model.tokenizer)
    },
  })

  return {
    frame(dice) {
      const bytes = dice.chance(0.05) ? dice.bytes(dice.whole(0, 400)) : damageBytes(dice, dice.pick(frames))
      // As if the attacker's key were good and every signature right: only the parsing is left to stop it.
      return { bytes: bytes.length, run: () => openFrame(bytes, new Uint8Array(32), () => Promise.resolve(true)) }
    },
    comparison(dice) {
      const { method, set, recon, frames } = dice.pick(comparisons)
      const original = dice.pick(frames)
      const bytes = dice.chance(0.05) ? dice.bytes(dice.whole(0, 400)) : damageBytes(dice, original, 80)
      const asks = frames.indexOf(original) % 2 === 0
      return {
        bytes: bytes.length,
        run: () => {
          if (asks) return createAnswer({ set, method, recon })(bytes)
          const comparison = createComparison({ set, method, recon })
          comparison.open()
          return comparison.receive(bytes)
        },
      }
    },
    gguf(dice) {
      const bytes = dice.chance(0.5) ? damageBytes(dice, dice.pick(ggufs), 8000) : damagedSpec(dice)
      return open([{ file: 'damaged.gguf', bytes }])
    },
    safetensors(dice) {
      const files = dice.pick(folders)
      const chosen = dice.pick(files)
      const damaged =
        /\.json$/.test(chosen.file) && dice.chance(0.7)
          ? damagedJson(dice, chosen.bytes)
          : damageHeader(dice, chosen.bytes)
      return open(files.map((file) => (file === chosen ? { file: file.file, bytes: damaged } : file)))
    },
    'tokenizer.json'(dice) {
      const spec = dice.pick(trees)
      if (spec.kind !== 'huggingface') throw new Error('a Hugging Face tokenizer was expected')
      const tokenizer = damageJson(dice, spec.tokenizer as Json)
      return { bytes: JSON.stringify(tokenizer).length, run: () => use({ ...spec, tokenizer } as TokenizerSpec) }
    },
    'gguf tokenizer'(dice) {
      const spec = dice.pick(ggufSpecs)
      if (spec.kind !== 'gguf') throw new Error('a GGUF tokenizer was expected')
      const { tokens, merges, types, scores, ...rest } = spec
      const few = damageJson(dice, {
        tokens: [...tokens.slice(0, 300)],
        merges: [...merges.slice(0, 100)],
        ...rest,
      } as unknown as Json) as Record<string, Json>
      const words = (value: Json | undefined) => (Array.isArray(value) ? value.map(String) : [])
      const count = words(few['tokens']).length
      const changed = {
        ...rest,
        ...Object.fromEntries(
          Object.entries(few).filter(([key, value]) => typeof value === typeof (rest as Record<string, unknown>)[key]),
        ),
        // Which tokenizer it is, and a list of ends, the reader of the metadata has made sure of.
        kind: rest.kind,
        model: rest.model,
        ends: rest.ends.filter(() => dice.chance(0.9)),
        tokens: words(few['tokens']),
        merges: words(few['merges']),
        types: Int32Array.from({ length: count }, (_, index) =>
          dice.chance(0.02) ? dice.whole(-1, 7) : (types[index] ?? 1),
        ),
        ...(scores && {
          scores: Float32Array.from({ length: count }, (_, index) =>
            dice.chance(0.02) ? dice.pick([Number.NaN, Infinity, -1e30]) : (scores[index] ?? 0),
          ),
        }),
      } as TokenizerSpec
      return { bytes: JSON.stringify(few).length, run: () => use(changed) }
    },
    'chat template'(dice) {
      const chatTemplate = damageText(dice, dice.chance(0.15) ? dice.pick(LOOPS) : dice.pick(templates), [
        ...templates,
        ...LOOPS,
      ])
      const messages = [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hello {{ x }} {% raw %}' },
        { role: 'assistant', content: '' },
        { role: 'user', content: dice.pick(['a', '\ud800', '<|im_end|>', '{'.repeat(100)]) },
      ] as const
      return {
        bytes: chatTemplate.length,
        run: () =>
          applyChatTemplate({ chatTemplate, templateTokens: { bos_token: '<s>', eos_token: '</s>' } }, messages, {
            addGenerationPrompt: true,
            now: 0,
          }),
      }
    },
  }
}

/** Whole exchanges of small sets by either method: frames in turns, the asking side's first. */
function recordComparisons() {
  const dice = createDice('comparisons')
  return (['negentropy', 'riblt'] as const).flatMap((method) =>
    (['scattered', 'last'] as const).map((lie) => {
      const pair = drawPair(dice, { size: 200, differences: 30, lie, together: 3 })
      const [set, other] = [createItemSet(pair.ours), createItemSet(pair.theirs)]
      const recon = dice.bytes(16)
      const comparison = createComparison({ set, method, recon, maySwitch: false })
      const answer = createAnswer({ set: other, method, recon })
      const frames: Uint8Array[] = []
      for (let frame: Uint8Array | null = comparison.open(); frame;) {
        const back = answer(frame)
        frames.push(frame, back)
        frame = comparison.receive(back)
      }
      return { method, set, recon, frames }
    }),
  )
}

/** Templates that would compute or grow for ever. */
const LOOPS = [
  '{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{{ a + b + c }}{% endfor %}{% endfor %}{% endfor %}',
  "{% set ns = namespace(x='ab') %}{% for i in range(9000) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
  '{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}',
  '{% for a in messages %}{% for b in messages %}{% for c in messages %}{{ loop.index }}{{ c.content | upper }}{% endfor %}{% endfor %}{% endfor %}',
  "{{ messages | map(attribute='content') | join(',') | replace('a', 'aaaaaaaaaaaaaaaa') | replace('a', 'aaaaaaaaaaaaaaaa') }}",
]

function use(spec: TokenizerSpec): void {
  const tokenizer = createTokenizer(spec)
  for (const text of [
    'Hello, world 123!',
    '<|im_start|>x<|im_end|> \u{1F600}e\u0301',
    'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
    '',
  ]) {
    const ids = tokenizer.encode(text)
    tokenizer.encode(text, { special: false })
    tokenizer.decode(ids)
  }
}

/** A GGUF whose fields and tensors lie: written properly around values that are not proper. */
function damagedSpec(dice: Dice): Uint8Array<ArrayBuffer> {
  const spec = tinyLlama(({ fields, tensors }) => {
    for (let left = dice.whole(1, 3); left > 0; left--) {
      const [name] = dice.pick([...fields])
      const values: Field[] = [
        { type: 'u32', value: dice.pick([0, 1, 3, 2 ** 31, 2 ** 32 - 1]) },
        { type: 'u64', value: dice.pick([0n, 2n ** 40n, 2n ** 64n - 1n]) },
        { type: 'f32', value: dice.pick([0, -1, Number.NaN, Infinity]) },
        { type: 'string', value: dice.pick(['', 'llama', 'qwen2', '\ud800', 'x'.repeat(70_000)]) },
        { type: 'strings', value: dice.pick([[], [''], ['a', 'a', 'a'], new Array<string>(200).fill('<s>')]) },
        { type: 'i32s', value: dice.pick([[], [-1], [1, 2, 3]]) },
        { type: 'bool', value: true },
        // An array in an array, and a length that nothing follows.
        { type: 'raw', value: [9, 0, 0, 0, 9, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255] },
        { type: 'raw', value: [9, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0] },
      ]
      if (dice.chance(0.6)) fields.set(dice.chance(0.9) ? name : 'general.alignment', dice.pick(values))
      else {
        const index = dice.whole(0, tensors.length - 1)
        const tensor = tensors[index]!
        tensors[index] = dice.pick([
          { ...tensor, dimensions: tensor.dimensions.map((length) => length * dice.pick([0, 1, 2 ** 20, 2 ** 40])) },
          { ...tensor, dimensions: [...tensor.dimensions, 1, 1, 1] },
          { ...tensor, dimensions: [] },
          { ...tensor, type: dice.whole(0, 40) },
          { ...tensor, offset: dice.pick([1, 2 ** 31, 2 ** 52, tensor.offset + 32]) },
          { ...tensor, name: dice.pick(tensors).name },
          { ...tensor, name: 'x'.repeat(100) },
        ])
      }
    }
  })
  const counts = dice.chance(0.1)
    ? { tensorCount: dice.pick([0n, 2n ** 31n, 2n ** 64n - 1n]), keyCount: dice.pick([0n, 2n ** 32n, 2n ** 63n]) }
    : {}
  return buildGguf({
    ...spec,
    ...counts,
    alignment: dice.pick([32, 32, 32, 1, 3]),
    dataBytes: dice.pick([spec.dataBytes, spec.dataBytes, 0, 64]),
  })
}

function damagedJson(dice: Dice, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = JSON.stringify(damageJson(dice, JSON.parse(new TextDecoder().decode(bytes)) as Json))
  // A key twice: the last one counts for JSON.parse, and must not be believed half.
  return new TextEncoder().encode(dice.chance(0.1) ? text.replace('{', `{"model":${dice.whole(0, 9)},`) : text)
}

/** Of a safetensors file: its length field, or its JSON by places, written back properly. */
function damageHeader(dice: Dice, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  if (dice.chance(0.5) || length + 8 > bytes.length)
    return damageBytes(dice, bytes, Math.min(bytes.length, length + 16))
  const header = new TextEncoder().encode(
    JSON.stringify(damageJson(dice, JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Json)),
  )
  const file = new Uint8Array(8 + header.length + bytes.length - 8 - length)
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true)
  file.set(header, 8)
  file.set(bytes.subarray(8 + length), 8 + header.length)
  return file
}
