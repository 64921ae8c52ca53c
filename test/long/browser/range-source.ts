// A file that the test server serves, read by HTTP ranges, with a count of what was read.

import type { ByteSource } from '#core/formats/byte-source.ts'

export interface CountedSource extends ByteSource {
  readonly largestRead: number
  readonly totalRead: number
}

export async function openRangeSource(url: string): Promise<CountedSource> {
  const head = await fetch(url, { headers: { Range: 'bytes=0-3' } })
  const size = Number(/\/(\d+)$/.exec(head.headers.get('Content-Range') ?? '')?.[1])
  if (head.status !== 206 || !Number.isSafeInteger(size)) {
    throw new Error(`${url} is not there. Fetch it with: npx centram model get smollm2-135m`)
  }
  let largestRead = 0
  let totalRead = 0
  return {
    name: url.split('/').at(-1) ?? url,
    size,
    get largestRead() {
      return largestRead
    },
    get totalRead() {
      return totalRead
    },
    async read(offset, length, signal) {
      if (length === 0) return new Uint8Array(0)
      largestRead = Math.max(largestRead, length)
      totalRead += length
      const response = await fetch(url, {
        headers: { Range: `bytes=${offset}-${offset + length - 1}` },
        signal: signal ?? null,
      })
      const bytes = new Uint8Array(await response.arrayBuffer())
      if (response.status !== 206 || bytes.length !== length) {
        throw new Error(`${url}: asked for ${length} bytes from ${offset}, got ${response.status} and ${bytes.length}`)
      }
      return bytes
    },
  }
}
