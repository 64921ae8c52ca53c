// A server in a function, a clock that does not wait, and locks within one process.

import { expect } from 'vitest'
import type { Clock } from '#core/clock.ts'

export interface FakeServer {
  readonly fetch: (url: string, init?: RequestInit) => Promise<Response>
  bytes: Uint8Array<ArrayBuffer>
  etag: string | undefined
  /** Called for every request: what it returns or throws stands instead of the answer. */
  intercept:
    | ((request: {
        method: string
        range: string | undefined
        count: number
      }) => Response | undefined | Promise<Response>)
    | undefined
  ranges: boolean
  /** The ranges asked for, in order; `whole` without one. */
  readonly requests: string[]
  /** Breaks each body after so many bytes. */
  breakAfter: number | undefined
}

export function createFakeServer(bytes: Uint8Array<ArrayBuffer>): FakeServer {
  const server: FakeServer = {
    bytes,
    etag: '"v1"',
    intercept: undefined,
    ranges: true,
    requests: [],
    breakAfter: undefined,
    async fetch(_url, init) {
      const method = init?.method ?? 'GET'
      const range = new Headers(init?.headers).get('Range') ?? undefined
      server.requests.push(range ?? 'whole')
      if (init?.signal?.aborted) throw init.signal.reason
      const instead = await server.intercept?.({ method, range, count: server.requests.length })
      if (instead !== undefined) return instead
      const headers = new Headers(server.etag === undefined ? {} : { ETag: server.etag })
      const total = server.bytes.length
      const match = /^bytes=(\d+)-(\d+)$/.exec(range ?? '')
      if (match === null || !server.ranges) {
        headers.set('Content-Length', String(total))
        return new Response(method === 'HEAD' ? null : body(server.bytes), { status: 200, headers })
      }
      const start = Number(match[1])
      const end = Math.min(Number(match[2]) + 1, total)
      if (start >= total) {
        headers.set('Content-Range', `bytes */${total}`)
        return new Response(null, { status: 416, headers })
      }
      headers.set('Content-Range', `bytes ${start}-${end - 1}/${total}`)
      return new Response(body(server.bytes.slice(start, end)), { status: 206, headers })
    },
  }

  function body(part: Uint8Array): ReadableStream<Uint8Array> {
    const limit = server.breakAfter ?? Number.POSITIVE_INFINITY
    let sent = 0
    return new ReadableStream({
      pull(controller) {
        if (sent >= part.length) return controller.close()
        if (sent >= limit) return controller.error(new TypeError('network error'))
        const end = Math.min(sent + 50_000, part.length, limit)
        controller.enqueue(part.slice(sent, end))
        sent = end
      },
    })
  }
  return server
}

export interface EagerClock extends Clock {
  /** Pauses asked for, in milliseconds. */
  readonly pauses: number[]
  /** Fires every timer that guards against a stall. */
  stall(): void
}

/** Pauses pass at once; the long timers that guard against stalls pass when a test says so. */
export function createEagerClock(): EagerClock {
  const guards = new Set<() => void>()
  const pauses: number[] = []
  return {
    pauses,
    now: () => 0,
    setTimeout(callback, milliseconds) {
      if (milliseconds === 30_000) {
        guards.add(callback)
        return callback
      }
      pauses.push(milliseconds)
      setImmediate(callback)
      return callback
    },
    clearTimeout: (timer) => void guards.delete(timer as () => void),
    stall() {
      for (const guard of [...guards]) guard()
    },
  }
}

/** One lock a name, as `navigator.locks` has it. */
export function createLocks(): <T>(name: string, work: () => Promise<T>) => Promise<T> {
  const tails = new Map<string, Promise<unknown>>()
  return (name, work) => {
    const turn = (tails.get(name) ?? Promise.resolve()).then(work, work)
    tails.set(
      name,
      turn.catch(() => undefined),
    )
    return turn
  }
}

/** Bytes that differ everywhere. */
export function noise(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let state = seed
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** Fails unless the two hold the same bytes; quicker on many than `toEqual`. */
export function expectSameBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  const at = actual?.length === expected.length ? actual.findIndex((byte, i) => byte !== expected[i]) : Number.NaN
  expect(at, `first differing byte (lengths ${actual?.length} and ${expected.length})`).toBe(-1)
}
