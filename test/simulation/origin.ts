// The web server that a simulated world's models come from: ranges, an ETag, and everything that goes wrong with transfers.

import type { SimulatedProcess } from './process.ts'
import type { Dice } from './random.ts'

export type TransferFault = 'none' | 'refused' | 'unavailable' | 'breaks' | 'stalls'

export interface Origin {
  fetchFor(process: SimulatedProcess): (url: string, init?: RequestInit) => Promise<Response>
  /** What happens to the next request. */
  fault: () => TransferFault
  /** Bytes sent so far. */
  readonly sent: number
}

const CHUNK = 16 * 1024

/** `files` by address. */
export function createOrigin(files: ReadonlyMap<string, Uint8Array>, dice: Dice): Origin {
  let sent = 0
  const origin: Origin = {
    fault: () => 'none',
    get sent() {
      return sent
    },
    fetchFor: (process) => (url, init) =>
      new Promise((resolve, reject) => {
        const { signal } = init ?? {}
        const fault = origin.fault()
        const aborted = () => reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'))
        if (signal?.aborted === true) return aborted()
        signal?.addEventListener('abort', aborted, { once: true })
        process.after(dice.between(2, 60), `fetch ${fault}`, () => {
          if (fault === 'refused') return reject(new TypeError('fetch failed'))
          if (fault === 'unavailable') return resolve(answer(503, {}, null))
          const file = files.get(url.replace(/[?#].*$/, ''))
          if (file === undefined) return resolve(answer(404, {}, null))
          const headers = new Headers(init?.headers)
          const range = /^bytes=(\d+)-(\d+)$/.exec(headers.get('Range') ?? '')
          const start = Number(range?.[1] ?? 0)
          const end = Math.min(Number(range?.[2] ?? file.length - 1) + 1, file.length)
          const told = { ETag: '"1"', 'Content-Length': String(end - start) }
          if (init?.method === 'HEAD')
            return resolve(answer(200, { ...told, 'Content-Length': String(file.length) }, null))
          const where = { 'Content-Range': `bytes ${start}-${end - 1}/${file.length}` }
          const body = readBody(process, file.subarray(start, end), fault, signal ?? null)
          resolve(answer(range ? 206 : 200, range ? { ...told, ...where } : told, body))
        })
      }),
  }

  function readBody(
    process: SimulatedProcess,
    bytes: Uint8Array,
    fault: TransferFault,
    signal: AbortSignal | null,
  ): Pick<ReadableStreamDefaultReader<Uint8Array>, 'read'> {
    let at = 0
    const failsAt = fault === 'none' ? Number.POSITIVE_INFINITY : dice.whole(0, bytes.length)
    return {
      read: () =>
        new Promise((resolve, reject) => {
          const aborted = () => reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'))
          if (signal?.aborted === true) return aborted()
          signal?.addEventListener('abort', aborted, { once: true })
          const stop = Math.min(at + CHUNK, bytes.length, failsAt)
          if (at >= failsAt && fault === 'stalls') return
          process.after(dice.between(0.5, 8), 'bytes', () => {
            signal?.removeEventListener('abort', aborted)
            if (at >= failsAt) return reject(new TypeError('network error'))
            if (at === bytes.length) return resolve({ done: true, value: undefined })
            const value = bytes.slice(at, stop)
            sent += value.length
            at = stop
            resolve({ done: false, value })
          })
        }),
    }
  }
  return origin
}

/** The parts of a Response that are used. Node.js's own reads its body in turns of the real event loop. */
function answer(
  status: number,
  headers: Record<string, string>,
  reader: Pick<ReadableStreamDefaultReader<Uint8Array>, 'read'> | null,
): Response {
  const response = {
    status,
    ok: status >= 200 && status < 300,
    headers: new Headers(headers),
    body: reader === null ? null : { getReader: () => reader },
  }
  return response as unknown as Response
}
