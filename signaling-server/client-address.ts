// Whose connection it is. Forwarded headers are anyone's to write, so one is believed only
// from the proxies that the configuration names, and only as far back as the first address that is none of them.

import { BlockList, isIP } from 'node:net'
import type { IncomingMessage } from 'node:http'
import { CentramError } from '#core/errors.ts'

/** The header that the proxies write; the other one is left unread, for a client may have written it. */
export type ProxyHeader = 'x-forwarded-for' | 'forwarded'

export interface ProxyTrust {
  /** Addresses and CIDR ranges. */
  readonly proxies: readonly string[]
  readonly header?: ProxyHeader
}

export type ClientAddress = (request: IncomingMessage) => string

/** Throws `BAD_ARGUMENT` for what is no address and no range. */
export function createClientAddress(trust: ProxyTrust = { proxies: [] }): ClientAddress {
  const proxies = readRanges(trust.proxies)
  const header = trust.header ?? 'x-forwarded-for'
  const isProxy = (address: string) => proxies.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  return (request) => {
    let address = plainAddress(request.socket.remoteAddress ?? '')
    if (address === null || !isProxy(address)) return address ?? 'unknown'
    // From the right: each hop was added by the one after it, which is believed only where it is a known proxy.
    for (const hop of readHops(request, header).reverse()) {
      const before = plainAddress(hop)
      if (before === null) return address
      address = before
      if (!isProxy(address)) return address
    }
    return address
  }
}

function readHops(request: IncomingMessage, header: ProxyHeader): string[] {
  const value = request.headers[header]
  const text = Array.isArray(value) ? value.join(',') : (value ?? '')
  const entries = text.split(',').map((entry) => entry.trim())
  if (header === 'x-forwarded-for') return entries
  // RFC 7239: `for=192.0.2.1;proto=https`, IPv6 as `for="[2001:db8::1]:4711"`.
  return entries.map((entry) => /(?:^|;)\s*for=("?)([^";]*)\1/i.exec(entry)?.[2] ?? '')
}

/** Without port, brackets and zone; an IPv4 address inside IPv6 as itself. Null for anything else, such as `unknown`. */
function plainAddress(text: string): string | null {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1]
  const bare = (bracketed ?? (/^[\d.]+:\d+$/.test(text) ? text.replace(/:\d+$/, '') : text)).replace(/%.*$/, '')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1]
  const address = mapped ?? bare.toLowerCase()
  return isIP(address) === 0 ? null : address
}

function readRanges(texts: readonly string[]): BlockList {
  const list = new BlockList()
  for (const text of texts) {
    const [address = '', bits] = text.trim().split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    const most = family === 'ipv6' ? 128 : 32
    const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1
    if (isIP(address) === 0 || prefix < 0 || prefix > most) {
      throw new CentramError(
        'BAD_ARGUMENT',
        `“${text}” is no address and no range of a proxy: write it as 10.0.0.7 or 10.0.0.0/8 in --trust-proxy.`,
      )
    }
    list.addSubnet(address, prefix, family)
  }
  return list
}
