// Entering and leaving rooms: by an invite, by making one's own, and again after the page was reloaded.

import { errorMessage } from '#core/errors.ts'
import type { Swarm } from '../net/swarm.ts'
import type { NodeApi } from './api.ts'
import type { Discovery } from './discovery.ts'
import { inviteLink, readInvite } from './invite.ts'
import type { Notify } from './notices.ts'
import type { Surroundings } from './surroundings.ts'

export interface RoomEntry {
  readonly api: Pick<NodeApi, 'share' | 'join' | 'leave'>
  /** The secret of the room this node is in; of a new one where it is in none. */
  open(): Promise<Uint8Array>
  enter(secret: Uint8Array): Promise<void>
  /** The room of the invite link; else the one this tab was in before it was reloaded. */
  rejoin(): Promise<void>
}

export interface RoomEntryOptions extends Pick<Surroundings, 'settings' | 'records' | 'random'> {
  /** Under which this node's own records are kept. */
  readonly owner: string
  readonly swarm: Pick<Swarm, 'room' | 'join' | 'leave'>
  readonly discovery: Pick<Discovery, 'refresh' | 'ways' | 'addWays'>
  readonly notify: Notify
}

const SECRET_BYTES = 16

export function createRoomEntry(options: RoomEntryOptions): RoomEntry {
  const { settings, records, swarm, discovery } = options
  const key = `room/${options.owner}`

  async function enter(secret: Uint8Array): Promise<void> {
    swarm.join(secret)
    discovery.refresh()
    await records.put('settings', key, secret)
  }

  /** Uses the ways in that the invite names beside those that are set. */
  async function accept(invite: string): Promise<void> {
    const { secret, ways } = readInvite(invite)
    await discovery.addWays(ways)
    await enter(secret)
  }

  async function open(): Promise<Uint8Array> {
    const secret = swarm.room?.secret ?? options.random(SECRET_BYTES)
    await enter(secret)
    return secret
  }

  return {
    open,
    enter,
    async rejoin() {
      if (settings.invite !== undefined && settings.invite !== '') {
        try {
          await accept(settings.invite)
          return
        } catch (error) {
          options.notify('error', 'BAD_ARGUMENT', errorMessage(error))
        }
      }
      const secret = await records.get('settings', key)
      if (secret instanceof Uint8Array && secret.length === SECRET_BYTES) await enter(secret)
    },
    api: {
      share: async () => inviteLink(settings.pageUrl, await open(), discovery.ways()),
      join: accept,
      async leave() {
        swarm.leave()
        discovery.refresh()
        await records.delete('settings', key)
      },
    },
  }
}
