// The HTTP source against a server that behaves, breaks, stalls, changes its file and refuses.

import { describe, expect, test } from 'vitest'
import { createHttpSource, findHttpSource } from '../../../worker/storage/http-source.ts'
import { createEagerClock, createFakeServer, expectSameBytes, noise, type FakeServer } from './fixtures.ts'

const URL_ = 'https://models.example/a/model%20x.gguf?download=true#top'

function open(server: FakeServer, clock = createEagerClock(), signal?: AbortSignal) {
  return createHttpSource(URL_, { fetch: server.fetch, clock, ...(signal === undefined ? {} : { signal }) })
}

describe('a server that sends ranges', () => {
  test('gives size, name, version and any part', async () => {
    const server = createFakeServer(noise(300_000))
    const source = await open(server)
    expect(source).toMatchObject({
      size: 300_000,
      name: 'model x.gguf',
      version: '"v1"',
      key: URL_.replace('#top', ''),
    })
    expectSameBytes(await source.read(1000, 200_000), server.bytes.slice(1000, 201_000))
    expectSameBytes(await source.read(299_999, 1), server.bytes.slice(299_999))
    expect(await source.read(5, 0)).toEqual(new Uint8Array(0))
    expect(server.requests).toEqual(['bytes=0-0', 'bytes=1000-200999', 'bytes=299999-299999'])
  })

  test('an empty file', async () => {
    const source = await open(createFakeServer(new Uint8Array(0)))
    expect(source.size).toBe(0)
  })

  test('a range past the end is refused before anything is asked', async () => {
    const server = createFakeServer(noise(100))
    const source = await open(server)
    await expect(source.read(90, 11)).rejects.toMatchObject({ code: 'FORMAT_TRUNCATED' })
    expect(server.requests).toHaveLength(1)
  })

  test('its size is asked for when another origin hides Content-Range', async () => {
    const server = createFakeServer(noise(1000))
    server.intercept = ({ range }) =>
      range === 'bytes=0-0' ? new Response(new Uint8Array(1), { status: 206 }) : undefined
    expect((await open(server)).size).toBe(1000)
  })
})

describe('what breaks', () => {
  test('a transfer goes on from the last byte that came', async () => {
    const server = createFakeServer(noise(400_000))
    const source = await open(server)
    server.breakAfter = 150_000
    expectSameBytes(await source.read(0, 400_000), server.bytes)
    expect(server.requests.slice(1)).toEqual(['bytes=0-399999', 'bytes=150000-399999', 'bytes=300000-399999'])
  })

  test('a busy server is asked again, as late as it says', async () => {
    const server = createFakeServer(noise(1000))
    const clock = createEagerClock()
    server.intercept = ({ count }) => {
      if (count === 1) return new Response(null, { status: 503 })
      if (count === 2) return new Response(null, { status: 429, headers: { 'Retry-After': '7' } })
      if (count === 3) throw new TypeError('failed to fetch')
      return undefined
    }
    expect((await open(server, clock)).size).toBe(1000)
    expect(clock.pauses).toEqual([500, 7000, 2000])
  })

  test('a server that stays away ends in an error that says what to do', async () => {
    const server = createFakeServer(noise(1000))
    server.intercept = () => Promise.reject(new TypeError('failed to fetch'))
    await expect(open(server)).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: expect.stringMatching(/failed to fetch.*Check the connection.*is kept/s),
    })
    expect(server.requests).toHaveLength(6)
  })

  test('a stalled transfer is taken up again', async () => {
    const server = createFakeServer(noise(1000))
    const clock = createEagerClock()
    const source = await open(server, clock)
    let stalled = 0
    server.intercept = ({ count }) => {
      if (count !== 3) return undefined
      stalled++
      setImmediate(() => clock.stall())
      return new Response(
        new ReadableStream({ start: (controller) => controller.enqueue(server.bytes.slice(0, 10)) }),
        {
          status: 206,
        },
      )
    }
    // A real fetch ends its body when its signal fires; so does this one.
    const fetch = server.fetch
    const withAbort = await createHttpSource(URL_, {
      clock,
      fetch: async (url, init) => {
        const response = await fetch(url, init)
        return init?.signal ? new Response(abortable(response.body, init.signal), response) : response
      },
    })
    expectSameBytes(await withAbort.read(0, 1000), server.bytes)
    expect(stalled).toBe(1)
    expect(server.requests.at(-1)).toBe('bytes=10-999')
    expect(source.size).toBe(1000)
  })

  test('endless small answers end too', async () => {
    const server = createFakeServer(noise(1_000_000))
    const source = await open(server)
    server.breakAfter = 1
    await expect(source.read(0, 1_000_000)).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
    expect(server.requests.length).toBeLessThan(60)
  })
})

describe('what changes', () => {
  test.each([
    ['another ETag', (server: FakeServer) => void (server.etag = '"v2"')],
    ['another size', (server: FakeServer) => void (server.bytes = noise(2000, 9))],
    ['a shorter file', (server: FakeServer) => void (server.bytes = noise(10, 9))],
    [
      'a file that is gone',
      (server: FakeServer) => void (server.intercept = () => new Response(null, { status: 404 })),
    ],
  ])('%s is noticed', async (_, change) => {
    const server = createFakeServer(noise(1000))
    const source = await open(server)
    change(server)
    await expect(source.read(100, 500)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  })

  test('a weak form of the same ETag is the same', async () => {
    const server = createFakeServer(noise(1000))
    const source = await open(server)
    server.etag = 'W/"v1"'
    expectSameBytes(await source.read(0, 10), server.bytes.slice(0, 10))
  })
})

describe('servers that cannot or will not', () => {
  test('a small file comes whole and is held', async () => {
    const server = createFakeServer(noise(5000))
    server.ranges = false
    const source = await open(server)
    expectSameBytes(await source.read(4000, 1000), server.bytes.slice(4000))
    expect(server.requests).toHaveLength(1)
  })

  test('a large file without ranges is refused with a remedy', async () => {
    const server = createFakeServer(noise(10))
    server.intercept = () => new Response(null, { status: 200, headers: { 'Content-Length': String(10 ** 9) } })
    await expect(open(server)).rejects.toMatchObject({
      code: 'SOURCE_NO_RANGES',
      message: expect.stringContaining('drop it on the page'),
    })
  })

  test.each([
    [401, 'login'],
    [403, 'login'],
    [400, 'Check the address'],
  ])('status %i', async (status, remedy) => {
    const server = createFakeServer(noise(10))
    server.intercept = () => new Response(null, { status })
    await expect(open(server)).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: expect.stringContaining(remedy),
    })
    expect(server.requests).toHaveLength(1)
  })

  test('a missing file is `undefined` to who looks, an error to who needs it', async () => {
    const server = createFakeServer(noise(10))
    server.intercept = () => new Response(null, { status: 404 })
    const options = { fetch: server.fetch, clock: createEagerClock() }
    expect(await findHttpSource(URL_, options)).toBeUndefined()
    await expect(createHttpSource(URL_, options)).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
  })
})

test('a read that is cancelled ends as cancelled', async () => {
  const server = createFakeServer(noise(1000))
  const source = await open(server)
  const controller = new AbortController()
  server.intercept = () => {
    controller.abort()
    throw new TypeError('aborted')
  }
  await expect(source.read(0, 10, controller.signal)).rejects.toMatchObject({ code: 'CANCELLED' })
  await expect(source.read(0, 10, controller.signal)).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(server.requests).toHaveLength(2)
})

function abortable(body: ReadableStream<Uint8Array> | null, signal: AbortSignal): ReadableStream<Uint8Array> | null {
  if (body === null) return null
  const through = new TransformStream<Uint8Array, Uint8Array>()
  void body.pipeTo(through.writable, { signal }).catch(() => undefined)
  return through.readable
}
