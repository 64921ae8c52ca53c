// Stands between one browser and the server, and counts the bytes of answers by their paths: what this browser, and no other, was
// sent by the server.

import { createServer, request as forward } from 'node:http'
import { connect, type AddressInfo } from 'node:net'

export interface CountingProxy {
  /** The server's pages, through here. */
  readonly url: string
  /** Bytes of bodies sent for paths that begin so. */
  bytesOf(path: string): number
  /** Requests for paths that begin so. */
  requestsOf(path: string): number
  close(): Promise<void>
}

export async function startCountingProxy(port: number): Promise<CountingProxy> {
  const seen: { readonly path: string; bytes: number }[] = []
  const server = createServer((request, response) => {
    const entry = { path: request.url ?? '', bytes: 0 }
    seen.push(entry)
    const { method, headers } = request
    const onward = forward({ host: '127.0.0.1', port, path: request.url, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.on('data', (chunk: Buffer) => (entry.bytes += chunk.length))
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  })
  // The signalling socket: the greeting is written anew, the rest passes as it is.
  server.on('upgrade', (request, socket, head) => {
    const onward = connect(port, '127.0.0.1', () => {
      const headers = request.rawHeaders.flatMap((name, i, all) => (i % 2 === 0 ? `${name}: ${all[i + 1] ?? ''}` : []))
      onward.write(`${request.method} ${request.url} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`)
      onward.write(head)
      socket.pipe(onward).pipe(socket)
    })
    for (const end of [socket, onward]) {
      end.on('error', () => {
        socket.destroy()
        onward.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const below = (path: string) => seen.filter((entry) => entry.path.startsWith(path))
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    bytesOf: (path) => below(path).reduce((sum, { bytes }) => sum + bytes, 0),
    requestsOf: (path) => below(path).length,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
