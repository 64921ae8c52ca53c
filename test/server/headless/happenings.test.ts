// What a headless node says of two states, in words, and nothing when nothing happened.

import { expect, test } from 'vitest'
import { createHappenings } from '../../../signaling-server/headless/happenings.ts'
import type { NodeState, PeerState } from '../../../worker/node/api.ts'

const SELF = 'a'.repeat(64)
const OTHER = 'b'.repeat(64)
const SECRET = '924260973b3a2bfb4e82e50dcbd49e95'

const peer = { id: OTHER, name: 'soft finch', link: 'open', path: 'relayed' } as PeerState

function state(change: Partial<NodeState> = {}): NodeState {
  // Only what is looked at.
  return {
    id: SELF,
    name: 'anchor',
    gpu: { kind: 'starting' },
    server: { url: 'ws://host/signal', state: 'connecting' },
    room: null,
    peers: [],
    models: [],
    held: [],
    notices: [],
    door: { state: 'closed', reason: null, address: 'http://host/v1' },
    ...change,
  } as unknown as NodeState
}

const texts = (happenings: ReturnType<ReturnType<typeof createHappenings>>) => happenings.map(({ text }) => text)

test('links, layers held, models and the door are told as they come and go', () => {
  const tell = createHappenings()
  expect(texts(tell(state()))).toEqual(['anchor, node aaaaaaaa'])
  expect(tell(state())).toEqual([])
  const held = {
    ownerId: OTHER,
    title: 'Toy',
    stages: [
      { nodeId: OTHER, range: { first: 0, last: 2 } },
      { nodeId: SELF, range: { first: 2, last: 4 } },
    ],
    ready: true,
  }
  expect(texts(tell(state({ peers: [peer], held: [{ ...held, ready: false }] })))).toEqual([
    'Linked with soft finch through a relay',
  ])
  expect(texts(tell(state({ peers: [peer], held: [held] })))).toEqual(['Holds layers 2–3 of Toy for soft finch'])
  expect(texts(tell(state()))).toEqual([
    'No longer linked with soft finch',
    'Holds nothing of Toy for soft finch any more',
  ])
  const model = (status: string) => state({ models: [{ id: 'toy', title: 'Toy', status, error: null }] as never })
  expect(texts(tell(model('listed')))).toEqual([])
  expect(texts(tell(model('loading')))).toEqual(['Loading Toy'])
  expect(texts(tell(model('ready')))).toEqual(['Toy is ready'])
  expect(texts(tell(model('listed')))).toEqual(['Toy was unloaded'])
  const door = (change: object) =>
    state({ door: { state: 'closed', reason: null, address: 'http://host/v1', ...change } as never })
  expect(texts(tell(door({ state: 'open' })))).toEqual(['The door for OpenAI clients is open at http://host/v1'])
  expect(texts(tell(door({ state: 'refused', reason: 'too many' })))).toEqual([
    'The server refuses the door (too many)',
  ])
})

test('a server that stays away is told of once, and when it is back', () => {
  const tell = createHappenings()
  const server = (change: object) => texts(tell(state({ server: { url: 'ws://host/signal', ...change } as never })))
  server({ state: 'connecting' })
  expect(server({ state: 'closed', reason: 'refused' })).toEqual(['Not connected (refused) to ws://host/signal'])
  expect(server({ state: 'connecting' })).toEqual([])
  expect(server({ state: 'closed', reason: 'refused' })).toEqual([])
  expect(server({ state: 'open' })).toEqual(['Connected to ws://host/signal'])
})

test('the secret of its room is never part of what is said', () => {
  const tell = createHappenings()
  const said = tell(state({ room: { id: SECRET, invite: `http://host/#join=${SECRET}` } }))
  expect(said.some(({ event }) => event === 'room')).toBe(true)
  expect(JSON.stringify(said)).not.toContain(SECRET)
})
