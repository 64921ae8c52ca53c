// `centram merge` on real folders: what it writes, what it says, what it refuses, and that it leaves nothing half-done.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createSafetensorsWriter, layOutSafetensors } from '#core/formats/safetensors-writer.ts'
import { encodeFloats, readBytes, readFloats } from '#core/merge/tensor-set.ts'
import { openMergeInput } from '../../signaling-server/cli/merge-inputs.ts'
import { runMerge, type MergeOptions } from '../../signaling-server/cli/merge.ts'

const vector = (path: string): string => fileURLToPath(new URL(`../vectors/${path}`, import.meta.url))
const COMMAND = fileURLToPath(new URL('../../signaling-server/cli/centram.js', import.meta.url))
const [ONE, TWO, THREE] = ['one', 'two', 'three'].map((name) => vector(`merge/adapters/${name}`)) as [
  string,
  string,
  string,
]
const LLAMA = vector('models/llama-hf')
const SHARDED = vector('models/llama-hf-sharded')

let folder = ''
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'centram-merge-'))))
afterEach(() => rm(folder, { recursive: true, force: true }))

/** Runs the command in this process and returns what it printed. */
async function merge(options: Partial<MergeOptions> & Pick<MergeOptions, 'operator' | 'in'>): Promise<string> {
  let printed = ''
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text)
    return true
  })
  try {
    await runMerge({ weight: [], param: [], seed: 0, out: join(folder, 'out'), json: false, ...options })
  } finally {
    spy.mockRestore()
  }
  return printed
}

async function report(options: Parameters<typeof merge>[0]) {
  return JSON.parse(await merge({ ...options, json: true })) as Record<string, unknown> & { id: string; sha256: string }
}

/** Bytes of all tensors of a folder or file, by name. */
async function tensorsOf(path: string): Promise<Record<string, string>> {
  const input = await openMergeInput(path)
  const list = await Promise.all(
    [...input.set.tensors.values()].map(async (tensor) => {
      const { name, dtype, shape } = tensor
      return [name, `${dtype} ${shape.join('x')} ${Buffer.from(await readBytes(tensor)).toString('base64')}`] as const
    }),
  )
  await input.close()
  return Object.fromEntries(list)
}

async function valuesOf(path: string, name: string): Promise<Float32Array> {
  const input = await openMergeInput(path)
  const values = await readFloats(input.set.tensors.get(name)!)
  await input.close()
  return values
}

/** A safetensors file. */
async function write(
  name: string,
  tensors: Record<string, { dtype?: string; shape?: number[]; values: number[] }>,
): Promise<string> {
  const path = join(folder, name)
  const plans = Object.entries(tensors).map(([key, { dtype = 'F32', shape, values }]) => ({
    name: key,
    dtype,
    shape: shape ?? [values.length],
  }))
  const layout = layOutSafetensors(plans)
  const parts: Uint8Array[] = []
  const writer = await createSafetensorsWriter(layout, async (bytes) => void parts.push(bytes.slice()))
  for (const entry of layout.entries) {
    const { dtype = 'F32', values } = tensors[entry.name]!
    const bytes = dtype === 'I64' ? new Uint8Array(BigInt64Array.from(values, BigInt).buffer) : undefined
    await writer.write(entry.name, bytes ?? encodeFloats(Float32Array.from(values), dtype))
  }
  writer.finish()
  await writeFile(path, Buffer.concat(parts))
  return path
}

describe('whole models', () => {
  test('a lone parent comes through bit for bit, from shards into one file, with its companions', async () => {
    const out = join(folder, 'deep', 'out')
    await merge({ operator: 'linear', in: [SHARDED], out })
    expect(await tensorsOf(out)).toEqual(await tensorsOf(SHARDED))
    expect((await readdir(out)).sort()).toEqual([
      'centram-merge.json',
      'config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ])
    expect(await readFile(join(out, 'config.json'))).toEqual(await readFile(join(SHARDED, 'config.json')))
  })

  test('F16 and BF16 are read and written exactly, in the first parent’s type', async () => {
    const values = [1.5, -0.0078125, 3e-8, 65504, 0]
    const a = await write('a.safetensors', { h: { dtype: 'F16', values }, b: { dtype: 'BF16', values }, f: { values } })
    const b = await write('b.safetensors', {
      h: { values },
      b: { dtype: 'F16', values: [0, 0, 0, 0, 0] },
      f: { values },
    })
    const out = join(folder, 'out.safetensors')
    await merge({ operator: 'linear', in: [a, b], weight: [1, 0], out })
    expect(await tensorsOf(out)).toEqual(await tensorsOf(a))
  })

  test('the operator gets base, parents and parameters in their places', async () => {
    const [base, a, b] = await Promise.all([
      write('base.safetensors', { w: { values: [1, 1, 1] } }),
      write('a.safetensors', { w: { values: [2, 1, 1] } }),
      write('b.safetensors', { w: { values: [1, 1, 3] } }),
    ])
    const out = join(folder, 'out.safetensors')
    await merge({ operator: 'task_arithmetic', base, in: [a, b], weight: [2, 0.5], param: ['lambda=0.5'], out })
    expect([...(await valuesOf(out, 'w'))]).toEqual([2, 1, 1.5])
    await merge({ operator: 'nearswap', in: [base, a], param: ['t=0.25'], out: `${out}2` })
    expect([...(await valuesOf(`${out}2`, 'w'))]).toEqual([1.25, 1, 1])
  })

  test('what cannot be merged is copied where all agree', async () => {
    const ids = { dtype: 'I64', values: [0, 1, 2] }
    const a = await write('a.safetensors', { ids, w: { values: [1] } })
    const b = await write('b.safetensors', { ids, w: { values: [3] } })
    const c = await write('c.safetensors', { ids: { dtype: 'I64', values: [0, 1, 3] }, w: { values: [3] } })
    const out = join(folder, 'out.safetensors')
    await merge({ operator: 'linear', in: [a, b], out })
    expect((await tensorsOf(out))['ids']).toBe((await tensorsOf(a))['ids'])
    await expect(merge({ operator: 'linear', in: [a, c], out: `${out}2` })).rejects.toThrow(
      /"ids" \(I64\).*differs in .*c\.safetensors/,
    )
  })
})

describe('the id', () => {
  const options = { operator: 'dare_ties', in: [SHARDED, SHARDED], base: SHARDED, param: ['density=0.5'], seed: 3 }

  test('is the same for the same merge, from a copy under another name, and so are the bytes', async () => {
    const first = await report({ ...options, out: join(folder, 'a') })
    const copy = join(folder, 'copy')
    await cp(SHARDED, copy, { recursive: true })
    const second = await report({ ...options, in: [copy, SHARDED], out: join(folder, 'b') })
    expect(second.id).toBe(first.id)
    expect(second.sha256).toBe(first.sha256)
    expect(first.id).toMatch(/^[0-9a-f]{64}$/)
    const record = JSON.parse(await readFile(join(folder, 'b', 'centram-merge.json'), 'utf8')) as { parents: unknown }
    expect(record).toMatchObject({ id: first.id, operator: 'dare_ties', seed: 3, parameters: { density: [0.5, 0.5] } })
    expect(JSON.stringify(record)).not.toContain(folder)
  })

  test('changes with every parameter, the seed, the order and the rank', async () => {
    const base = { operator: 'lora_svd', in: [ONE, TWO] }
    const runs = [
      base,
      { ...base, in: [TWO, ONE] },
      { ...base, weight: [1, 2] },
      { ...base, param: ['normalize=false'] },
      { ...base, rank: 3 },
      { ...base, operator: 'lora_stack' },
      { ...base, operator: 'ties' },
      { ...base, operator: 'dare_linear', param: ['density=0.5'], seed: 1 },
      { ...base, operator: 'dare_linear', param: ['density=0.5'], seed: 2 },
    ]
    const ids: string[] = []
    for (const [i, run] of runs.entries()) ids.push((await report({ ...run, out: join(folder, String(i)) })).id)
    expect(new Set(ids).size).toBe(runs.length)
    // A seed that is not drawn from is no part of the merge.
    expect((await report({ ...base, seed: 9, out: join(folder, 'seed') })).id).toBe(ids[0])
  })
})

describe('adapters', () => {
  test('become an adapter folder, and it is said what is lost', async () => {
    const printed = await merge({ operator: 'lora_svd', in: [ONE, TWO, THREE], weight: [0.5, 0.25, 0.25], rank: 2 })
    expect(printed).toMatch(/in {3}[0-9a-f]{12} {2}.*one {2}weight 0.5/)
    expect(printed).toMatch(/Cut back to a rank, the updates are [\d.]+ % off on average, [\d.]+ % at worst \(/)
    expect(await readdir(join(folder, 'out'))).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'centram-merge.json',
    ])
    const config = JSON.parse(await readFile(join(folder, 'out', 'adapter_config.json'), 'utf8')) as object
    expect(config).toMatchObject({
      r: 2,
      lora_alpha: 2,
      base_model_name_or_path: 'example/two-linears',
      peft_type: 'LORA',
    })
    expect(await merge({ operator: 'lora_stack', in: [ONE, TWO], out: join(folder, 'b') })).toMatch(
      /Exact: every module/,
    )
    expect(await merge({ operator: 'lora_linear', in: [ONE, THREE], out: join(folder, 'c') })).toMatch(
      /A and B averaged apart are not the average of the adapters/,
    )
  })
})

describe('refusals come before any work', () => {
  test.each<[string, () => Promise<Parameters<typeof merge>[0]>, RegExp]>([
    ['no parent', async () => ({ operator: 'linear', in: [] }), /every parent with --in/],
    [
      'no such folder',
      async () => ({ operator: 'linear', in: ['/nowhere/at-all'] }),
      /no file or folder \/nowhere\/at-all/,
    ],
    [
      'no such operator',
      async () => ({ operator: 'blend', in: [LLAMA] }),
      /no merge operator "blend". There are: linear/,
    ],
    [
      'an adapter and a model',
      async () => ({ operator: 'linear', in: [ONE, LLAMA] }),
      /one is a LoRA adapter and .*llama-hf a whole model/,
    ],
    ['a rank for models', async () => ({ operator: 'linear', in: [LLAMA], rank: 4 }), /--rank is for LoRA adapters/],
    [
      'adapters’ operator for models',
      async () => ({ operator: 'lora_svd', in: [LLAMA] }),
      /lora_svd is for LoRA adapters/,
    ],
    ['no base', async () => ({ operator: 'ties', in: [LLAMA] }), /ties needs a base model/],
    ['a base too many', async () => ({ operator: 'linear', base: LLAMA, in: [LLAMA] }), /linear takes no base/],
    [
      'a weight too few',
      async () => ({ operator: 'linear', in: [LLAMA, LLAMA, LLAMA], weight: [1, 2] }),
      /one "weight" for each parent: 3, but there are 2/,
    ],
    [
      'a weight twice',
      async () => ({ operator: 'linear', in: [LLAMA], weight: [1], param: ['weight=2'] }),
      /weight was given twice/,
    ],
    [
      'a parameter that is no number',
      async () => ({ operator: 'slerp', in: [LLAMA, LLAMA], param: ['t=half'] }),
      /--param t=half: it must be name=value/,
    ],
    ['a missing parameter', async () => ({ operator: 'slerp', in: [LLAMA, LLAMA] }), /slerp needs the parameter "t"/],
    ['another model', async () => ({ operator: 'linear', in: [LLAMA, SHARDED] }), /lacks the tensor/],
    [
      'another shape',
      async () => ({
        operator: 'linear',
        in: [
          await write('a.safetensors', { w: { values: [1, 2] } }),
          await write('b.safetensors', { w: { values: [1, 2], shape: [2, 1] } }),
        ],
      }),
      /"w" is \[2\] in .*a\.safetensors and \[2, 1\] in .*b\.safetensors/,
    ],
    [
      'a model saved another way',
      async () => {
        await mkdir(join(folder, 'old'))
        await writeFile(join(folder, 'old', 'pytorch_model.bin'), 'x')
        return { operator: 'linear', in: [join(folder, 'old')] }
      },
      /old: it holds no model.safetensors.* Save it as safetensors first/,
    ],
    [
      'a shard that leads out of the folder',
      async () => {
        await mkdir(join(folder, 'bad'))
        const index = { weight_map: { w: '../../etc/passwd' } }
        await writeFile(join(folder, 'bad', 'model.safetensors.index.json'), JSON.stringify(index))
        return { operator: 'linear', in: [join(folder, 'bad')] }
      },
      /"weight_map" does not name/,
    ],
  ])('%s', async (_name, options, message) => {
    await expect(merge(await options())).rejects.toThrow(message)
    expect((await readdir(folder)).filter((name) => name.startsWith('out'))).toEqual([])
  })

  test('nothing is overwritten', async () => {
    await mkdir(join(folder, 'out'))
    await writeFile(join(folder, 'out', 'mine.txt'), 'mine')
    await expect(merge({ operator: 'linear', in: [LLAMA] })).rejects.toThrow(/is there already/)
    expect(await readdir(join(folder, 'out'))).toEqual(['mine.txt'])
  })

  test('a merge that fails half-way leaves nothing', async () => {
    const x = await write('x.safetensors', { v: { values: [1, 2] }, w: { values: [1, 2] } })
    const y = await write('y.safetensors', { v: { values: [3, 1] }, w: { values: [-1, -2] } })
    const before = (await readdir(folder)).sort()
    const options = { operator: 'multislerp', in: [x, x, y], weight: [1, 1, 2], out: join(folder, 'out.safetensors') }
    await expect(merge(options)).rejects.toThrow(/cannot merge "w": the weighted parents cancel out/)
    expect((await readdir(folder)).sort()).toEqual(before)
  })
})

test('as a command: JSON alone on standard output, and an exit code', async () => {
  const run = async (args: readonly string[]) => {
    const child = spawn(process.execPath, [COMMAND, 'merge', ...args])
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, stdout, stderr }
  }
  const out = join(folder, 'out')
  const args = [
    '--operator',
    'ties',
    '--in',
    ONE,
    '--in',
    TWO,
    '--weight',
    '1',
    '--weight',
    '-0.5',
    '--param',
    'density=0.5',
    '--out',
    out,
  ]
  const good = await run([...args, '--json'])
  expect(good.stderr).toBe('')
  expect(good.code).toBe(0)
  expect(JSON.parse(good.stdout)).toMatchObject({
    operator: 'ties',
    rank: 4,
    parameters: { weight: [1, -0.5], density: [0.5, 0.5] },
  })
  const bad = await run(args)
  expect(bad.code).toBe(1)
  expect(bad.stderr).toMatch(/^\S+out is there already/)
})
