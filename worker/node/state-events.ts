// What the log says when the node's state became another: one event for each thing that a person would call by a name.

import type { HeldModel, ModelState, NodeState, PeerState, Placement } from './api.ts'
import type { Limits, LogEvent } from './limits-api.ts'

export function eventsBetween(before: NodeState, after: NodeState): readonly LogEvent[] {
  return [
    ...gpuEvents(before, after),
    ...roomEvents(before, after),
    ...peerEvents(before, after),
    ...modelEvents(before, after),
    ...stageEvents(before, after),
    ...heldEvents(before, after),
    ...limitEvents(before, after),
    ...labEvents(before, after),
    ...noticeEvents(before, after),
  ]
}

function gpuEvents({ gpu: before }: NodeState, { gpu }: NodeState): LogEvent[] {
  if (before.kind === gpu.kind) return []
  if (gpu.kind === 'none') return [{ kind: 'gpu-none', message: gpu.message }]
  if (gpu.kind !== 'ready') return []
  const name = gpu.description || `${gpu.vendor} ${gpu.architecture}`.trim()
  return [{ kind: 'gpu-ready', gpu: name, bytes: gpu.budgetBytes }]
}

function roomEvents(before: NodeState, after: NodeState): LogEvent[] {
  const events: LogEvent[] = []
  const { state, reason = '' } = after.server
  if (before.server.state !== state) events.push({ kind: 'server', state, reason })
  if (before.room?.id !== after.room?.id) {
    if (before.room) events.push({ kind: 'room-left' })
    if (after.room) events.push({ kind: 'room-entered' })
  }
  return events
}

/** A node counts as here once there was a link. */
const isHere = (peer: PeerState | undefined): peer is PeerState => peer !== undefined && peer.link !== 'connecting'

function peerEvents(before: NodeState, after: NodeState): LogEvent[] {
  if (before.peers === after.peers) return []
  const was = new Map(before.peers.map((peer) => [peer.id, peer]))
  const is = new Map(after.peers.map((peer) => [peer.id, peer]))
  const left = before.peers
    .filter((peer) => isHere(peer) && !isHere(is.get(peer.id)))
    .map(({ id, name }): LogEvent => ({ kind: 'peer-left', peer: id, name }))
  const others = after.peers.filter(isHere).flatMap(({ id, name, link, path }): LogEvent[] => {
    const known = was.get(id)
    const events: LogEvent[] = []
    const about = { peer: id, name }
    if (!isHere(known)) events.push({ kind: 'peer-joined', ...about })
    else if (known.link !== link) events.push({ kind: link === 'open' ? 'peer-back' : 'peer-silent', ...about })
    if (path !== null && known?.path !== path) events.push({ kind: 'peer-path', ...about, path })
    return events
  })
  return [...left, ...others]
}

function modelEvents(before: NodeState, after: NodeState): LogEvent[] {
  if (before.models === after.models) return []
  const was = new Map(before.models.map((model) => [model.id, model]))
  const ids = new Set(after.models.map(({ id }) => id))
  const gone = before.models
    .filter(({ id }) => !ids.has(id))
    .map(({ title }): LogEvent => ({ kind: 'model-removed', title }))
  const others = after.models.flatMap((model) => modelEvent(was.get(model.id), model, after.placement) ?? [])
  return [...gone, ...others]
}

const isOnItsWay = (model: ModelState | undefined) => model?.status === 'fetching' || model?.status === 'loading'

function modelEvent(before: ModelState | undefined, model: ModelState, placement: Placement | null): LogEvent | null {
  const { title, status, error } = model
  if (before?.status === status) {
    const isDeleted = before.storedBytes > 0 && model.storedBytes === 0
    return isDeleted ? { kind: 'model-removed', title } : null
  }
  if (isOnItsWay(model)) return isOnItsWay(before) ? null : { kind: 'model-loading', title }
  if (status === 'failed' && error) return { kind: 'model-failed', title, ...error }
  if (status === 'ready') {
    const stages = placement?.modelId === model.id ? placement.stages : []
    const nodes = new Set(stages.map(({ nodeId }) => nodeId)).size
    return { kind: 'model-ready', title, layers: model.config?.layers ?? 0, nodes: Math.max(1, nodes) }
  }
  return before?.status === 'ready' ? { kind: 'model-unloaded', title } : null
}

/** Of a placement that stays one: whose stages are lost, and who took them over. */
function stageEvents(before: NodeState, after: NodeState): LogEvent[] {
  const [was, is] = [before.placement, after.placement]
  if (was === is || !was || !is || was.modelId !== is.modelId || was.stages.length !== is.stages.length) return []
  const name = (id: string) => nameIn(after, id) ?? nameIn(before, id) ?? id.slice(0, 8)
  return is.stages.flatMap((stage, index): LogEvent[] => {
    const old = was.stages[index]
    const { first, last } = stage.range
    if (!old || old.range.first !== first || old.range.last !== last) return []
    if (old.nodeId !== stage.nodeId) {
      return [{ kind: 'stage-moved', first, last, from: name(old.nodeId), to: name(stage.nodeId) }]
    }
    return old.status !== 'lost' && stage.status === 'lost'
      ? [{ kind: 'stage-lost', first, last, name: name(stage.nodeId) }]
      : []
  })
}

/** Null of a node that is not known; the own name of this one. */
const nameIn = (state: NodeState, id: string): string | null =>
  id === state.id ? state.name : (state.peers.find((peer) => peer.id === id)?.name ?? null)

function heldEvents(before: NodeState, after: NodeState): LogEvent[] {
  if (before.held === after.held) return []
  const keyOf = ({ ownerId, title }: HeldModel) => `${ownerId} ${title}`
  const ready = (held: readonly HeldModel[]) => held.filter((model) => model.ready)
  const was = new Set(ready(before.held).map(keyOf))
  const is = new Set(after.held.map(keyOf))
  const name = (id: string) => nameIn(after, id) ?? nameIn(before, id) ?? id.slice(0, 8)
  return [
    ...ready(after.held)
      .filter((model) => !was.has(keyOf(model)))
      .map(({ ownerId, title, stages }): LogEvent => {
        // A spare holds layers of which the plan says another node has them.
        const { first, last } = stages.find(({ nodeId }) => nodeId === after.id)?.range ?? { first: 0, last: 0 }
        return { kind: 'lending', title, name: name(ownerId), first, last }
      }),
    ...ready(before.held)
      .filter((model) => !is.has(keyOf(model)))
      .map(({ ownerId, title }): LogEvent => ({ kind: 'lent-back', title, name: name(ownerId) })),
  ]
}

function limitEvents({ limits: before }: NodeState, { limits: after }: NodeState): LogEvent[] {
  const events: LogEvent[] = []
  if (!sameLimits(before, after)) {
    const { memoryBytes, gpuShare, onlyWhenIdle, onlyOnMains, paused } = after
    events.push({ kind: 'limits', limits: { memoryBytes, gpuShare, onlyWhenIdle, onlyOnMains, paused } })
  }
  if (before.resting !== after.resting) {
    events.push(after.resting === null ? { kind: 'helping' } : { kind: 'resting', reason: after.resting })
  }
  return events
}

function sameLimits(one: Limits, other: Limits): boolean {
  const names = ['memoryBytes', 'gpuShare', 'onlyWhenIdle', 'onlyOnMains', 'paused'] as const
  return names.every((name) => one[name] === other[name])
}

function labEvents(before: NodeState, after: NodeState): LogEvent[] {
  const events: LogEvent[] = []
  if (before.runs !== after.runs) {
    const was = new Map(before.runs.map(({ id, status }) => [id, status]))
    for (const { id, name, status } of after.runs)
      if (was.get(id) !== status) events.push({ kind: 'run', name, status })
  }
  if (before.genomes !== after.genomes) {
    const had = new Set(before.genomes.map(({ id }) => id))
    const has = new Set(after.genomes.map(({ id }) => id))
    for (const { id, name } of after.genomes) if (!had.has(id)) events.push({ kind: 'genome-added', name })
    for (const { id, name } of before.genomes) if (!has.has(id)) events.push({ kind: 'genome-removed', name })
  }
  const refused = after.sharing.refused - before.sharing.refused
  if (refused > 0) events.push({ kind: 'refused-parts', count: refused })
  return events
}

function noticeEvents(before: NodeState, after: NodeState): LogEvent[] {
  if (before.notices === after.notices) return []
  const told = new Set(before.notices.map(({ id }) => id))
  return after.notices
    .filter(({ id }) => !told.has(id))
    .map(({ level, code, message }): LogEvent => ({ kind: 'notice', level, code, message }))
}
