// `centram start --lan`: what other devices of the network need to know, printed: an address, its QR code, and the steps to trust it.

import { hostname, networkInterfaces, type NetworkInterfaceInfo } from 'node:os'
import { generate } from 'lean-qr'
import { fingerprintOf } from '../tls/certificate.ts'
import { AUTHORITY_PATH } from '../tls/one-port.ts'

const QUIET_ZONE = 2

/** Addresses of this machine on its networks, those of home networks first (RFC 1918). */
export function lanAddresses(
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>> = networkInterfaces(),
): string[] {
  const isVirtual = (name: string) => /^(docker|br-|veth|virbr|vmnet|vboxnet|tailscale|tun|utun)/.test(name)
  return Object.entries(interfaces)
    .flatMap(([name, list = []]) =>
      list
        .filter(({ family, internal }) => family === 'IPv4' && !internal)
        .map(({ address }) => ({ address, rank: (isVirtual(name) ? 2 : 0) + (isPrivate(address) ? 0 : 1) })),
    )
    .sort((a, b) => a.rank - b.rank)
    .map(({ address }) => address)
}

/** What the certificate is to name. */
export function lanHosts(addresses: readonly string[], host = hostname()): string[] {
  const named = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i.test(host) ? [`${host.toLowerCase()}.local`] : []
  return [...addresses, ...named, 'localhost', '127.0.0.1', '::1']
}

/** The guide, for a terminal. `authority` is absent where the certificate is one that browsers know. */
export function describeLan(url: string, authority?: string): string {
  const trust =
    authority === undefined
      ? []
      : [
          '  2. The browser warns, for it does not know a certificate that was made here. Choose “Advanced” (Safari: “Show',
          '     details”) and go on. That is enough to chat and to share a model.',
          '  3. To be rid of the warning, and to install Centram as an app, open there',
          `       ${url.replace(/^https/, 'http').replace(/\/$/, AUTHORITY_PATH)}`,
          '     and trust it as an authority for websites. Compare its SHA-256 first:',
          `       ${fingerprintOf(authority).slice(0, 47)}`,
          `       ${fingerprintOf(authority).slice(48)}`,
        ]
  return [
    'Open that address on this machine and on the others.',
    '',
    drawQr(url),
    '',
    'On another device:',
    '  1. Join the same network and scan the code, or type the address.',
    ...trust,
    `  ${authority === undefined ? 2 : 4}. Press Share on one of them and open its link, or its QR code, on the other.`,
  ].join('\n')
}

/** Two rows of modules to a line, dark on light whatever the terminal's colours are. */
export function drawQr(text: string): string {
  const code = generate(text)
  const lines: string[] = []
  for (let y = -QUIET_ZONE; y < code.size + QUIET_ZONE; y += 2) {
    let line = ''
    for (let x = -QUIET_ZONE; x < code.size + QUIET_ZONE; x++) {
      const [upper, lower] = [code.get(x, y), code.get(x, y + 1)]
      line += upper ? (lower ? '█' : '▀') : lower ? '▄' : ' '
    }
    lines.push(`  \x1b[30;107m${line}\x1b[0m`)
  }
  return lines.join('\n')
}

function isPrivate(address: string): boolean {
  return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(address)
}
