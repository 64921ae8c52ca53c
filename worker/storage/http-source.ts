// A file at an HTTP address, read by ranges. Its size and version are pinned at the first answer: a file that changes
// afterwards is noticed, never mixed. Broken transfers go on from the last byte that came.

import { CentramError } from '#core/errors.ts'
import { checkRange } from '#core/formats/byte-source.ts'
import type { Clock } from '#core/clock.ts'
import { retrying, throwIfCancelled, unreachable, type HttpTools } from './http-request.ts'
import type { OriginSource } from './origin-source.ts'

export interface HttpSourceOptions {
  readonly fetch: (url: string, init?: RequestInit) => Promise<Response>
  readonly clock: Clock
  readonly signal?: AbortSignal
  /** How often the first answer may fail to come; 1 where a stored copy can do instead. */
  readonly firstAttempts?: number
}

/** A server that cannot send ranges may still send a file this small, which is then held in memory. */
const WHOLE_BYTES = 64 * 1024 * 1024

/** Throws `SOURCE_UNREACHABLE`, `SOURCE_NO_RANGES`, `CANCELLED`. */
export async function createHttpSource(url: string, options: HttpSourceOptions): Promise<OriginSource> {
  const source = await findHttpSource(url, options)
  if (source === undefined) throw unreachable(url, 'the server has no such file (404). Check the address.')
  return source
}

/** Like `createHttpSource`; `undefined` when the server says that there is no such file. */
export async function findHttpSource(url: string, options: HttpSourceOptions): Promise<OriginSource | undefined> {
  const tools: HttpTools = { fetch: options.fetch, clock: options.clock, url }
  const { firstAttempts } = options
  const first = firstAttempts === undefined ? tools : { ...tools, attempts: firstAttempts }
  const probe = await retrying(first, options.signal, async (request) => {
    const response = await request.send({ Range: 'bytes=0-0' })
    if (response.status === 404 || response.status === 410) return undefined
    const version = versionOf(response)
    const total = /\/(\d+)$/.exec(response.headers.get('Content-Range') ?? '')?.[1]
    if (response.status === 416 && total === '0') return { version, size: 0 }
    if (response.status === 200) {
      // The server sends files whole, or it compresses this one.
      const declared = Number(response.headers.get('Content-Length') ?? 0)
      if (declared > WHOLE_BYTES) throw noRanges(url)
      const whole = await request.readBody(response, WHOLE_BYTES, () => noRanges(url))
      return { version, size: whole.length, whole }
    }
    if (response.status !== 206) throw request.refused(response)
    // Another origin may keep Content-Range to itself; its length it may not.
    return { version, size: total === undefined ? await lengthByHead(request.sendHead, url) : Number(total) }
  })
  if (probe === undefined) return undefined

  const { size, version, whole } = probe
  const source = { name: nameOf(url), size, key: keyOf(url), ...(version === undefined ? {} : { version }) }
  if (whole !== undefined) {
    return {
      ...source,
      async read(offset, length) {
        checkRange(source.name, size, offset, length)
        return whole.slice(offset, offset + length)
      },
    }
  }
  return {
    ...source,
    async read(offset, length, signal) {
      checkRange(source.name, size, offset, length)
      throwIfCancelled(url, signal)
      const bytes = new Uint8Array(length)
      let filled = 0
      while (filled < length) {
        // A transfer that broke in the middle has filled some: the next attempt asks for the rest.
        await retrying(tools, signal, async (request) => {
          const start = offset + filled
          const response = await request.send({ Range: `bytes=${start}-${offset + length - 1}` })
          if (response.status === 200) throw noRanges(url)
          if (response.status === 404 || response.status === 412 || response.status === 416) throw changed(url)
          if (response.status !== 206) throw request.refused(response)
          checkPinned(url, response, start, size, version)
          await request.readInto(response, (chunk) => {
            bytes.set(chunk.subarray(0, length - filled), filled)
            filled = Math.min(length, filled + chunk.length)
          })
          if (filled < length) throw request.broken()
        })
      }
      return bytes
    },
  }
}

// Each answer is checked against the pinned version instead of sending If-Range: that header is not one that another
// origin takes without a preflight request, which the hosts of public models refuse.
function checkPinned(url: string, response: Response, start: number, size: number, version: string | undefined): void {
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('Content-Range') ?? '')
  if (range !== null) {
    if (Number(range[1]) !== start) throw unreachable(url, 'the server sent other bytes than it was asked for.')
    if (range[2] !== '*' && Number(range[2]) !== size) throw changed(url)
  }
  const now = versionOf(response)
  if (version !== undefined && now !== undefined && now !== version) throw changed(url)
}

function versionOf(response: Response): string | undefined {
  const tag = response.headers.get('ETag') ?? response.headers.get('Last-Modified')
  // A weak tag is enough to tell that the content is another one.
  return tag === null ? undefined : tag.replace(/^W\//, '')
}

async function lengthByHead(sendHead: () => Promise<Response>, url: string): Promise<number> {
  const response = await sendHead()
  const length = Number(response.headers.get('Content-Length') ?? Number.NaN)
  if (response.ok && Number.isSafeInteger(length) && length > 0) return length
  throw noRanges(url)
}

function keyOf(url: string): string {
  return url.replace(/#.*$/, '')
}

/** What a person calls the file there. */
export function nameOf(url: string): string {
  const path = url.replace(/[?#].*$/, '')
  const last = path.split('/').at(-1) ?? ''
  try {
    return last === '' ? url : decodeURIComponent(last)
  } catch {
    return last
  }
}

function noRanges(url: string): CentramError {
  return new CentramError(
    'SOURCE_NO_RANGES',
    `${url}: the server cannot send parts of this file, so a node cannot fetch its own layers alone. Download the file and ` +
      'drop it on the page, or put it into the models folder of this server.',
  )
}

function changed(url: string): CentramError {
  return new CentramError(
    'SOURCE_CHANGED',
    `${url}: the file changed on the server while it was read. Load the model again to fetch the new one.`,
  )
}
