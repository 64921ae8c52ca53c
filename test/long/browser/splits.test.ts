// Every family and stored type over every number of shards, cut evenly and unevenly: equal to the last bit.

import { afterAll, beforeAll, test } from 'vitest'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { FIXTURES, openGpu } from '../../gpu/model/fixture.ts'
import { expectSplitEqualsSolo } from '../../gpu/model/split.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

test.each(FIXTURES)('split equals solo: %s', (name) => expectSplitEqualsSolo(gpu, name, [2, 3, 4]))
