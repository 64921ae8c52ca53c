// A node's own door, keys and answers over a model of exact arithmetic, at a server's socket: all but the GPU is the product's.

import { WebSocket } from 'ws'
import { identityFromSeed } from '#core/crypto/identity.ts'
import { createAnswers } from '../../worker/node/answers.ts'
import type { NodeState } from '../../worker/node/api.ts'
import { createDoor } from '../../worker/node/door.ts'
import { NO_DOOR, type Door } from '../../worker/node/door-parts.ts'
import type { DoorState } from '../../worker/node/door-api.ts'
import type { Surroundings } from '../../worker/node/surroundings.ts'
import { systemClock } from '../../worker/net/clock.ts'
import type { SocketFactory } from '../../worker/net/signalling-client.ts'
import { createMemoryRecords } from '../../worker/storage/records.ts'
import { createFakeModel, FAKE_MODEL, type FakeModel } from '../worker/node/fake-model.ts'

export interface DoorNode {
  readonly door: Door
  readonly model: FakeModel
  shown(): DoorState
  until(condition: (door: DoorState) => boolean): Promise<void>
}

export const connectWs: SocketFactory = (url, events) => {
  const socket = new WebSocket(url)
  socket.on('open', () => events.onOpen())
  socket.on('message', (data: Buffer) => events.onMessage(new Uint8Array(data)))
  socket.on('close', (_code, reason) => events.onClose(String(reason) || 'closed'))
  socket.on('error', () => undefined)
  return { send: (bytes) => socket.send(bytes), close: () => socket.close() }
}

export async function createDoorNode(
  origin: string,
  { seed = 1, records = createMemoryRecords(), day = (): number => 20_000 } = {},
): Promise<DoorNode> {
  const model = await createFakeModel()
  const answers = createAnswers(
    model.active,
    () => undefined,
    () => 0,
  )
  let shown: DoorState = NO_DOOR
  const waiting = new Set<() => void>()
  let random = 0
  const surroundings = {
    settings: { serverUrl: `${origin.replace('http', 'ws')}/signal`, pageUrl: `${origin}/`, catalogue: [] },
    identity: identityFromSeed(new Uint8Array(32).fill(seed)),
    records,
    clock: systemClock,
    wallTime: () => day() * 86_400_000,
    random: (length: number) => Uint8Array.from({ length }, () => (seed * 31 + random++) % 256),
    connect: connectWs,
  } as unknown as Surroundings
  const state = {
    name: 'Door',
    gpu: { kind: 'ready' },
    models: [{ id: FAKE_MODEL, title: 'Fake', status: 'ready' }],
    placement: { modelId: FAKE_MODEL },
    genomes: [
      { id: 'a'.repeat(64), name: 'Of Whales', modelId: FAKE_MODEL },
      { id: 'b'.repeat(64), name: 'other', modelId: 'another' },
    ],
    peers: [{ link: 'open', models: [{ id: 'far', title: 'Held by another' }] }],
  } as unknown as NodeState
  const door = createDoor(
    surroundings,
    {
      owner: 'o',
      store: { get: () => state, watch: (listener) => listener(state) },
      generate: (asker, request, onEvent) => answers.generate(request, { onEvent }, asker),
      stop: (requestId) => void answers.stop(requestId),
      answers,
      requireHelping: () => undefined,
    },
    (next) => {
      shown = next
      for (const look of waiting) look()
    },
  )
  await door.start()
  return {
    door,
    model,
    shown: () => shown,
    until: (condition) =>
      new Promise((resolve) => {
        const look = () => {
          if (!condition(shown)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
  }
}
