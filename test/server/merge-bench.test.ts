import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTensorSet, readFloats } from '#core/merge/tensor-set.ts'
import { MERGE_PARENTS, writeMergeFiles } from '../../signaling-server/cli/bench/merge-files.ts'
import { startMergekit } from '../../signaling-server/cli/bench/mergekit.ts'
import { describeMerge } from '../../signaling-server/cli/bench/report.ts'
import { spreadOf } from '../../signaling-server/cli/bench/spread.ts'
import { openFileSource } from '../../signaling-server/cli/file-source.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'centram-merge-bench-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function valuesOf(path: string): Promise<Map<string, Float32Array>> {
  const source = await openFileSource(path)
  try {
    const { tensors } = await openTensorSet(path, [source])
    const values = new Map<string, Float32Array>()
    for (const [name, tensor] of tensors) values.set(name, await readFloats(tensor))
    return values
  } finally {
    await source.close()
  }
}

describe('the files that are merged', () => {
  it('are a base and parents near it but not equal to it, the same every time', async () => {
    const files = await writeMergeFiles(folder, 'F32')
    const before = await readFile(files.base)
    expect(before.length).toBe(files.bytes)
    expect(files.parents).toHaveLength(MERGE_PARENTS)
    const base = await valuesOf(files.base)
    for (const path of files.parents) {
      const parent = await valuesOf(path)
      expect([...parent.keys()]).toEqual([...base.keys()])
      let change = 0
      let size = 0
      for (const [name, values] of base) {
        values.forEach((value, i) => {
          change += (parent.get(name)![i]! - value) ** 2
          size += value ** 2
        })
      }
      expect(Math.sqrt(change / size)).toBeCloseTo(0.1, 2)
    }
    await writeMergeFiles(folder, 'F32')
    expect((await readFile(files.base)).equals(before)).toBe(true)
  })
})

describe('mergekit', () => {
  it('that a Python does not have is named with the remedy', async () => {
    await expect(startMergekit(process.execPath)).rejects.toMatchObject({
      code: 'BAD_ARGUMENT',
      message: expect.stringContaining('pip install mergekit') as unknown,
    })
    await expect(startMergekit(join(folder, 'no-such-python'))).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
  })

  it('is said to be missing where none was named', () => {
    const speed = spreadOf([100])
    const row = { operator: 'linear', dtype: 'F32', inputs: 3, megabytes: 30, random: false, megabytesPerSecond: speed }
    const text = describeMerge({ mergekit: null, rows: [row] }).join('\n')
    expect(text).toContain('mergekit was not run')
    expect(text).toContain('3 of 10.0 MB')
  })
})
