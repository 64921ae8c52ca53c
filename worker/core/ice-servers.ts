// Addresses of STUN and TURN servers (RFC 7064, RFC 7065): which ones are well formed, so that no browser refuses the list
// that one of them is in.

import { CentramError } from './errors.ts'

/** As RTCIceServer, one address each. */
export interface IceServer {
  readonly url: string
  readonly username?: string
  readonly credential?: string
}

/** Asked for the public address when a person turned STUN on and named no server of her own. */
export const DEFAULT_STUN_SERVER = 'stun:stun.l.google.com:19302'

const HOST = String.raw`(?:\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)`
const PORT = String.raw`(?::(\d{1,5}))?`
const STUN = new RegExp(`^stuns?:${HOST}${PORT}$`, 'i')
const TURN = new RegExp(`^turns?:${HOST}${PORT}(?:\\?transport=(?:udp|tcp))?$`, 'i')
const MAX_LENGTH = 256

export function isTurnUrl(url: string): boolean {
  return url.length <= MAX_LENGTH && hasPort(TURN.exec(url))
}

export function isStunUrl(url: string): boolean {
  return url.length <= MAX_LENGTH && hasPort(STUN.exec(url))
}

function hasPort(match: RegExpExecArray | null): boolean {
  if (match === null) return false
  const port = match[1] === undefined ? 3478 : Number(match[1])
  return port > 0 && port <= 65_535
}

/** Throws `BAD_ARGUMENT`, with what is wrong and how it should look. */
export function checkIceServer({ url, username, credential }: IceServer): void {
  if (isStunUrl(url)) return
  if (!isTurnUrl(url)) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `“${url.slice(0, 80)}” is no address of a STUN or TURN server: write stun:host:port, turn:host:port or ` +
        'turns:host:port?transport=tcp.',
    )
  }
  if (!username || !credential) {
    throw new CentramError('BAD_ARGUMENT', `${url} is a TURN server: it needs a user name and a password.`)
  }
}
