// What a headless node tells the person who runs it: the differences between two states, as lines of text and as data.

import type { NodeState } from '../../worker/node/api.ts'

export interface Happening {
  readonly event: string
  readonly text: string
  readonly [detail: string]: unknown
}

const GIB = 2 ** 30

/** Tells what happened from one state to the next, beginning with the first. */
export function createHappenings(): (state: NodeState) => readonly Happening[] {
  let before: NodeState | undefined
  /** A server that is away is told of once, and not at every attempt. */
  let toldServer: NodeState['server']['state'] = 'none'
  return (after) => {
    const happened = happeningsBetween(before, after, toldServer)
    before = after
    if (after.server.state !== 'connecting') toldServer = after.server.state
    return happened
  }
}

function happeningsBetween(
  before: NodeState | undefined,
  after: NodeState,
  toldServer: NodeState['server']['state'],
): readonly Happening[] {
  return [
    ...(before === undefined
      ? [{ event: 'node', text: `${after.name}, node ${after.id.slice(0, 8)}`, id: after.id, name: after.name }]
      : []),
    ...gpuChange(before, after),
    ...serverChange(toldServer, after),
    ...roomChange(before, after),
    ...peerChanges(before, after),
    ...modelChanges(before, after),
    ...heldChanges(before, after),
    ...doorChange(before, after),
    ...newNotices(before, after),
  ]
}

function gpuChange(before: NodeState | undefined, { gpu }: NodeState): Happening[] {
  if (gpu.kind === before?.gpu.kind || gpu.kind === 'starting') return []
  if (gpu.kind === 'none') {
    return [{ event: 'gpu', text: `No GPU: ${gpu.message} ${gpu.remedy}`, gpu: null }]
  }
  const name = [gpu.vendor, gpu.description || gpu.architecture].filter((part) => part !== '').join(' ')
  const lends = `lends ${(gpu.budgetBytes / GIB).toFixed(1)} GiB`
  return [
    {
      event: 'gpu',
      text: `GPU: ${name}${gpu.software ? ' (on the processor)' : ''}, ${lends}, reads ${(gpu.bytesPerSecond / 1e9).toFixed(2)} GB/s`,
      gpu: name,
      software: gpu.software,
      budgetBytes: gpu.budgetBytes,
      bytesPerSecond: gpu.bytesPerSecond,
    },
  ]
}

function serverChange(told: NodeState['server']['state'], { server }: NodeState): Happening[] {
  if (server.state === told || server.state === 'none' || server.state === 'connecting') return []
  const text = server.state === 'open' ? 'Connected to' : `Not connected (${server.reason ?? 'closed'}) to`
  return [{ event: 'server', text: `${text} ${server.url ?? ''}`, state: server.state }]
}

function roomChange(before: NodeState | undefined, { room }: NodeState): Happening[] {
  if (room?.id === before?.room?.id) return []
  if (room === null) return before === undefined ? [] : [{ event: 'room-left', text: 'Left the room' }]
  // Its id is the secret that lets others in, which has no business in a log.
  return [{ event: 'room', text: 'In its room' }]
}

function peerChanges(before: NodeState | undefined, after: NodeState): Happening[] {
  const open = (state: NodeState | undefined) =>
    new Map(state?.peers.filter(({ link }) => link === 'open').map((peer) => [peer.id, peer]))
  const was = open(before)
  const is = open(after)
  const about = (id: string, name: string) => ({ peer: id, name })
  return [
    ...[...is.values()]
      .filter(({ id }) => !was.has(id))
      .map(({ id, name, path }) => ({
        event: 'peer-open',
        text: `Linked with ${name}${path === 'relayed' ? ' through a relay' : ''}`,
        ...about(id, name),
      })),
    ...[...was.values()]
      .filter(({ id }) => !is.has(id))
      .map(({ id, name }) => ({ event: 'peer-gone', text: `No longer linked with ${name}`, ...about(id, name) })),
  ]
}

function modelChanges(before: NodeState | undefined, after: NodeState): Happening[] {
  return after.models.flatMap((model): Happening[] => {
    const was = before?.models.find(({ id }) => id === model.id)
    if (was?.status === model.status || (was === undefined && model.status === 'listed')) return []
    const detail = { event: 'model', model: model.id, status: model.status }
    switch (model.status) {
      case 'fetching':
        return [{ ...detail, text: `Fetching ${model.title}` }]
      case 'loading':
        return [{ ...detail, text: `Loading ${model.title}` }]
      case 'ready':
        return [{ ...detail, text: `${model.title} is ready` }]
      case 'failed':
        return [
          {
            ...detail,
            text: `${model.title}: ${model.error?.message ?? 'it could not be loaded'}`,
            code: model.error?.code,
          },
        ]
      case 'listed':
        return was?.status === 'ready' ? [{ ...detail, text: `${model.title} was unloaded` }] : []
    }
  })
}

function heldChanges(before: NodeState | undefined, after: NodeState): Happening[] {
  const mine = (state: NodeState | undefined) =>
    new Map(
      state?.held.flatMap(({ ownerId, title, stages, ready }) => {
        const own = stages
          .filter(({ nodeId }) => nodeId === state.id)
          .map(({ range }) => `${range.first}–${range.last - 1}`)
        const layers = own.join(' and ')
        return ready && layers !== '' ? [[`${ownerId}/${title}/${layers}`, { ownerId, title, layers }] as const] : []
      }),
    )
  const nameOf = (id: string) =>
    [...after.peers, ...(before?.peers ?? [])].find((peer) => peer.id === id)?.name ?? id.slice(0, 8)
  const was = mine(before)
  const is = mine(after)
  return [
    ...[...is].flatMap(([key, { ownerId, title, layers }]) =>
      was.has(key)
        ? []
        : [
            {
              event: 'holding',
              text: `Holds layers ${layers} of ${title} for ${nameOf(ownerId)}`,
              owner: ownerId,
              title,
              layers,
            },
          ],
    ),
    ...[...was].flatMap(([key, { ownerId, title }]) =>
      [...is.values()].some((held) => held.ownerId === ownerId && held.title === title) || is.has(key)
        ? []
        : [
            {
              event: 'released',
              text: `Holds nothing of ${title} for ${nameOf(ownerId)} any more`,
              owner: ownerId,
              title,
            },
          ],
    ),
  ]
}

function doorChange(before: NodeState | undefined, { door }: NodeState): Happening[] {
  if (door.state === (before?.door.state ?? 'closed') || door.state === 'connecting') return []
  const why = door.reason === null ? '' : ` (${door.reason})`
  const texts = {
    open: `The door for OpenAI clients is open at ${door.address ?? ''}`,
    closed: `The door is closed${why}`,
    refused: `The server refuses the door${why}`,
  }
  return [{ event: 'door', text: texts[door.state], state: door.state, address: door.address }]
}

function newNotices(before: NodeState | undefined, after: NodeState): Happening[] {
  const known = new Set(before?.notices.map(({ id }) => id))
  return after.notices
    .filter(({ id }) => !known.has(id))
    .map(({ level, code, message }) => ({ event: 'notice', text: message, level, code }))
}
