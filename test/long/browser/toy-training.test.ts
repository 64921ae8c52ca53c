// The built-in model's training as `centram train-toy` drives it: a run that was closed and resumed gives the unbroken
// run's file, bit for bit.

import { expect, test } from 'vitest'
import { utf8 } from '#core/crypto/bytes.ts'
import { openToy } from '#core/toy/toy-model.ts'
import { heldOutSample, toySequences } from '#core/toy/toy-recipe.ts'
import { measureToy, openToyTraining } from '../../../worker/toy-training.ts'

const recipe = { steps: 2, batch: 2, peak: 1e-3, seed: 5 }
const corpus = (text: string) => ({
  train: utf8(text.repeat(40)),
  heldOut: utf8(text.repeat(6)),
  documents: [1, 1] as const,
})
const texts = {
  'moby-dick': corpus('The whale, the whale! said he. '),
  sotu: corpus('Fellow-citizens of the Senate: '),
}
const train = toySequences(recipe, texts)
const heldOut = heldOutSample(texts, 2)

test('resuming gives the bits of an unbroken run', async () => {
  const unbroken = await openToyTraining(navigator.gpu, { recipe, train, heldOut })
  const before = await unbroken.evaluate()
  await unbroken.runStep()
  const checkpoint = await unbroken.checkpoint()
  await unbroken.runStep()
  const whole = await unbroken.finish()
  const after = await unbroken.evaluate()
  unbroken.dispose()

  const resumed = await openToyTraining(navigator.gpu, { recipe, train, heldOut, checkpoint })
  expect(resumed.step).toBe(1)
  await resumed.runStep()
  expect(await resumed.finish()).toEqual(whole)
  resumed.dispose()

  expect(before).toBeCloseTo(Math.log(256), 0)
  expect(after).toBeLessThan(before)
  // The file in halves says nearly what the run's own weights do.
  expect(await measureToy(navigator.gpu, whole, heldOut)).toBeCloseTo(after, 3)
  expect((await openToy(whole)).config.layers).toBe(4)
})
