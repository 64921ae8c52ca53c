// Our ONNX graphs in ONNX Runtime Web over WebGPU: families and formats against logits that transformers computed on the same
// weights, and where its attention does not take the heads of those, against ours.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectedTensors } from '#core/formats/model-tensors.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import { drawUniform } from '#core/training/random-streams.ts'
import { makeSeededModel, seededConfig } from '#core/training/seeded-model.ts'
import { openOnnxSession } from '../../../worker/engines/onnx-session.ts'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { withWeights } from '../../../worker/train/learner.ts'
import { expectClose, FIXTURES, loadFixture, loadWhole, openGpu, stepTokens } from '../../gpu/model/fixture.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

/** One of each family and of each order of rotation; those of Qwen3 have heads of 8, which ONNX Runtime does not take. */
const CHOSEN = ['gpt2-hf', 'llama-gguf-q4_0', 'qwen2-gguf-q5_0']

describe.each(FIXTURES.filter((name) => CHOSEN.includes(name)))('%s', (name) => {
  test('gives the logits of every position, one after the other, in two parts, and all at once', async () => {
    const { model, prompt, longPrompt, logits, longLogits } = await loadFixture(name)
    const session = await openOnnxSession(model, model.config.contextLength)
    for (const [index, token] of prompt.entries()) {
      expectClose(await session.step([token]), logits[index] ?? new Float32Array(0))
    }
    expect(session.tokens).toEqual([...prompt])
    session.reset()
    expectClose(await session.step([...prompt]), logits.at(-1) ?? new Float32Array(0))
    session.reset()
    expectClose(await session.step(longPrompt), longLogits)
    session.reset()
    await session.step(longPrompt.slice(0, 100))
    expectClose(await session.step(longPrompt.slice(100)), longLogits)
    await session.close()
  })
})

test('norms on heads (Qwen3) give the logits that our own kernels give', async () => {
  const config: ModelConfig = { ...seededConfig('llama'), family: 'qwen3', layers: 2 }
  const weights = new Map(
    [...expectedTensors(config)].map(([tensor, shape], part) => {
      const size = shape.reduce((product, length) => product * length, 1)
      const [centre, bound] = shape.length === 1 ? [1, 0.5] : [0, Math.sqrt(3 / (shape[1] ?? 1))]
      const draw = (_: unknown, i: number) => centre + bound * (2 * drawUniform(1, 'initial', i, part) - 1)
      return [tensor, Float32Array.from({ length: size }, draw)]
    }),
  )
  const model = withWeights({ ...makeSeededModel('llama'), config }, weights)
  const tokens = Array.from({ length: 40 }, (_, i) => (i * 37) % config.vocabularySize)
  const shard = await loadWhole(gpu, model)
  const ours = await shard.openSession(64)
  const session = await openOnnxSession(model, 64)
  const { logits } = await stepTokens(ours, tokens, 'prefill', 'logits')
  expectClose(await session.step(tokens), logits)
  const next = await stepTokens(ours, [7], 'decode', 'logits')
  expectClose(await session.step([7]), next.logits)
  await session.close()
  shard.dispose()
})
