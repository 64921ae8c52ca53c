// One HTTP request with everything that can go wrong around it: refusals, broken and stalled transfers, servers that
// ask to wait. What may pass is tried again with growing pauses; what may not ends in an error a person can act on.

import { CentramError, errorMessage } from '#core/errors.ts'
import type { Clock } from '#core/clock.ts'

export interface HttpTools {
  readonly url: string
  readonly fetch: (url: string, init?: RequestInit) => Promise<Response>
  readonly clock: Clock
  /** How often a request may fail in a row; 6 unless a stored copy stands by. */
  readonly attempts?: number
}

/** What an attempt may use; all of it is under the attempt's own stall timer. */
export interface HttpAttempt {
  send(headers: Record<string, string>): Promise<Response>
  sendHead(): Promise<Response>
  readBody(response: Response, capBytes: number, tooLarge: () => Error): Promise<Uint8Array<ArrayBuffer>>
  readInto(response: Response, take: (chunk: Uint8Array) => void): Promise<void>
  /** The error for a status that is no answer: thrown, it is tried again where that may help. */
  refused(response: Response): Error
  /** The error for a body that ended early. */
  broken(): Error
}

const ATTEMPTS = 6
/** However many bytes came in between, no request is made more often than this. */
const MOST_ATTEMPTS = 50
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 15_000
const LONGEST_ASKED_PAUSE_MS = 60_000
/** Without a single byte for so long, a transfer counts as broken. */
const STALL_MS = 30_000
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504])

class Passing extends Error {
  readonly pauseMs: number | undefined
  constructor(message: string, pauseMs?: number) {
    super(message)
    this.pauseMs = pauseMs
  }
}

/** Runs `attempt` until it succeeds, fails for good, or has failed too often without any byte arriving. */
export async function retrying<T>(
  tools: HttpTools,
  signal: AbortSignal | undefined,
  attempt: (request: HttpAttempt) => Promise<T>,
): Promise<T> {
  const { url, clock, attempts: limit = ATTEMPTS } = tools
  let failures = 0
  for (let attempts = 1; ; attempts++) {
    throwIfCancelled(url, signal)
    const run = startAttempt(tools, signal)
    try {
      return await attempt(run.request)
    } catch (error) {
      throwIfCancelled(url, signal)
      if (error instanceof CentramError) throw error
      // A transfer that moved is no sign of a dead server: its failures are counted anew.
      failures = run.moved() ? 1 : failures + 1
      if (failures >= limit || attempts >= MOST_ATTEMPTS) {
        throw unreachable(
          url,
          `${errorMessage(error)} (${attempts} attempts). Check the connection and try again: what was fetched is kept.`,
        )
      }
      const asked = error instanceof Passing ? error.pauseMs : undefined
      const pause = asked ?? Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS)
      await sleep(clock, Math.min(pause, LONGEST_ASKED_PAUSE_MS), signal)
    } finally {
      run.end()
    }
  }
}

function startAttempt(tools: HttpTools, signal: AbortSignal | undefined) {
  const { url, fetch, clock } = tools
  const abort = new AbortController()
  const onCancel = (): void => abort.abort(signal?.reason)
  signal?.addEventListener('abort', onCancel)
  let moved = false
  const stalled = (): void => abort.abort(new Error(`no byte came for ${STALL_MS / 1000} s`))
  let timer = clock.setTimeout(stalled, STALL_MS)
  const alive = (): void => {
    clock.clearTimeout(timer)
    timer = clock.setTimeout(stalled, STALL_MS)
  }

  const send = async (method: 'GET' | 'HEAD', headers: Record<string, string>): Promise<Response> => {
    // no-store: the bytes are stored by us, once is enough.
    const response = await fetch(url, { method, headers, signal: abort.signal, cache: 'no-store' })
    alive()
    return response
  }

  const readInto: HttpAttempt['readInto'] = async (response, take) => {
    if (response.body === null) return
    const reader = response.body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      alive()
      if (value.length > 0) moved = true
      take(value)
    }
  }

  const request: HttpAttempt = {
    send: (headers) => send('GET', headers),
    sendHead: () => send('HEAD', {}),
    readInto,
    async readBody(response, capBytes, tooLarge) {
      const chunks: Uint8Array[] = []
      let length = 0
      await readInto(response, (chunk) => {
        length += chunk.length
        if (length > capBytes) throw tooLarge()
        chunks.push(chunk)
      })
      const body = new Uint8Array(length)
      let at = 0
      for (const chunk of chunks) {
        body.set(chunk, at)
        at += chunk.length
      }
      return body
    },
    broken: () => new Passing('the transfer broke off'),
    refused(response) {
      const { status } = response
      if (PASSING.has(status)) return new Passing(`the server answered ${status}`, askedPause(response))
      if (status === 401 || status === 403) {
        return unreachable(
          url,
          `the server refuses the file (${status}): it may want a login. Download it there and drop it on the page.`,
        )
      }
      return unreachable(url, `the server answered ${status}. Check the address.`)
    },
  }
  return {
    request,
    moved: () => moved,
    end() {
      clock.clearTimeout(timer)
      signal?.removeEventListener('abort', onCancel)
      // Lets go of a body that was not read to its end.
      abort.abort()
    },
  }
}

function askedPause(response: Response): number | undefined {
  const seconds = Number(response.headers.get('Retry-After') ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined
}

function sleep(clock: Clock, milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clock.clearTimeout(timer)
      signal?.removeEventListener('abort', wake)
      resolve()
    }
    const timer = clock.setTimeout(wake, milliseconds)
    signal?.addEventListener('abort', wake)
  })
}

export function throwIfCancelled(url: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new CentramError('CANCELLED', `Fetching ${url} was stopped. What was fetched is kept.`, {
      cause: signal.reason,
    })
  }
}

export function unreachable(url: string, problem: string): CentramError {
  return new CentramError('SOURCE_UNREACHABLE', `${url}: ${problem}`)
}
