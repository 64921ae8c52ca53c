// Serves the built web app. A request is looked up in the list of files that were built, so no address can name
// anything outside that folder.

import { readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { createCompressedFiles } from './compressed-file.ts'
import { respondWithFile, type FileRequest } from './file-response.ts'
import { contentSecurityPolicy, PAGE_HEADERS } from './security.ts'

export interface WebApp {
  /** The response for an address's decoded path, or null where the app has no such file. */
  respond(request: FileRequest, path: string): Promise<Response | null>
}

/** Vite puts a content hash into the names under assets/, so those never change under one name. */
const HASHED = /^\/assets\/.+-[\w-]{8,}\.\w+$/

/** Serves the files of `folder`, which is listed again when a path is unknown (a rebuild renames the assets). */
export function createWebApp(folder: string): WebApp {
  const compressed = createCompressedFiles()
  let files = new Map<string, string>()

  async function find(path: string): Promise<string | undefined> {
    const name = path.endsWith('/') ? `${path}index.html` : path
    if (!files.has(name)) files = await listFiles(folder)
    return files.get(name)
  }

  return {
    async respond(request, path) {
      const file = await find(path)
      if (file === undefined) return null
      const headers = {
        ...PAGE_HEADERS,
        'Cache-Control': HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
        'Content-Security-Policy': contentSecurityPolicy(path),
      }
      return (await compressed.respond(request, file, headers)) ?? respondWithFile(request, file, headers)
    },
  }
}

async function listFiles(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])
  return new Map(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name)
        return ['/' + relative(folder, path).split(sep).join('/'), path]
      }),
  )
}
