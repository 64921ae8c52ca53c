import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { utf8 } from '#core/crypto/bytes.ts'
import { createMemorySource } from '#core/formats/byte-source.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import { createAdapter, type Adapter } from '#core/genome/adapter.ts'
import { checkLoraConfig, loraScale, parameterCount, targetsOf } from '#core/genome/lora-config.ts'
import { decodeAdapterTensors, exportPeft, importPeft, type PeftFile } from '#core/genome/peft-adapter.ts'
import { readPeftConfig, writePeftConfig } from '#core/genome/peft-config.ts'
import { openFixture } from '../../worker/model/open-fixture.ts'

const FOLDER = 'test/vectors/peft'
const TOY: ModelConfig = {
  family: 'gpt2',
  name: 'toy',
  vocabularySize: 256,
  contextLength: 128,
  width: 128,
  layers: 4,
  heads: 4,
  kvHeads: 4,
  headDim: 32,
  ffnWidth: 512,
  normEpsilon: 1e-5,
  tiedHead: true,
}
const LORA = { targets: targetsOf('gpt2'), rank: 8, alpha: 16, rankStabilised: false }

const sources = (files: readonly PeftFile[]) => files.map(({ name, bytes }) => createMemorySource(name, bytes))
const folder = (path: string) =>
  readdirSync(path).map((name) => createMemorySource(`${path}/${name}`, readFileSync(`${path}/${name}`)))

test('rank 8 on the four linears of the toy is 65,536 parameters, 256 KiB', () => {
  expect(parameterCount(TOY, LORA)).toBe(65_536)
  const adapter = createAdapter(TOY, LORA, 1)
  expect([...adapter.modules.values()].reduce((sum, { a, b }) => sum + a.byteLength + b.byteLength, 0)).toBe(256 * 1024)
})

test('scales by alpha over the rank, or over its root', () => {
  expect(loraScale({ rank: 16, alpha: 8, rankStabilised: false })).toBe(0.5)
  expect(loraScale({ rank: 16, alpha: 8, rankStabilised: true })).toBe(2)
})

test('a new adapter follows from its seed, spreads evenly and changes nothing', () => {
  const { modules } = createAdapter(TOY, LORA, 1)
  const a = modules.get('blk.0.ffn_down')?.a ?? new Float32Array()
  const bound = 1 / Math.sqrt(512)
  expect(a.every((value) => Math.abs(value) <= bound)).toBe(true)
  expect(a.reduce((sum, value) => sum + value * value, 0) / a.length).toBeCloseTo((bound * bound) / 3, 4)
  expect([...modules.values()].every(({ b }) => b.every((value) => value === 0))).toBe(true)
  expect(createAdapter(TOY, LORA, 1)).toEqual(createAdapter(TOY, LORA, 1))
  expect(createAdapter(TOY, LORA, 2).modules.get('blk.0.ffn_down')?.a).not.toEqual(a)
  expect(modules.get('blk.1.ffn_down')?.a).not.toEqual(a)
})

test.each([
  [{ targets: [] }, /no linear/],
  [{ targets: ['attn_q'] as const }, /has no "attn_q"; it has attn_qkv/],
  [{ rank: 0 }, /rank 0/],
  [{ rank: 129 }, /between 1 and 128/],
  [{ alpha: -1 }, /alpha -1/],
])('refuses %j', (change, message) => {
  expect(() => checkLoraConfig(TOY, { ...LORA, ...change })).toThrow(message)
})

describe.each(['gpt2', 'llama', 'qwen2', 'qwen3'])('an adapter that PEFT made for the tiny %s', (name) => {
  const read = async () => {
    const { config } = await openFixture(`${name}-hf`)
    return { model: config, ...(await importPeft(config, folder(`${FOLDER}/${name}`))) }
  }

  test('loads, and is written as PEFT wrote its tensors', async () => {
    const { model, adapter, config } = await read()
    const files = exportPeft(model, adapter, { dropout: config.dropout, baseModel: `${name}-hf` })
    const again = await importPeft(model, sources(files))
    expect(again.adapter).toEqual(adapter)
    expect(again.config).toEqual(config)
    expect(again.config.baseModel).toBe(`${name}-hf`)
    // The same tensors, byte for byte; only the directory's spelling is free.
    const tensors = readFileSync(`${FOLDER}/${name}/adapter_model.safetensors`)
    const ours = files.find((file) => file.name.endsWith('.safetensors'))?.bytes ?? new Uint8Array()
    const data = (bytes: Uint8Array) =>
      bytes.subarray(8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)))
    expect(data(ours)).toEqual(new Uint8Array(data(tensors)))
    expect(await decodeAdapterTensors(model, adapter.lora, ours)).toEqual(adapter)
  })

  test('does not load for another model', async () => {
    const other = await openFixture(name === 'gpt2' ? 'llama-hf' : 'gpt2-hf')
    await expect(importPeft(other.config, folder(`${FOLDER}/${name}`))).rejects.toThrow(/is no LoRA matrix of a linear/)
    const { model } = await read()
    await expect(importPeft({ ...model, layers: model.layers + 1 }, folder(`${FOLDER}/${name}`))).rejects.toMatchObject(
      {
        code: 'MODEL_MISMATCH',
      },
    )
    await expect(importPeft({ ...model, width: model.width * 2 }, folder(`${FOLDER}/${name}`))).rejects.toThrow(
      /has the shape/,
    )
  })
})

describe('refuses by name', () => {
  const good = JSON.parse(writePeftConfig('llama', { ...LORA, targets: ['attn_q'] })) as Record<string, unknown>
  test.each([
    [{ peft_type: 'LOHA' }, /type "LOHA"/],
    [{ use_dora: true }, /use_dora is true/],
    [{ bias: 'all' }, /bias is "all"/],
    [{ modules_to_save: ['lm_head'] }, /modules_to_save/],
    [{ alpha_pattern: { q_proj: 2 } }, /alpha_pattern/],
    [{ r: 0 }, /"r" is 0/],
    [{ lora_alpha: '8' }, /"lora_alpha" is "8"/],
  ])('%j', (change, message) => {
    expect(() => readPeftConfig('adapter_config.json', { ...good, ...change })).toThrow(message)
  })

  test('missing files, and a pickle', async () => {
    await expect(importPeft(TOY, [])).rejects.toThrow(/adapter_config\.json is missing/)
    const config = createMemorySource('a/adapter_config.json', utf8(JSON.stringify(good)))
    await expect(
      importPeft(TOY, [config, createMemorySource('a/adapter_model.bin', new Uint8Array(1))]),
    ).rejects.toThrow(/safetensors is missing.*executable code/)
  })

  test('values that are no numbers', async () => {
    const adapter: Adapter = createAdapter(TOY, LORA, 1)
    adapter.modules.get('blk.2.attn_output')?.a.fill(NaN, 3, 4)
    await expect(importPeft(TOY, sources(exportPeft(TOY, adapter)))).rejects.toThrow(/blk\.2\.attn_output holds values/)
  })
})

test('the exported fixtures that PEFT was shown are what this code writes', async () => {
  const path = `${FOLDER}/exported`
  for (const name of existsSync(path) ? readdirSync(path) : []) {
    const model = (await openFixture(`${name}-hf`)).config
    const { adapter, config } = await importPeft(model, folder(`${path}/${name}`))
    for (const { name: file, bytes } of exportPeft(model, adapter, config)) {
      expect(new Uint8Array(readFileSync(`${path}/${name}/${file}`))).toEqual(bytes)
    }
  }
})
