// The built-in model as it ships, against what transformers computes from the same file.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { createMemorySource } from '#core/formats/byte-source.ts'
import { openModel } from '#core/formats/open-model.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { createTokenizer } from '#core/tokenizer/create-tokenizer.ts'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import type { Shard } from '../../../worker/model/shard.ts'
import golden from '../../vectors/toy/golden.json'
import { expectClose, loadWhole, openGpu, stepTokens } from './fixture.ts'

const urls = import.meta.glob<string>('../../../web/public/models/toy/*.{json,safetensors}', {
  query: '?url',
  import: 'default',
  eager: true,
})

let gpu: GpuContext
let model: OpenedModel
let shard: Shard
let weights: Uint8Array
beforeAll(async () => {
  gpu = await openGpu()
  const sources = await Promise.all(
    Object.entries(urls).map(async ([path, url]) => {
      const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer())
      if (path.endsWith('.safetensors')) weights = bytes
      return createMemorySource(path.split('/').slice(-2).join('/'), bytes)
    }),
  )
  model = await openModel(sources)
  shard = await loadWhole(gpu, model)
})
afterAll(() => {
  shard?.dispose()
  gpu.dispose()
})

test('is the model that the golden values were made from, with 842,496 parameters in under 2 MB', () => {
  expect(toHex(sha256(weights))).toBe(golden.modelSha256)
  const elements = [...model.tensors.values()].map(({ shape }) => shape.reduce((product, size) => product * size, 1))
  expect(elements.reduce((sum, count) => sum + count, 0)).toBe(842_496)
  expect(weights.length).toBeLessThan(2_000_000)
})

describe.each(golden.cases)('$text', ({ text, tokens, lastLogits, greedy }) => {
  test('is its own bytes', () => {
    const tokenizer = createTokenizer(model.tokenizer)
    expect(tokenizer.encode(text)).toEqual(tokens)
    expect(tokenizer.decode(tokens)).toBe(text)
  })

  test('gives the logits of its last position', async () => {
    const session = await shard.openSession(model.config.contextLength)
    const { logits } = await stepTokens(session, tokens, 'prefill', 'logits')
    expectClose(logits, Float32Array.from(lastLogits))
    session.dispose()
  })

  // The last case fills the context.
  if (!greedy) return
  test('goes on with the same 64 bytes', async () => {
    const session = await shard.openSession(model.config.contextLength)
    let { token } = await stepTokens(session, tokens, 'prefill', 'token')
    const written = [token]
    while (written.length < 64) {
      token = (await stepTokens(session, [token], 'decode', 'token')).token
      written.push(token)
    }
    expect(written).toEqual(greedy.tokens)
    session.dispose()
  })
})
