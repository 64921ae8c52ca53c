// Tells linked nodes and, by gossip, all others how keys changed, follows what they tell, and changes this node's own key.

import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import type { Identity } from '#core/crypto/identity.ts'
import { CentramError, errorCode } from '#core/errors.ts'
import type { News } from '#core/gossip/news.ts'
import { currentKey, signRevocation, signRotation, type KeyRevocation } from '#core/protocol/key-history.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { Gossip } from '../net/gossip.ts'
import type { Verdict } from '../net/gossip-options.ts'
import type { Swarm } from '../net/swarm.ts'
import type { KeyBook } from './key-book.ts'
import type { KeyChange } from './api.ts'
import type { Surroundings } from './surroundings.ts'

export interface KeyChanges {
  /** Changes this node's key for good; the node must be started anew to go on under it. */
  change(how: KeyChange): Promise<void>
  onRotate(peer: string, body: BodyOf<'SESSION_KEY_ROTATE'>): Promise<void>
  onRevoke(peer: string, body: BodyOf<'PEER_KEY_REVOKE'>): Promise<void>
}

export interface KeyChangesOptions {
  readonly surroundings: Pick<Surroundings, 'identity' | 'records' | 'wallTime' | 'successor'>
  /** Names what this node keeps in records, whatever key it goes by. */
  readonly owner: string
  readonly swarm: Pick<Swarm, 'id' | 'send' | 'peers' | 'drained' | 'putOut' | 'onPeerOpen'>
  readonly gossip: Pick<Gossip, 'subscribe' | 'publish'>
  readonly keys: KeyBook
  /** The node goes on under another key, which is kept. */
  readonly onRotated?: (rotation: BodyOf<'SESSION_KEY_ROTATE'>) => Promise<void>
  /** This node's own key was changed by somebody else. */
  readonly onStolen: () => void
}

const TOPIC = 'keys'

/** Under what this node keeps its own things in records: its first key, whatever key it goes by now. */
export async function ownerOf({ identity, records }: Pick<Surroundings, 'identity' | 'records'>): Promise<string> {
  const self = toHex(identity.publicKey)
  const kept = await records.get('settings', `owner/${self}`)
  return typeof kept === 'string' ? kept : self
}

export function createKeyChanges(options: KeyChangesOptions): KeyChanges {
  const { surroundings, swarm, gossip, keys } = options
  const { identity, records } = surroundings
  let changed = false

  /** Ends what goes on under a key that others may have; a key that was merely retired ends with its node. */
  function obey({ key, why }: KeyRevocation): void {
    const id = toHex(key)
    if (id === swarm.id) {
      if (!changed) options.onStolen()
      return
    }
    if (why !== 'retired') {
      swarm.putOut(id, new CentramError('KEY_REVOKED', `Node ${id.slice(0, 8)} was refused: its key was revoked.`))
    }
  }

  async function onNews({ author, content }: News): Promise<Verdict> {
    try {
      if (content.name === 'SESSION_KEY_ROTATE') {
        const { entry } = await keys.learnRotation(content.body, ({ from, to }) => {
          // Nobody fills other nodes' books with strangers' keys.
          if (!equalBytes(author, from) && !equalBytes(author, to))
            throw new CentramError('BAD_ARGUMENT', 'A stranger’s keys.')
        })
        if (toHex(entry.from) === swarm.id && !changed) options.onStolen()
        return 'accept'
      }
      if (content.name !== 'PEER_KEY_REVOKE') return 'ignore'
      obey((await keys.learnRevocation(content.body)).entry)
      return 'accept'
    } catch (error) {
      // A signature is wrong for everyone; all else may be a matter of what a node heard so far.
      return errorCode(error) === 'SIGNATURE_INVALID' ? 'reject' : 'ignore'
    }
  }
  gossip.subscribe(TOPIC, { names: ['SESSION_KEY_ROTATE', 'PEER_KEY_REVOKE'], onNews })

  swarm.onPeerOpen((peer) => {
    const { rotations, revocations } = keys.pathTo(swarm.id)
    try {
      for (const body of rotations) swarm.send(peer, 'SESSION_KEY_ROTATE', body)
      for (const body of revocations) swarm.send(peer, 'PEER_KEY_REVOKE', body)
    } catch {
      // It left meanwhile.
    }
  })

  async function tell(rotation: BodyOf<'SESSION_KEY_ROTATE'> | null, revocation: BodyOf<'PEER_KEY_REVOKE'>) {
    const open = swarm.peers().filter(({ link }) => link !== 'connecting')
    for (const { id } of open) {
      try {
        if (rotation) swarm.send(id, 'SESSION_KEY_ROTATE', rotation)
        swarm.send(id, 'PEER_KEY_REVOKE', revocation)
      } catch {
        // Those who are not reached now hear of it from the others, or when this node meets them again.
      }
    }
    if (rotation) await gossip.publish(TOPIC, 'SESSION_KEY_ROTATE', rotation).catch(() => undefined)
    await gossip.publish(TOPIC, 'PEER_KEY_REVOKE', revocation).catch(() => undefined)
    await Promise.all(open.map(({ id }) => swarm.drained(id).catch(() => undefined)))
  }

  async function signChange(how: KeyChange, next: Identity) {
    const at = surroundings.wallTime()
    const old = identity.publicKey
    if (how === 'anew') {
      return {
        rotation: null,
        revocation: await signRevocation(identity, { key: old, successor: null, why: 'lost', at }),
      }
    }
    const generation = keys.generation(swarm.id) + 1
    return {
      rotation: await signRotation(identity, next, generation, at),
      // By the new key: of two rotations that one key signed, this settles which one counts.
      revocation: await signRevocation(next, { key: old, successor: next.publicKey, why: how, at }),
    }
  }

  return {
    async change(how) {
      if (changed || keys.status(swarm.id) !== 'current') {
        if (how !== 'anew') throw new CentramError('KEY_REVOKED', 'This key was changed already. Reload the page.')
      }
      if (!surroundings.successor) {
        throw new CentramError('NOT_OFFERED', 'A node that runs here keeps its key. Change it in the browser.')
      }
      const next = await surroundings.successor()
      const { rotation, revocation } = await signChange(how, next.identity)
      changed = true
      await records.put('settings', `owner/${toHex(next.identity.publicKey)}`, options.owner)
      if (rotation) await keys.learnRotation(rotation)
      await keys.learnRevocation(revocation)
      // From here on the next start is under the new key, and tells everyone it meets how that came about.
      await next.keep()
      // A log that is not closed counts up to the change all the same.
      if (rotation) await options.onRotated?.(rotation).catch(() => undefined)
      await tell(rotation, revocation)
    },

    async onRotate(peer, body) {
      await keys.learnRotation(body, ({ from }, then) => {
        const now = currentKey(then, from)
        if (toHex(from) === peer || (now !== null && toHex(now) === peer)) return
        throw new CentramError('BAD_ARGUMENT', 'A node tells how its own key changed, not those of others.')
      })
    },

    async onRevoke(_peer, body) {
      try {
        obey((await keys.learnRevocation(body)).entry)
      } catch (error) {
        // The rotations that lead to its signer may not be known here; that is nobody's fault.
        if (errorCode(error) !== 'PROTOCOL_VIOLATION') throw error
      }
    },
  }
}
