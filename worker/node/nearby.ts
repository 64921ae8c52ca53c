// Devices on the same network, for the page: whether this one lets itself be seen, who else does, and pairing with one.

import { toHex } from '#core/crypto/bytes.ts'
import type { Records } from '../storage/records.ts'
import type { Swarm } from '../net/swarm.ts'
import type { NearbyState, NodeApi } from './api.ts'
import { createKnownKeys } from './known-keys.ts'
import { createPairing, type PairingOptions } from './pairing.ts'

export interface NearbyOptions extends Omit<PairingOptions, 'swarm' | 'known'> {
  readonly swarm: Swarm
  readonly records: Records
}

export interface Nearby {
  readonly api: Pick<NodeApi, 'setNearby' | 'pair' | 'acceptPairing' | 'givePairingCode' | 'cancelPairing'>
  start(): Promise<void>
  shown(): NearbyState
  close(): void
}

export function createNearby(options: NearbyOptions): Nearby {
  const { swarm, records } = options
  const self = toHex(options.identity.publicKey)
  const place = `nearby/${self}`
  const known = createKnownKeys(records, self)
  const pairing = createPairing({ ...options, known })
  let on = false

  const show = (value: boolean) => {
    on = value
    swarm.showNearby(value)
    if (!value) pairing.cancel()
    options.onChange()
  }
  return {
    api: {
      async setNearby(value) {
        show(value)
        await records.put('settings', place, value)
      },
      async pair(nodeId) {
        pairing.ask(nodeId)
      },
      async acceptPairing() {
        pairing.accept()
      },
      async givePairingCode(code) {
        await (code === null ? pairing.confirm() : pairing.giveCode(code))
      },
      async cancelPairing() {
        pairing.cancel()
      },
    },
    async start() {
      await known.start()
      // Off until a person turns it on, and then for this device until it is turned off.
      if ((await records.get('settings', place)) === true) show(true)
    },
    shown() {
      const members = new Set(swarm.peers().map(({ id }) => id))
      return {
        on,
        nodes: swarm.nearby
          .nodes()
          .filter(({ id }) => !members.has(id))
          .map(({ id, name, key }) => ({ id, name, known: known.has(key) })),
        pairing: pairing.shown(),
      }
    },
    close: () => pairing.close(),
  }
}
