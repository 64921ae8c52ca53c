import { expect, test } from 'vitest'

test('the test browser offers a WebGPU adapter', async () => {
  const adapter = await navigator.gpu.requestAdapter()
  expect(adapter).not.toBeNull()
  expect(adapter?.features.has('subgroups')).toBe(true)
})
