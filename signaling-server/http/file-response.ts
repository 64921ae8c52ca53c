// One file of the disk as an HTTP response: whole or by range, with validators (ETag, Last-Modified, If-Range).
// Nothing is read ahead of the client, and a file that shrinks under way breaks the connection instead of hanging it.

import { open, type FileHandle } from 'node:fs/promises'
import { contentTypeOf } from './content-type.ts'
import { parseRange } from './byte-range.ts'

const CHUNK_BYTES = 256 * 1024

export interface FileRequest {
  readonly method: string
  header(name: string): string | undefined
}

/** The response for `path`, or null where there is no such file. `headers` are added to every kind of answer. */
export async function respondWithFile(
  request: FileRequest,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<Response | null> {
  const handle = await openFile(path)
  if (!handle) return null
  let handedOver = false
  try {
    const stat = await handle.stat({ bigint: true })
    if (!stat.isFile()) return null
    const size = Number(stat.size)
    const etag = `"${size.toString(16)}-${stat.mtimeNs.toString(16)}"`
    const modified = new Date(Number(stat.mtimeMs)).toUTCString()
    const common = { ...headers, ETag: etag, 'Last-Modified': modified, 'Accept-Ranges': 'bytes' }

    if (isFresh(request, etag, modified)) return new Response(null, { status: 304, headers: common })

    const condition = request.header('if-range')
    const current = condition === undefined || condition === etag || condition === modified
    const range = current ? parseRange(request.header('range'), size) : ({ kind: 'whole' } as const)
    if (range.kind === 'unsatisfiable') {
      return new Response(null, {
        status: 416,
        headers: { ...common, 'Content-Range': `bytes */${size}`, 'Content-Length': '0' },
      })
    }
    const first = range.kind === 'part' ? range.first : 0
    const length = range.kind === 'part' ? range.last - range.first + 1 : size
    const answer = { ...common, 'Content-Type': contentTypeOf(path), 'Content-Length': String(length) }
    const status = range.kind === 'part' ? 206 : 200
    if (range.kind === 'part') Object.assign(answer, { 'Content-Range': `bytes ${first}-${range.last}/${size}` })
    if (request.method === 'HEAD' || length === 0) return new Response(null, { status, headers: answer })
    handedOver = true
    return new Response(streamFile(handle, path, first, length), { status, headers: answer })
  } finally {
    if (!handedOver) await handle.close()
  }
}

async function openFile(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return null
    throw error
  }
}

export function isFresh(request: FileRequest, etag: string, modified: string): boolean {
  const match = request.header('if-none-match')
  if (match !== undefined) {
    // Weak comparison (RFC 9110 §13.1.2): a proxy may have put W/ before our tag.
    return match.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
  }
  return request.header('range') === undefined && request.header('if-modified-since') === modified
}

function streamFile(handle: FileHandle, path: string, first: number, length: number): ReadableStream<Uint8Array> {
  let position = first
  const end = first + length
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const buffer = new Uint8Array(Math.min(CHUNK_BYTES, end - position))
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, position)
        if (bytesRead === 0) {
          await handle.close()
          controller.error(new Error(`${path} became shorter while it was being sent.`))
          return
        }
        position += bytesRead
        controller.enqueue(buffer.subarray(0, bytesRead))
        if (position === end) {
          await handle.close()
          controller.close()
        }
      },
      async cancel() {
        await handle.close()
      },
    },
    { highWaterMark: 0 },
  )
}
