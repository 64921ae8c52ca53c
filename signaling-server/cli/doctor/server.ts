// A server that runs, as a client elsewhere sees it: whether it answers, and whether browsers would give its page a GPU.

import { request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'
import type { Finding } from './finding.ts'

const about = 'server'
const ANSWER_WAIT_MS = 5000
const MAX_ANSWER = 64 * 1024

/** The certificate is another check's: here it need not be trusted. */
export async function checkServer(address: URL, authority?: string): Promise<Finding> {
  const text = await read(new URL('/api/health', address), authority)
  if (text === null) {
    return {
      about,
      state: 'problem',
      message: `${address.origin} does not answer.`,
      remedy:
        'See that it runs, that it listens on more than 127.0.0.1 (--lan or --host 0.0.0.0), and that no firewall is between.',
    }
  }
  const version = versionOf(text)
  if (version === null) {
    return {
      about,
      state: 'problem',
      message: `What answers at ${address.origin} is not Centram.`,
      remedy: 'Look at the port.',
    }
  }
  if (address.protocol === 'http:' && !isOwnMachine(address.hostname)) {
    return {
      about,
      state: 'problem',
      message: `Centram ${version} answers at ${address.origin}, but over plain HTTP browsers give its page no GPU and no storage.`,
      remedy: 'Serve it over HTTPS: `npm start -- --lan`, --cert and --key, or a TLS proxy in front.',
    }
  }
  return { about, state: 'ok', message: `Centram ${version} answers at ${address.origin}` }
}

/** Of the Centram that answers on that port of this machine, over HTTP or HTTPS; null where none does. */
export async function versionOn(port: number): Promise<string | null> {
  for (const scheme of ['https', 'http']) {
    const text = await read(new URL(`${scheme}://127.0.0.1:${port}/api/health`), undefined)
    const version = text === null ? null : versionOf(text)
    if (version !== null) return version
  }
  return null
}

function versionOf(text: string): string | null {
  try {
    const { status, version } = JSON.parse(text) as { status?: unknown; version?: unknown }
    return status === 'ok' && typeof version === 'string' ? version : null
  } catch {
    return null
  }
}

const isOwnMachine = (host: string) => /^(localhost|.+\.localhost|127\..+|\[::1\])$/.test(host)

function read(url: URL, authority: string | undefined): Promise<string | null> {
  return new Promise((resolve) => {
    const secure = url.protocol === 'https:'
    const trust = { rejectUnauthorized: false, ...(authority !== undefined && { ca: authority }) }
    const request = (secure ? requestSecure : requestPlain)(url, { timeout: ANSWER_WAIT_MS, ...(secure && trust) })
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
        if (text.length > MAX_ANSWER) request.destroy()
      })
      response.on('end', () => resolve(text))
      response.on('error', () => resolve(null))
      response.on('close', () => resolve(null))
    })
    request.on('timeout', () => request.destroy())
    request.on('error', () => resolve(null))
    request.end()
  })
}
