// How a node numbers its news: one number once, over reloads and changes of its key.

import { expect, it } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { identityFromSeed, plainVerifier } from '#core/crypto/identity.ts'
import { systemClock } from '../../../worker/net/clock.ts'
import type { Swarm } from '../../../worker/net/swarm.ts'
import { createRoomNews } from '../../../worker/node/room-news.ts'
import { createMemoryRecords } from '../../../worker/storage/records.ts'
import { createRandom } from '../net/simulation.ts'

it('goes on counting under another key, which the author of old announcements is known by too', async () => {
  const records = createMemoryRecords()
  const [before, after] = [1, 2].map((seed) => identityFromSeed(new Uint8Array(32).fill(seed)))
  const owner = toHex(before!.publicKey)
  const publish = async (identity: NonNullable<typeof before>, times: number) => {
    const swarm = Object.fromEntries(
      ['handle', 'onPeerOpen', 'onPeerInterrupted', 'onPeerLost', 'onLeaving', 'onChange'].map((name) => [
        name,
        () => {},
      ]),
    )
    const surroundings = {
      identity,
      records,
      verifier: plainVerifier,
      clock: systemClock,
      wallTime: () => 1,
      random: createRandom(1),
    }
    const news = createRoomNews(surroundings, { ...swarm, room: null, peers: () => [] } as unknown as Swarm, owner)
    news.subscribe('keys', { names: ['GENOME_WITHDRAW'], onNews: () => 'accept' })
    const body = { withdrawal: new Uint8Array([0xa0]), signature: new Uint8Array(64) }
    for (let i = 0; i < times; i++) await news.publish('keys', 'GENOME_WITHDRAW', body).catch(() => undefined)
    news.close()
    return records.get('settings', `news/${owner}`)
  }
  expect(await publish(before!, 3)).toBe(3)
  expect(await publish(after!, 1)).toBe(4)
  // An earlier version counted for each key: the further of the two goes on.
  await records.put('settings', `news/${toHex(after!.publicKey)}`, 10)
  expect(await publish(after!, 1)).toBe(11)
})
