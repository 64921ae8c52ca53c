// A hundred thousand damaged inputs: frames, model files, tokenizers and templates are taken or refused with a code. None
// crashes, hangs or makes the product allocate more than its size allows.

import { expect, it } from 'vitest'
import { buildThread, ROOT } from '../simulation/build.ts'
import { fuzz } from '../fuzz/fuzz.ts'

it('takes or refuses 10⁵ mutated frames and comparisons of sets, GGUF and safetensors files, tokenizers and chat templates', async () => {
  const bundle = await buildThread({ entry: 'test/fuzz/thread.ts' })
  const counts = {
    frame: 40_000,
    comparison: 10_000,
    gguf: 16_000,
    safetensors: 16_000,
    'tokenizer.json': 10_000,
    'gguf tokenizer': 10_000,
    'chat template': 10_000,
  }
  const { inputs, findings, byTarget } = await fuzz({ bundle, root: ROOT, seed: '20261123', counts })
  expect(findings).toEqual([])
  for (const [target, { taken, refused, mostAllocated, slowestMs }] of byTarget) {
    console.log(
      `${target}: ${taken} taken, ${refused} refused, at most ${(mostAllocated / 2 ** 20).toFixed(1)} MiB allocated, ` +
        `slowest ${slowestMs.toFixed(0)} ms`,
    )
    // Both ways are really taken.
    expect(Math.min(taken, refused), target).toBeGreaterThan((taken + refused) / 100)
  }
  expect(inputs).toBeGreaterThanOrEqual(100_000)
})
