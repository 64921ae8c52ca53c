// A text file of the web app compressed once and kept, for browsers that take gzip: a third of its size travels.

import { readFile, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { contentTypeOf } from './content-type.ts'
import { isFresh, type FileRequest } from './file-response.ts'

const TEXT = /\.(?:js|css|html|svg|json|webmanifest|map)$/
/** What is smaller gains nothing. */
const LEAST_BYTES = 1024
const compress = promisify(gzip)

export interface CompressedFiles {
  /** Null where the file is sent as it is: asked for in parts, no text, small, or gone. */
  respond(request: FileRequest, path: string, headers: Readonly<Record<string, string>>): Promise<Response | null>
}

export function createCompressedFiles(): CompressedFiles {
  const kept = new Map<string, { readonly version: string; readonly bytes: Promise<Uint8Array<ArrayBuffer>> }>()

  return {
    async respond(request, path, headers) {
      if (!TEXT.test(path) || request.header('range') !== undefined || !takesGzip(request)) return null
      const info = await stat(path).catch(() => null)
      if (!info?.isFile() || info.size < LEAST_BYTES) return null
      const version = `${info.size.toString(16)}-${Math.round(info.mtimeMs).toString(16)}`
      let file = kept.get(path)
      if (file?.version !== version) {
        const bytes = readFile(path).then(async (plain) => new Uint8Array(await compress(plain, { level: 9 })))
        file = { version, bytes }
        kept.set(path, file)
        bytes.catch(() => kept.delete(path))
      }
      const bytes = await file.bytes
      const etag = `"${version}-gzip"`
      const modified = info.mtime.toUTCString()
      const common = { ...headers, ETag: etag, 'Last-Modified': modified, Vary: 'Accept-Encoding' }
      if (isFresh(request, etag, modified)) return new Response(null, { status: 304, headers: common })
      return new Response(request.method === 'HEAD' ? null : bytes, {
        headers: {
          ...common,
          'Content-Type': contentTypeOf(path),
          'Content-Encoding': 'gzip',
          'Content-Length': String(bytes.length),
        },
      })
    },
  }
}

function takesGzip(request: FileRequest): boolean {
  const accepted = request.header('accept-encoding') ?? ''
  return accepted.split(',').some((one) => /^\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(one))
}
