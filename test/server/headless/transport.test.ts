// Links of a headless node over a stand-in for libdatachannel: what is said again, what is given up, and what strangers may do.
// Those by libdatachannel itself are in test/long/headless-links.test.ts.

import { describe, expect, test } from 'vitest'
import type { NativeDataChannel } from '../../../signaling-server/headless/data-channel.ts'
import {
  createRtcTransport,
  type NativeConfiguration,
  type NativeConnection,
} from '../../../signaling-server/headless/rtc-transport.ts'
import { isUsableCandidate, isUsableDescription } from '../../../signaling-server/headless/signal-checks.ts'
import type { LinkSignal } from '../../../worker/net/link-transport.ts'
import { createFakeClock } from '../../worker/net/fake-clock.ts'

const description = (certificate = 'AB', more = '') =>
  [
    'v=0',
    'o=rtc 1 0 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    `a=fingerprint:sha-256 ${Array(32).fill(certificate).join(':')}`,
    'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
    'c=IN IP4 203.0.113.9',
    'a=mid:0',
    'a=ice-ufrag:82w3',
    'a=ice-pwd:AOEUWXVtZwQ9NIdUsCZDJM',
    ...(more === '' ? [] : [more]),
    '',
  ].join('\r\n')

/** Stands for libdatachannel: notes what it is given, and says what a test makes it say. */
function standIn() {
  const clock = createFakeClock()
  const given: string[] = []
  const told: string[] = []
  const signals: LinkSignal[] = []
  const warnings: string[] = []
  let configuration: NativeConfiguration | undefined
  let remote: string | null = null
  let signalling = 'stable'
  let received = 0
  let tellState: (state: string) => void = () => undefined
  let tellDescription: (sdp: string, type: string) => void = () => undefined
  let tellCandidate: (candidate: string, mid: string) => void = () => undefined
  const channel: NativeDataChannel = {
    close: () => undefined,
    sendMessageBinary: () => true,
    isOpen: () => true,
    bufferedAmount: () => 0,
    setBufferedAmountLowThreshold: () => undefined,
    onOpen: () => undefined,
    onClosed: () => undefined,
    onError: () => undefined,
    onBufferedAmountLow: () => undefined,
    onMessage: () => undefined,
  }
  const pc: NativeConnection = {
    close: () => void given.push('close'),
    setLocalDescription(type) {
      signalling = type === 'offer' ? 'have-local-offer' : 'stable'
      given.push(`local ${type}`)
      queueMicrotask(() => tellDescription(description(), type))
    },
    setRemoteDescription(sdp, type) {
      remote = sdp
      if (type === 'answer') signalling = 'stable'
      given.push(`remote ${type}`)
    },
    localDescription: () => ({ sdp: description() }),
    remoteDescription: () => (remote === null ? null : { sdp: remote }),
    addRemoteCandidate: (candidate) => void given.push(candidate),
    createDataChannel: () => channel,
    signalingState: () => signalling,
    bytesReceived: () => received,
    getSelectedCandidatePair: () => ({ local: { type: 'host' }, remote: { type: 'relay' } }),
    onLocalDescription: (listener) => void (tellDescription = listener),
    onLocalCandidate: (listener) => void (tellCandidate = listener),
    onStateChange: (listener) => void (tellState = listener),
  }
  const transport = createRtcTransport({
    clock,
    connect(_name, wanted) {
      configuration = wanted
      return pc
    },
    warn: (what) => void warnings.push(what),
  })
  transport.listen({
    onSignal: (_link, signal) => void signals.push(signal),
    onOpen: () => void told.push('opened'),
    onState: (_link, state, reason) => void told.push(reason === undefined ? state : `${state}: ${reason}`),
    onPath: (_link, path) => void told.push(path),
  })
  return {
    clock,
    transport,
    given,
    told,
    signals,
    warnings,
    configuration: () => configuration,
    hear: (bytes: number) => (received += bytes),
    state: (state: string) => tellState(state),
    candidate: (text: string) => tellCandidate(text, '0'),
    descriptions: () =>
      signals.flatMap((signal) => (signal.kind === 'description' ? [`${signal.type} ${signal.offer}`] : [])),
  }
}

const say = (type: 'offer' | 'answer', offer: number, sdp = description('CD')): LinkSignal => ({
  kind: 'description',
  type,
  sdp,
  offer,
})

describe('while it connects', () => {
  test('an offer is repeated until it is answered, once only', async () => {
    const { transport, clock, given, descriptions } = standIn()
    transport.open('x', { polite: false })
    await clock.advance(7_000)
    expect(descriptions()).toEqual(['offer 1', 'offer 1', 'offer 1'])
    transport.signal('x', say('answer', 2))
    transport.signal('x', say('answer', 1))
    transport.signal('x', say('answer', 1))
    await clock.advance(20_000)
    expect(descriptions()).toHaveLength(3)
    expect(given).toEqual(['local offer', 'remote answer'])
  })

  test('the polite side waits for an offer, and answers a repeated one as before', async () => {
    const { transport, clock, given, descriptions } = standIn()
    transport.open('x', { polite: true })
    await clock.advance(3_000)
    expect(given).toEqual([])
    transport.signal('x', say('offer', 4))
    await clock.advance(1)
    transport.signal('x', say('offer', 4))
    expect(given).toEqual(['remote offer', 'local answer'])
    expect(descriptions()).toEqual(['answer 4', 'answer 4'])
  })

  test('it gives up after half a minute, and says why', async () => {
    const { transport, clock, told, given } = standIn()
    transport.open('x', { polite: true })
    await clock.advance(30_000)
    expect(told.at(-1)).toMatch(/^closed: no path between the two nodes was found within 30 seconds/)
    expect(given).toEqual(['close'])
  })

  test('its public address is told to nobody, unless that is wanted', async () => {
    const { transport, clock, signals, candidate } = standIn()
    transport.open('x', { polite: false })
    candidate('a=candidate:1 1 UDP 1 192.0.2.4 5000 typ host')
    candidate('a=candidate:2 1 UDP 1 203.0.113.9 5000 typ srflx raddr 192.0.2.4 rport 5000')
    await clock.advance(1)
    expect(signals.map((signal) => (signal.kind === 'candidate' ? signal.candidate : ''))).toEqual([
      'candidate:1 1 UDP 1 192.0.2.4 5000 typ host',
      '',
    ])
    expect(JSON.stringify(signals)).not.toContain('203.0.113.9')
    transport.useServers([], true)
    candidate('a=candidate:2 1 UDP 1 203.0.113.9 5000 typ srflx raddr 192.0.2.4 rport 5000')
    expect(JSON.stringify(signals)).toContain('203.0.113.9')
  })

  test('servers are given as libdatachannel takes them', () => {
    const { transport, configuration } = standIn()
    const login = { username: 'u:1', credential: 'p@ss' }
    transport.useServers(
      [
        { url: 'stun:stun.example' },
        { url: 'turn:[2001:db8::1]:3479?transport=udp', ...login },
        { url: 'turn:tcp.example?transport=tcp', ...login },
        { url: 'turns:tls.example:443', ...login },
      ],
      true,
    )
    transport.open('x', { polite: true })
    expect(configuration()?.iceServers).toEqual([
      { hostname: 'stun.example', port: 3478 },
      { hostname: '2001:db8::1', port: 3479, relayType: 'TurnUdp', username: 'u:1', password: 'p@ss' },
    ])
  })
})

describe('once it stands', () => {
  async function connected(polite: boolean) {
    const all = standIn()
    all.transport.open('x', { polite })
    await all.clock.advance(1)
    all.transport.signal('x', polite ? say('offer', 1) : say('answer', 1))
    all.state('connected')
    expect(all.told).toEqual(['connecting', 'open', 'relayed'])
    return all
  }

  test('a new path is not looked for while anything arrives', async () => {
    const { transport, told, given, hear } = await connected(false)
    for (let i = 0; i < 5; i++) {
      hear(100)
      transport.signal('x', say('offer', 7))
    }
    expect(told).toHaveLength(3)
    expect(given).not.toContain('remote offer')
  })

  test('and where nothing does, the side that begins links lets go of it', async () => {
    const { transport, told } = await connected(false)
    transport.signal('x', say('offer', 7))
    transport.signal('x', say('offer', 7))
    expect(told.at(-1)).toBe('closed: the path broke, and the other side looks for a new one')
    const polite = await connected(true)
    for (let i = 0; i < 3; i++) polite.transport.signal('x', say('offer', 7))
    expect(polite.told).toHaveLength(3)
  })

  test('another certificate ends it', async () => {
    const { transport, told } = await connected(true)
    transport.signal('x', say('offer', 2, description('EF')))
    expect(told.at(-1)).toBe('closed: the other side came back with another certificate')
  })

  test('it is interrupted, comes back, and is given up after half a minute of silence', async () => {
    const { clock, state, told } = await connected(false)
    state('disconnected')
    await clock.advance(20_000)
    state('connected')
    await clock.advance(20_000)
    expect(told.filter((one) => one === 'interrupted' || one === 'open')).toEqual(['open', 'interrupted', 'open'])
    state('disconnected')
    await clock.advance(30_000)
    expect(told.at(-1)).toBe('closed: silent for 30 seconds')
  })
})

describe('signals of strangers', () => {
  test('what is no description of a data channel never reaches native code', () => {
    const { transport, given, warnings } = standIn()
    transport.open('x', { polite: true })
    const good = description()
    const bad = [
      '',
      'hello',
      `${good}\0`,
      good.replace(/a=ice-pwd:.*\r\n/, ''),
      good.replace(/ice-pwd:.*/, 'ice-pwd:short'),
      good.replace(/ice-ufrag:.*/, `ice-ufrag:${'x'.repeat(5000)}`),
      good.replace(/sha-256 .*/, 'sha-256 ZZ'),
      good.replace(/a=fingerprint.*\r\n/, ''),
      good.replace(/m=application.*/, 'm=audio 9 UDP/TLS/RTP/SAVPF 111'),
      good + good.slice(good.indexOf('m=')),
      description('AB', `a=x:${'y'.repeat(20_000)}`),
    ]
    for (const sdp of bad) {
      expect(isUsableDescription(sdp)).toBe(false)
      transport.signal('x', say('offer', 1, sdp))
    }
    expect(given).toEqual([])
    expect(warnings).toHaveLength(bad.length)
    expect(isUsableDescription(good)).toBe(true)
  })

  test.each([
    ['candidate:1 1 UDP 2114977791 192.0.2.2 41362 typ host', true],
    ['candidate:842163049 1 udp 1677729535 2001:db8::7 46154 typ srflx raddr 0.0.0.0 rport 0 generation 0', true],
    ['', false],
    ['candidate:', false],
    ['candidate:1 1 udp 1 0f1e2d3c-aaaa-bbbb-cccc-0123456789ab.local 9 typ host', false],
    ['candidate:1 1 udp 1 attacker.example 9 typ host', false],
    ['candidate:1 1 tcp 1 127.0.0.1 9 typ host tcptype active', false],
    ['candidate:1 1 udp 1 127.0.0.1 0 typ host', false],
    ['candidate:1 1 udp 1 127.0.0.1 99999 typ host', false],
    ['candidate:1 1 udp 99999999999999999999 127.0.0.1 9 typ host', false],
    [`candidate:1 1 udp 1 127.0.0.1 9 typ host ${'x'.repeat(600)}`, false],
  ])('%s', (candidate, usable) => {
    expect(isUsableCandidate(candidate)).toBe(usable)
    const { transport, given } = standIn()
    transport.open('x', { polite: true })
    transport.signal('x', { kind: 'candidate', candidate, mid: '0', line: 0 })
    expect(given).toEqual(usable ? [candidate] : [])
  })
})
