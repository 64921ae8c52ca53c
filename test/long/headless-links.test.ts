// Links of a headless node by libdatachannel itself: its channels do what every other kind does, and a TURN server is asked for a
// relay as `centram doctor` does.

import { PeerConnection } from 'node-datachannel'
import { expect, test } from 'vitest'
import { checkTurn } from '../../signaling-server/cli/doctor/turn.ts'
import { askForRelay } from '../../signaling-server/headless/relay-asker.ts'
import { createRtcTransport } from '../../signaling-server/headless/rtc-transport.ts'
import { systemClock } from '../../worker/net/clock.ts'
import type { LinkTransport, OpenedLink } from '../../worker/net/link-transport.ts'
import { describeChannel } from '../worker/net/channel-suite.ts'
import { startCoturn } from './support/coturn.ts'

function realTransport(): LinkTransport {
  return createRtcTransport({
    clock: systemClock,
    connect: (name, configuration) => new PeerConnection(name, configuration),
    warn: () => undefined,
  })
}

/**
 * libdatachannel 0.24 fails about one handshake in 300 within one machine: there the other side's may begin before its
 * certificate's fingerprint was taken out of the answer. The swarm begins a link anew then, and so does this.
 */
async function connectPair(attempts = 3): ReturnType<typeof connectOnce> {
  try {
    return await connectOnce()
  } catch (error) {
    if (attempts === 1) throw error
    return connectPair(attempts - 1)
  }
}

async function connectOnce() {
  const ends = [realTransport(), realTransport()] as const
  const opened = ends.map(
    (end, side) =>
      new Promise<OpenedLink>((resolve, reject) => {
        end.listen({
          // Through a server it takes a moment, and never on the caller's stack.
          onSignal: (link, signal) => void setTimeout(() => ends[1 - side]?.signal(link, signal), 1),
          onOpen: (_link, link) => resolve(link),
          onState: (_link, state, reason) => state === 'closed' && reject(new Error(reason)),
          onPath: () => undefined,
        })
      }),
  )
  ends[1].open('link', { polite: true })
  ends[0].open('link', { polite: false })
  const [a, b] = (await Promise.all(opened)) as [OpenedLink, OpenedLink]
  return { a, b, dispose: () => ends.forEach((end) => end.close('link')) }
}

describeChannel('libdatachannel', async () => {
  const { a, b, dispose } = await connectPair()
  return { ends: [a.channel, b.channel] as const, dispose }
})

test('both ends know the two certificates', async () => {
  const { a, b, dispose } = await connectPair()
  expect(a.localFingerprint).toHaveLength(32)
  expect(a.localFingerprint).toEqual(b.remoteFingerprint)
  expect(b.localFingerprint).toEqual(a.remoteFingerprint)
  expect(a.localFingerprint).not.toEqual(a.remoteFingerprint)
  dispose()
})

test('a TURN server lends a relay to whoever has its secret, and the doctor tells the two apart', async () => {
  const { url, stop } = await startCoturn('secret')
  const check = (secret: string) => checkTurn({ urls: [url], secret }, { ask: askForRelay }, Date.now())
  const [right, wrong] = await Promise.all([check('secret'), check('another')])
  await stop()
  expect(right.map(({ state }) => state)).toEqual(['ok'])
  expect(wrong.map(({ state }) => state)).toEqual(['problem'])
})
