// Who begins a link between nearby nodes: the other side learns of it by the offer, so the one that opens it must make one.

import { expect, test } from 'vitest'
import { createNearbyLinks } from '../../../worker/net/nearby-links.ts'
import type { LinkOptions } from '../../../worker/net/link-transport.ts'
import { toHex } from '#core/crypto/bytes.ts'
import { createRandom, createSimulation, createTrackedIdentity, createTrackedVerifier } from './simulation.ts'

test('whoever opens a link begins it, whatever the order of the keys', async () => {
  const { clock } = await createSimulation()
  const identity = await createTrackedIdentity(1)
  const opened: LinkOptions[] = []
  const links = createNearbyLinks({
    identity,
    verifier: await createTrackedVerifier(),
    clock,
    random: createRandom(7),
    transport: {
      listen: () => undefined,
      useServers: () => undefined,
      open: (_link, options) => void opened.push(options),
      signal: () => undefined,
      restartIce: () => undefined,
      close: () => undefined,
    },
    relay: () => true,
    onChange: () => undefined,
  })
  links.listen({ onOpen: () => undefined, onWord: () => undefined, onEnd: () => undefined })
  const lower = new Uint8Array(32)
  const higher = new Uint8Array(32).fill(255)
  links.tell(
    'way',
    [lower, higher].map((key) => ({ key, name: 'x', incarnation: new Uint8Array(16) })),
  )
  for (const key of [lower, higher]) links.open(toHex(key))
  for (const key of [lower, higher]) {
    const signal = { kind: 'description', type: 'offer', sdp: '', offer: 1 } as const
    links.takeSignal(
      { from: toHex(key), to: '', link: new Uint8Array(16).fill(key[0] ?? 0), sequence: 0, signal },
      'way',
    )
  }
  expect(opened.map(({ polite }) => polite)).toEqual([false, false, true, true])
  links.close()
})
