// A file host that can be told to break: it cuts every answer after so many bytes, or is away altogether. It counts what it
// sent, so that a test can tell a download that went on from one that began again.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FlakyServer {
  readonly url: string
  /** Bytes of bodies sent, of all requests together. */
  readonly sentBytes: number
  /** Every answer is cut off after this many bytes. */
  cutAfter: number
  /** Connections are refused once this many bytes have been sent in all. */
  awayAfter: number
  close(): Promise<void>
}

const CORS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Headers': '*',
  'Access-Control-Expose-Headers': '*',
}

export async function startFlakyServer(files: Readonly<Record<string, Buffer>>): Promise<FlakyServer> {
  const server = createServer((request, response) => {
    if (flaky.sentBytes >= flaky.awayAfter) request.socket.destroy()
    else answer(request, response)
  })

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const name = new URL(request.url ?? '/', 'http://host').pathname.slice(1)
    const file = files[name]
    if (request.method === 'OPTIONS') {
      response.writeHead(204, CORS).end()
      return
    }
    if (!file) {
      response.writeHead(404, CORS).end()
      return
    }
    const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
    const start = Number(first)
    const end = last === '' ? file.length : Math.min(file.length, Number(last) + 1)
    const ranged = request.headers.range !== undefined
    response.writeHead(ranged ? 206 : 200, {
      ...CORS,
      'Accept-Ranges': 'bytes',
      'Content-Length': end - start,
      ...(ranged && { 'Content-Range': `bytes ${start}-${end - 1}/${file.length}` }),
      ETag: '"1"',
    })
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    const body = file.subarray(start, end)
    const part = body.subarray(0, flaky.cutAfter)
    flaky.sentBytes += part.length
    if (part.length === body.length) response.end(body)
    else response.write(part, () => setTimeout(() => response.destroy(), 20))
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const flaky = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    sentBytes: 0,
    cutAfter: Number.POSITIVE_INFINITY,
    awayAfter: Number.POSITIVE_INFINITY,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return flaky
}
