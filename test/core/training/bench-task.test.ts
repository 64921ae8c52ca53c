// The task that both sides of the training benchmark are given, and the models made up for it.

import { describe, expect, test } from 'vitest'
import { checkModel } from '#core/formats/model-tensors.ts'
import { checkAdapter } from '#core/genome/adapter.ts'
import { dequantise } from '#core/numeric/dequantise.ts'
import { benchAdapter, benchPlan, benchSequences } from '#core/training/bench-task.ts'
import { createBatchPlan } from '#core/training/batches.ts'
import { joinSequences } from '#core/training/micro-batches.ts'
import { makeSeededModel } from '#core/training/seeded-model.ts'
import { checkTrainingPlan } from '#core/training/training-plan.ts'

const task = { model: { seeded: 'gpt2' }, rank: 8, sequences: 3, length: 16, seed: 7 } as const

describe('the task', () => {
  test('is one whole batch of one document each, the same in every step and for whoever makes it', () => {
    const plan = benchPlan(task)
    checkTrainingPlan(plan)
    const sequences = benchSequences(task, 256)
    expect(sequences).toEqual(benchSequences(task, 256))
    for (const step of [0, 1, 5]) {
      const chosen = createBatchPlan(plan.seed, sequences.length, plan.batchSize).batchAt(step)
      expect([...chosen].sort()).toEqual([0, 1, 2])
    }
    const [micro, ...more] = joinSequences(sequences, plan.columns)
    expect(more).toEqual([])
    expect(micro?.counted).toBe(48)
    expect([...(micro?.starts ?? [])].filter((start, i) => start === i)).toEqual([0, 16, 32])
  })

  test('predicts the token after', () => {
    for (const { tokens, targets } of benchSequences(task, 100)) {
      expect(targets.slice(0, -1)).toEqual(tokens.slice(1))
      expect(Math.max(...tokens, ...targets)).toBeLessThan(100)
    }
  })
})

test.each(['gpt2', 'llama', 'qwen2'] as const)(
  'the seeded %s has the tensors of its family, all used',
  async (family) => {
    const model = makeSeededModel(family)
    const { config, tensors, sources } = model
    checkModel(config.name, config, new Map(tensors))
    checkAdapter(config, benchAdapter(model, { ...task, model: { seeded: family } }))
    expect([...tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)).toBe(sources[0]?.size)
    const { dtype, offset, byteLength } = tensors.get('blk.3.ffn_down.weight')!
    const values = new Float32Array(dequantise(dtype, await sources[0]!.read(offset, byteLength)))
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length
    // As large as keeps the spread of what passes through.
    expect(variance * config.ffnWidth).toBeCloseTo(1, 1)
  },
)
