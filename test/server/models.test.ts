import { appendFile, truncate } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ServedModel } from '../../signaling-server/api.ts'
import { sendRaw, startLoopback, type Loopback } from './loopback.ts'

const BYTES = Uint8Array.from({ length: 1_000_003 }, (_, index) => (index * 31 + (index >> 8)) & 0xff)
let loopback: Loopback

beforeAll(async () => {
  loopback = await startLoopback({ extras: ['elsewhere/single.gguf', 'elsewhere/named'] })
  await loopback.write('models/plain.gguf', BYTES)
  await loopback.write('models/two words ä.gguf', 'small')
  await loopback.write('models/empty.gguf', '')
  await loopback.write('models/notes.txt', 'not a model')
  await loopback.write('models/.hidden.gguf', 'hidden')
  await loopback.write('models/folder/config.json', '{}')
  await loopback.write('models/folder/model.safetensors', 'weights')
  await loopback.write('models/folder/secret.key', 'secret')
  await loopback.write('models/broken/model.safetensors', 'no config beside it')
  await loopback.write('elsewhere/single.gguf', 'single')
  await loopback.write('elsewhere/other.gguf', 'not offered')
  await loopback.write('elsewhere/named/config.json', '{}')
  await loopback.write('elsewhere/named/model.safetensors', 'named')
  await loopback.write('web/models/toy/config.json', '{}')
  await loopback.write('web/models/toy/model.safetensors', 'toy')
  await loopback.write('outside.gguf', 'outside')
})
afterAll(() => loopback.close())

const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(loopback.origin + path, { headers, method })

describe('ranges of a model file', () => {
  it('serves the whole with validators and CORS', async () => {
    const response = await get('/models/plain.gguf', { Origin: 'https://elsewhere.example' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-length')).toBe(String(BYTES.length))
    expect(response.headers.get('accept-ranges')).toBe('bytes')
    expect(response.headers.get('etag')).toMatch(/^"[0-9a-f]+-[0-9a-f]+"$/)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(response.headers.get('access-control-expose-headers')).toContain('Content-Range')
    expect(Buffer.from(await response.arrayBuffer()).equals(BYTES)).toBe(true)
  })

  it.each([
    ['bytes=0-0', 0, 1],
    ['bytes=262143-262144', 262_143, 262_145],
    ['bytes=999999-', 999_999, BYTES.length],
    ['bytes=-1', BYTES.length - 1, BYTES.length],
    ['bytes=1-9999999999', 1, BYTES.length],
  ])('%s', async (range, from, to) => {
    const response = await get('/models/plain.gguf', { Range: range })
    expect(response.status).toBe(206)
    expect(response.headers.get('content-range')).toBe(`bytes ${from}-${to - 1}/${BYTES.length}`)
    expect(response.headers.get('content-length')).toBe(String(to - from))
    expect(Buffer.from(await response.arrayBuffer()).equals(BYTES.slice(from, to))).toBe(true)
  })

  it('answers 416 with the size when the range lies past the end', async () => {
    for (const range of [`bytes=${BYTES.length}-`, 'bytes=-0']) {
      const response = await get('/models/plain.gguf', { Range: range })
      expect(response.status).toBe(416)
      expect(response.headers.get('content-range')).toBe(`bytes */${BYTES.length}`)
      expect(await response.text()).toBe('')
    }
    expect((await get('/models/empty.gguf', { Range: 'bytes=0-' })).status).toBe(416)
  })

  it('answers an empty file with an empty body', async () => {
    const response = await get('/models/empty.gguf')
    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '0', ''])
  })

  it('says the same to HEAD without a body', async () => {
    for (const [headers, status, length] of [
      [{}, 200, BYTES.length],
      [{ Range: 'bytes=5-9' }, 206, 5],
    ] as const) {
      const response = await get('/models/plain.gguf', headers, 'HEAD')
      expect(response.status).toBe(status)
      expect(response.headers.get('content-length')).toBe(String(length))
      expect((await response.arrayBuffer()).byteLength).toBe(0)
    }
  })

  it('honours If-Range: the part while the file is the same, the whole once it changed', async () => {
    await loopback.write('models/changing.gguf', 'first version')
    const etag = (await get('/models/changing.gguf', {}, 'HEAD')).headers.get('etag') ?? ''
    const resume = () => get('/models/changing.gguf', { Range: 'bytes=6-', 'If-Range': etag })
    const part = await resume()
    expect([part.status, await part.text()]).toEqual([206, 'version'])
    await appendFile(`${loopback.folder}/models/changing.gguf`, '!')
    const whole = await resume()
    expect([whole.status, await whole.text()]).toEqual([200, 'first version!'])
    expect((await get('/models/changing.gguf', { Range: 'bytes=0-1', 'If-Range': `W/${etag}` })).status).toBe(200)
  })

  it('answers 304 to the tag it gave', async () => {
    const etag = (await get('/models/plain.gguf', {}, 'HEAD')).headers.get('etag') ?? ''
    expect((await get('/models/plain.gguf', { 'If-None-Match': `"x", W/${etag}` })).status).toBe(304)
    expect((await get('/models/plain.gguf', { 'If-None-Match': '"x"' }, 'HEAD')).status).toBe(200)
  })

  it('breaks the connection when the file shrinks while it is sent', async () => {
    const path = await loopback.write('models/shrinking.gguf', new Uint8Array(64 * 1024 * 1024))
    const response = await get('/models/shrinking.gguf')
    const reader = response.body?.getReader()
    await reader?.read()
    await truncate(path, 1_000)
    const drain = async () => {
      for (;;) if ((await reader?.read())?.done !== false) return
    }
    await expect(drain()).rejects.toThrow()
  })

  it('lets a page of another origin ask first', async () => {
    const response = await get(
      '/models/plain.gguf',
      { Origin: 'https://elsewhere.example', 'Access-Control-Request-Headers': 'range' },
      'OPTIONS',
    )
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-headers')).toContain('Range')
  })
})

describe('what is offered', () => {
  it('lists built-in, named and cached models, and nothing else', async () => {
    const { models } = (await (await get('/api/models')).json()) as { models: ServedModel[] }
    const rows = models.map(({ id, origin, sizeBytes }) => `${id} ${origin} ${sizeBytes}`)
    expect(rows).toEqual(
      expect.arrayContaining([
        'toy built-in 5',
        'single.gguf server 6',
        'named server 7',
        'plain.gguf server 1000003',
        'two words ä.gguf server 5',
        'folder server 9',
      ]),
    )
    for (const hidden of ['notes.txt', '.hidden.gguf', 'broken', 'other.gguf']) {
      expect(models.some(({ id }) => id === hidden)).toBe(false)
    }
    for (const { url } of models) {
      const address = `/${url}${url.endsWith('/') ? 'config.json' : ''}`
      expect((await get(address, {}, 'HEAD')).status, address).toBe(200)
    }
  })

  it('serves the files of a model folder, but only model files', async () => {
    expect(await (await get('/models/folder/model.safetensors')).text()).toBe('weights')
    expect(await (await get('/models/toy/model.safetensors')).text()).toBe('toy')
    expect((await get('/models/folder/secret.key')).status).toBe(404)
    expect((await get('/models/folder')).status).toBe(404)
    expect((await get('/models/folder/')).status).toBe(404)
  })

  it('finds a file that arrived after the start', async () => {
    expect((await get('/models/late.gguf')).status).toBe(404)
    await loopback.write('models/late.gguf', 'late')
    expect(await (await get('/models/late.gguf')).text()).toBe('late')
  })
})

describe('paths that try to leave', () => {
  it.each([
    '/models/../outside.gguf',
    '/models/%2e%2e/outside.gguf',
    '/models/..%2foutside.gguf',
    '/models/%2e%2e%2foutside.gguf',
    '/models/..%5coutside.gguf',
    '/models//../outside.gguf',
    '/models/folder/../../outside.gguf',
    '/models/folder/..%2f..%2foutside.gguf',
    '/models/folder/%2e%2e/%2e%2e/outside.gguf',
    '/models/plain.gguf%00.txt',
    '/models/plain.gguf/',
    '/models/plain.gguf/../../outside.gguf',
    '/models/%ff%fe',
    '/models/%',
    '/models/C:%5coutside.gguf',
    '/%2e%2e/outside.gguf',
    '/..%2foutside.gguf',
    '/../outside.gguf',
    '/assets/../../outside.gguf',
    '//outside.gguf',
    'http://127.0.0.1/../outside.gguf',
  ])('%s', async (path) => {
    const answer = await sendRaw(
      loopback.server.port,
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 40[04] /)
    expect(answer).not.toContain('outside')
  })
})
