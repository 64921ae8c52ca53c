// The door of the fake node: closed at first, with keys that are made and removed, and a scene in which it is in use.

import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import type { DoorApi, DoorState } from '../../../worker/node/door-api.ts'
import { CentramError } from '../../../worker/core/errors.ts'

const NOVEMBER = Date.UTC(2026, 10, 20)

export const CLOSED_DOOR: DoorState = {
  on: false,
  state: 'closed',
  reason: null,
  address: 'http://localhost:9740/v1',
  models: [],
  keys: [],
  running: 0,
  requests: 0,
  promptTokens: 0,
  answerTokens: 0,
}

export const OPEN_DOOR: DoorState = {
  ...CLOSED_DOOR,
  on: true,
  state: 'open',
  models: [
    { name: 'smollm2-360m', title: 'SmolLM2 360M Instruct' },
    { name: 'smollm2-360m:tides-and-whales', title: 'SmolLM2 360M Instruct with Tides and whales' },
  ],
  keys: [
    {
      id: 'c0ffee'.padEnd(32, '0'),
      name: 'Editor on the laptop',
      createdAt: NOVEMBER,
      requestsPerMinute: 60,
      tokensPerDay: 200_000,
      tokensToday: 48_210,
    },
    {
      id: 'beef'.padEnd(32, '1'),
      name: 'Notes',
      createdAt: NOVEMBER,
      requestsPerMinute: 20,
      tokensPerDay: null,
      tokensToday: 0,
    },
  ],
  running: 1,
  requests: 83,
  promptTokens: 31_872,
  answerTokens: 16_338,
}

export function createFakeDoor(get: () => NodeState, update: (change: Partial<NodeState>) => void): DoorApi {
  const change = (door: Partial<DoorState>) => update({ door: { ...get().door, ...door } })
  const made: Pick<NodeApi, keyof DoorApi> = {
    async setDoor(on) {
      change(on ? { on, state: 'open', models: OPEN_DOOR.models } : { on, state: 'closed', models: [], running: 0 })
    },
    async makeDoorKey(settings) {
      if (settings.name.trim() === '') throw new CentramError('BAD_ARGUMENT', 'Give the key a name.')
      const id = String(get().door.keys.length).padStart(32, 'a')
      change({ keys: [...get().door.keys, { ...settings, id, createdAt: NOVEMBER, tokensToday: 0 }] })
      return 'ck-5f0a1c9e8d7b6a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d9c8b'
    },
    async removeDoorKey(keyId) {
      change({ keys: get().door.keys.filter(({ id }) => id !== keyId) })
    },
  }
  return made
}
