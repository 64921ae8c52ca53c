// Every family and stored type: cut evenly and unevenly over every number of shards, in every grouping of columns, replayed.

import { afterAll, beforeAll, describe, test } from 'vitest'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { expectGroupingsAgree, expectReplayAgrees, expectSplitEqualsSolo } from '../../gpu/model/bit-contracts.ts'
import { FIXTURES, openGpu } from '../../gpu/model/fixture.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

describe.each(FIXTURES)('%s', (name) => {
  test('split equals solo', () => expectSplitEqualsSolo(gpu, name, [2, 3, 4]))
  test('a column does not know its neighbours', () => expectGroupingsAgree(gpu, name))
  test('trimmed and replayed, it answers the same', () => expectReplayAgrees(gpu, name))
})
