// Who said what to whom: every message that a node hands to its swarm and every one that reaches a handler. What nobody
// said must not be handled, and nothing twice.

import { createHash } from 'node:crypto'
import { encodeCanonical } from '#core/crypto/canonical.ts'
import { createSwarm, type Swarm, type SwarmOptions } from '../../worker/net/swarm.ts'
import type { Schedule } from './schedule.ts'

export interface Ledger {
  /** A swarm whose messages are counted. */
  watch(node: string, options: SwarmOptions): Swarm
  readonly sent: number
  readonly handled: number
}

const BREACHES: ReadonlySet<string> = new Set([
  'PROTOCOL_VIOLATION',
  'REPLAYED',
  'FRAME_INVALID',
  'FRAME_TOO_LARGE',
  'SIGNATURE_INVALID',
  'RATE_LIMITED',
])

/** `isHonest` while nobody has tampered with a message of this world: then nodes have no reason to refuse each other. */
export function createLedger(schedule: Schedule, violate: (what: string) => void, isHonest: () => boolean): Ledger {
  /** How often a message is under way, by sender, receiver and content. */
  const underWay = new Map<string, number>()
  let sent = 0
  let handled = 0
  const keyOf = (from: string, to: string, name: string, body: unknown, tail: ArrayBufferView | undefined): string => {
    const hash = createHash('sha256').update(from).update(to).update(name).update(encodeCanonical(body))
    if (tail !== undefined && tail.byteLength > 0) {
      hash.update(new Uint8Array(tail.buffer, tail.byteOffset, tail.byteLength))
    }
    return hash.digest('binary')
  }

  return {
    get sent() {
      return sent
    },
    get handled() {
      return handled
    },
    watch(node, options) {
      const swarm = createSwarm(options)
      swarm.onPeerLost((peer, { code, message }) => {
        schedule.note(`${node} lost ${peer.slice(0, 8)}: ${code} ${message}`)
        if (
          isHonest() &&
          (BREACHES.has(code) || (code === 'PEER_REFUSED' && BREACHES.has(message.split(':')[0] ?? '')))
        ) {
          violate(`${node} and ${peer.slice(0, 8)}, both honest, parted with ${code}: ${message}`)
        }
      })
      const watched: Partial<Swarm> = {
        send(peer, name, body, tail) {
          swarm.send(peer, name, body, tail)
          const key = keyOf(swarm.id, peer, name, body, tail)
          underWay.set(key, (underWay.get(key) ?? 0) + 1)
          sent++
        },
        handle: (name, handler) =>
          swarm.handle(name, (peer, body, tail) => {
            const key = keyOf(peer, swarm.id, name, body, tail)
            const left = underWay.get(key) ?? 0
            if (left === 0) {
              violate(`${node} handled a ${name} that ${peer.slice(0, 8)} did not send it, or handled it twice`)
            } else if (left === 1) underWay.delete(key)
            else underWay.set(key, left - 1)
            handled++
            schedule.note(`${node} handles ${name} ${Buffer.from(key, 'binary').toString('hex', 0, 4)}`)
            return handler(peer, body, tail)
          }),
      }
      // Everything else is the swarm itself, getters among it.
      return new Proxy(swarm, {
        get: (target, property) =>
          (watched as Record<string | symbol, unknown>)[property] ?? (Reflect.get(target, property, target) as unknown),
      })
    },
  }
}
