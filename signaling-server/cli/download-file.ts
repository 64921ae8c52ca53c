// Downloads one file to disk, going on from what is there already, through breaks, stalls and busy servers.

import { open, rm, stat } from 'node:fs/promises'
import { CentramError, errorMessage } from '#core/errors.ts'

export interface DownloadOptions {
  readonly fetch: typeof fetch
  /** How often in a row nothing at all may arrive. */
  readonly attempts: number
  onProgress?(doneBytes: number, totalBytes: number): void
  /** Between attempts, in milliseconds; tests shorten it. */
  readonly pauseMs?: number
}

const STALL_MS = 30_000
const LONGEST_PAUSE_MS = 15_000
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504])

/** Brings `path` to `sizeBytes`. Throws `SOURCE_UNREACHABLE`, `SOURCE_CHANGED`, `STORAGE_FULL`. */
export async function downloadFile(
  url: string,
  path: string,
  sizeBytes: number,
  options: DownloadOptions,
): Promise<void> {
  let failures = 0
  for (;;) {
    const before = await sizeOf(path)
    if (before === sizeBytes) return
    if (before > sizeBytes) await rm(path)
    try {
      await attempt(url, path, Math.min(before, sizeBytes), sizeBytes, options)
    } catch (error) {
      if (error instanceof CentramError) throw error
      if (isDiskFull(error)) {
        throw new CentramError(
          'STORAGE_FULL',
          `${path}: the disk is full (${Math.round(sizeBytes / 1e6)} MB are needed). Free some space and run the command again: ` +
            'what was fetched is kept.',
          { cause: error },
        )
      }
      failures = (await sizeOf(path)) > before ? 1 : failures + 1
      if (failures >= options.attempts) {
        throw new CentramError(
          'SOURCE_UNREACHABLE',
          `${url}: ${reasonOf(error)}. Check the connection and run the command again: what was fetched is kept.`,
          { cause: error },
        )
      }
      await pause(Math.min((options.pauseMs ?? 1000) * 2 ** (failures - 1), LONGEST_PAUSE_MS))
    }
  }
}

async function attempt(
  url: string,
  path: string,
  from: number,
  sizeBytes: number,
  options: DownloadOptions,
): Promise<void> {
  const abort = new AbortController()
  let timer = setTimeout(stalled, STALL_MS)
  function stalled(): void {
    abort.abort(new Error(`no byte came for ${STALL_MS / 1000} s`))
  }
  try {
    const headers: Record<string, string> = from > 0 ? { Range: `bytes=${from}-` } : {}
    const response = await options.fetch(url, { headers, signal: abort.signal })
    if (PASSING.has(response.status)) throw new Error(`the server answered ${response.status}`)
    if (!response.ok || response.body === null) {
      throw new CentramError('SOURCE_UNREACHABLE', `${url}: the server answered ${response.status}.`)
    }
    // A server that ignores the range sends the file from its start.
    let at = response.status === 206 ? from : 0
    const total = at + Number(response.headers.get('Content-Length') ?? sizeBytes - at)
    if (total !== sizeBytes) {
      throw new CentramError(
        'SOURCE_CHANGED',
        `${url}: the file has ${total} bytes where ${sizeBytes} belong. It is another file than this version knows.`,
      )
    }
    const file = await open(path, at === 0 ? 'w' : 'r+')
    try {
      for await (const chunk of response.body) {
        clearTimeout(timer)
        timer = setTimeout(stalled, STALL_MS)
        await file.write(chunk, 0, chunk.length, at)
        at += chunk.length
        if (at > sizeBytes)
          throw new CentramError('SOURCE_CHANGED', `${url}: the server sent more than ${sizeBytes} bytes.`)
        options.onProgress?.(at, sizeBytes)
      }
    } finally {
      await file.close()
    }
    if (at < sizeBytes) throw new Error('the transfer broke off')
  } finally {
    clearTimeout(timer)
    abort.abort()
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => null))?.size ?? 0
}

function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
}

/** fetch hides why it failed in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  return cause === undefined ? errorMessage(error) : `${errorMessage(error)} (${errorMessage(cause)})`
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
