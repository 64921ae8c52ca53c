// What a training run of the built-in model leaves on disk.

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { drawCurve } from '../../signaling-server/cli/toy/curve-svg.ts'
import { readRun, writeRun } from '../../signaling-server/cli/toy/run-files.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'centram-toy-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const point = { step: 25, loss: 3.5, learningRate: 0.001, seconds: 12 }
/** Bytes with line ends in them. */
const checkpoint = Uint8Array.from({ length: 4096 }, (_, i) => i & 255)

test('nothing is there before the first checkpoint', async () => {
  expect(await readRun(join(folder, 'run'))).toBeNull()
})

test('reads back the checkpoint, byte for byte, with its curve', async () => {
  const path = join(folder, 'cache', 'run')
  const state = { curve: [point, { ...point, step: 50, heldOut: 2.5 }], adapters: ['a GPU'], checkpoint }
  await writeRun(path, state)
  expect(await readRun(path)).toEqual(state)
})

test('a write that was cut off leaves the state before it', async () => {
  const path = join(folder, 'run')
  const state = { curve: [point], adapters: [], checkpoint }
  await writeRun(path, state)
  await writeFile(`${path}.part`, '{"curve":[')
  expect(await readRun(path)).toEqual(state)
  const next = { ...state, curve: [point, { ...point, step: 50 }], checkpoint: checkpoint.slice(1) }
  await writeRun(path, next)
  expect(await readRun(path)).toEqual(next)
  expect(await readdir(folder)).toEqual(['run'])
})

test('draws every point of the curve inside the picture', () => {
  const curve = [25, 50, 75, 100].map((step) => ({
    ...point,
    step,
    loss: 5 - step / 25,
    ...(step % 50 === 0 && { heldOut: 5.2 - step / 25 }),
  }))
  const svg = drawCurve(curve, 512)
  const [training = '', heldOut = ''] = [...svg.matchAll(/<path d="(M[^"]*)" fill="none"/g)].map(([, path]) => path)
  const points = (path: string) =>
    path
      .split(/[ML]/)
      .slice(1)
      .map((pair) => pair.split(' ').map(Number))
  expect(points(training)).toHaveLength(4)
  expect(points(heldOut)).toHaveLength(2)
  expect(svg.match(/<circle/g)).toHaveLength(2)
  const [, , , last] = points(training)
  expect(last?.[0]).toBe(700)
  const heights = points(training).map(([, y]) => y as number)
  // Less loss is further down.
  expect([...heights].sort((a, b) => a - b)).toEqual(heights)
  expect(Math.min(...heights)).toBeGreaterThanOrEqual(40)
  expect(Math.max(...heights)).toBeLessThanOrEqual(272)
})
