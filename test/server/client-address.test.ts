// Whose connection it is behind proxies, and what a stranger gets by writing the headers itself.

import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { createClientAddress, type ProxyTrust } from '../../signaling-server/client-address.ts'
import { networkOf } from '../../signaling-server/signalling/network.ts'

const ask = (trust: ProxyTrust | undefined, remoteAddress: string, headers: Record<string, string> = {}) =>
  createClientAddress(trust)({ headers, socket: { remoteAddress } } as unknown as IncomingMessage)

describe('the address of a client', () => {
  it('is that of the connection, whatever the headers say, unless a proxy is configured', () => {
    const headers = { 'x-forwarded-for': '198.51.100.7', forwarded: 'for=198.51.100.7' }
    expect(ask(undefined, '203.0.113.9', headers)).toBe('203.0.113.9')
    expect(ask(undefined, '::ffff:203.0.113.9', headers)).toBe('203.0.113.9')
    expect(ask({ proxies: ['10.0.0.1'] }, '203.0.113.9', headers)).toBe('203.0.113.9')
  })

  it('is what the configured proxy wrote last, not what the client wrote before it', () => {
    const trust = { proxies: ['10.0.0.0/8', '2001:db8:ffff::/48'] }
    expect(ask(trust, '10.1.2.3', { 'x-forwarded-for': '198.51.100.7' })).toBe('198.51.100.7')
    // The client claimed to be its victim; the proxy added where that came from.
    expect(ask(trust, '10.1.2.3', { 'x-forwarded-for': '192.0.2.1, 198.51.100.7' })).toBe('198.51.100.7')
    // Two proxies in a row.
    expect(ask(trust, '2001:db8:ffff::5', { 'x-forwarded-for': '192.0.2.1, 198.51.100.7, 10.9.9.9' })).toBe(
      '198.51.100.7',
    )
    // The other header is the client's own.
    expect(ask(trust, '10.1.2.3', { forwarded: 'for=192.0.2.1', 'x-forwarded-for': '198.51.100.7' })).toBe(
      '198.51.100.7',
    )
    expect(ask(trust, '10.1.2.3', { forwarded: 'for=192.0.2.1' })).toBe('10.1.2.3')
    expect(ask(trust, '10.1.2.3', { 'x-forwarded-for': 'unknown' })).toBe('10.1.2.3')
  })

  it('may come in a Forwarded header, where that is what the proxies write', () => {
    const trust = { proxies: ['10.0.0.1'], header: 'forwarded' } as const
    const forwarded = 'for=192.0.2.1, for="[2001:db8:cafe::17]:4711";proto=https'
    expect(ask(trust, '10.0.0.1', { forwarded })).toBe('2001:db8:cafe::17')
    expect(ask(trust, '10.0.0.1', { forwarded: 'proto=https;For=198.51.100.7:443' })).toBe('198.51.100.7')
    expect(ask(trust, '10.0.0.1', { 'x-forwarded-for': '192.0.2.1' })).toBe('10.0.0.1')
  })

  it('needs proxies that are addresses', () => {
    for (const text of ['proxy.example', '10.0.0.0/33', '10.0.0.0/x', '']) {
      expect(() => createClientAddress({ proxies: [text] })).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }))
    }
  })
})

describe('the network of an address', () => {
  it('is the address itself for IPv4 and the /64 for IPv6', () => {
    expect(networkOf('198.51.100.7')).toBe('198.51.100.7')
    expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64')
    expect(networkOf('2001:0db8:1:2::9')).toBe(networkOf('2001:db8:1:2:ffff::1'))
    expect(networkOf('2001:db8:1:3::9')).not.toBe(networkOf('2001:db8:1:2::9'))
    expect(networkOf('::1')).toBe('0:0:0:0::/64')
  })
})
