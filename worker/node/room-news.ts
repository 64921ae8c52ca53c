// The gossip of this node, tied to its swarm: news stays in the room where it was told, and is numbered over reloads.

import { toHex } from '#core/crypto/bytes.ts'
import { createGossip, type Gossip } from '../net/gossip.ts'
import type { Swarm } from '../net/swarm.ts'
import { handleGossip } from './handlers/gossip.ts'
import type { Surroundings } from './surroundings.ts'

export function createRoomNews(
  surroundings: Pick<Surroundings, 'identity' | 'verifier' | 'clock' | 'wallTime' | 'random' | 'records'>,
  swarm: Swarm,
  /** Names what this node keeps in records, whatever key it goes by. */
  owner = toHex(surroundings.identity.publicKey),
): Gossip {
  const { records, identity } = surroundings
  const key = `news/${owner}`
  // Where earlier versions counted for each key.
  const ownKey = `news/${toHex(identity.publicKey)}`
  let numbering: Promise<number> | null = null
  const gossip = createGossip({
    ...surroundings,
    send: swarm.send,
    refuse: swarm.putOut,
    nextSequence() {
      // One after the other, and written down before it is used: a number that came twice would not be heard.
      const before: Promise<unknown> = numbering ?? Promise.resolve()
      const next = before.then(async () => {
        // The numbers go on over a change of keys: a second news of one number is taken for equivocation.
        const kept = [await records.get('settings', key), await records.get('settings', ownKey)]
        const sequence = Math.max(0, ...kept.filter((number) => typeof number === 'number'))
        await records.put('settings', key, sequence + 1)
        return sequence
      })
      numbering = next.catch(() => 0)
      return next
    },
  })
  handleGossip(swarm, gossip)
  swarm.onLeaving(gossip.leave)
  const roomOf = () => (swarm.room === null ? '' : toHex(swarm.room.id))
  let room = roomOf()
  swarm.onChange(() => {
    if (roomOf() !== room) gossip.forget()
    room = roomOf()
  })
  return gossip
}
