// Models in every shape of every kernel: each is compared with its CPU reference elsewhere; this is that they fit together.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { BASE_PROFILE, shapesOf, type KernelKind } from '../../../worker/gpu/profile.ts'
import { expectClose, loadFixture, loadWhole, openGpu, stepTokens } from '../../gpu/model/fixture.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

for (const kind of Object.keys(BASE_PROFILE) as KernelKind[]) {
  for (const shape of shapesOf({ info: { subgroups: true } as GpuContext['info'] }, kind)) {
    if (shape === BASE_PROFILE[kind]) continue
    test(`${kind} ${shape}`, async () => {
      expect(shapesOf(gpu, kind)).toContain(shape)
      for (const name of ['gpt2-hf', 'qwen3-gguf-q5_1']) {
        const { model, prompt, logits } = await loadFixture(name)
        const shard = await loadWhole(gpu, model, { ...BASE_PROFILE, [kind]: shape })
        const session = await shard.openSession(model.config.contextLength)
        for (const [index, token] of prompt.slice(0, 5).entries()) {
          const decoded = await stepTokens(session, [token], 'decode', 'logits')
          expectClose(decoded.logits, logits[index] ?? new Float32Array(0))
        }
        session.trim(0)
        const prefilled = await stepTokens(session, prompt, 'prefill', 'logits')
        expectClose(prefilled.logits, logits.at(-1) ?? new Float32Array(0))
        shard.dispose()
      }
    })
  }
}
