// What a description tells other nodes while STUN is off: relays and obfuscated host names, and never the public address.

import { expect, it } from 'vitest'
import { hidePublicAddress, hidePublicAddressIn } from '#core/sdp/public-address.ts'

const HOST = 'candidate:1 1 udp 2113937151 0f1e2d3c-aaaa-bbbb-cccc-0123456789ab.local 54321 typ host generation 0'
const REFLEXIVE = 'candidate:2 1 udp 1677729535 203.0.113.9 54321 typ srflx raddr 0.0.0.0 rport 0 generation 0'
const RELAYED = 'candidate:3 1 udp 41885439 198.51.100.7 61000 typ relay raddr 203.0.113.9 rport 54321 generation 0'

it('keeps host candidates, drops reflexive ones, and takes the origin out of relayed ones', () => {
  expect(hidePublicAddress(HOST)).toBe(HOST)
  expect(hidePublicAddress(REFLEXIVE)).toBeNull()
  expect(hidePublicAddress(RELAYED)).toBe(
    'candidate:3 1 udp 41885439 198.51.100.7 61000 typ relay raddr 0.0.0.0 rport 0 generation 0',
  )
  expect(hidePublicAddress('')).toBe('')
})

it('leaves the rest of a description as it was', () => {
  const head = ['v=0', 'o=- 46117317 2 IN IP4 127.0.0.1', 'm=application 54321 UDP/DTLS/SCTP webrtc-datachannel']
  const tail = ['a=ice-ufrag:abcd', 'a=mid:0', '']
  const sdp = [...head, 'c=IN IP4 203.0.113.9', `a=${HOST}`, `a=${REFLEXIVE}`, `a=${RELAYED}`, ...tail].join('\r\n')
  const hidden = hidePublicAddressIn(sdp)
  expect(hidden).not.toContain('203.0.113.9')
  expect(hidden).toBe(
    [...head, 'c=IN IP4 0.0.0.0', `a=${HOST}`, `a=${hidePublicAddress(RELAYED)}`, ...tail].join('\r\n'),
  )
})
