// What a training run of the built-in model leaves on disk.

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
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
