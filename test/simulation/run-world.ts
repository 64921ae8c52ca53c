// The life of one simulated world: nodes arrive, people ask, things break; then peace, in which everything must heal and be
// answered; then everyone leaves, and nothing may be left behind.

import { createWorld, INVITE, MODEL_ID, ViolationError, type Host, type World } from './world.ts'
import type { FaultKind } from './faults.ts'
import { TEMPER_NAMES, TEMPERS, type TemperName } from './temper.ts'

export interface RunOptions {
  readonly seed: string
  readonly nodes?: number
  /** Virtual minutes of trouble. */
  readonly minutes?: number
  /** Otherwise one that follows from the seed. */
  readonly temper?: TemperName
}

export interface RunReport {
  readonly seed: string
  readonly traceHash: string
  readonly steps: number
  readonly virtualMs: number
  readonly nodes: number
  readonly faults: number
  readonly faultsByKind: Readonly<Record<string, number>>
  readonly asked: number
  readonly right: number
  readonly stopped: number
  readonly ended: Readonly<Record<string, number>>
  readonly abandoned: number
  readonly messagesHandled: number
  readonly streams: number
  readonly streamsWhole: number
  readonly streamBytes: number
  /** Null when every invariant held. */
  readonly violation: string | null
  /** The end of the trace, of a world with a violation. */
  readonly trace: readonly string[]
}

const ANSWER_LIMIT_MS = 15 * 60_000
const HEALING_LIMIT_MS = 12 * 60_000
const FINAL_ANSWER_LIMIT_MS = 4 * 60_000
const STREAM_LIMIT_MS = 3 * 60_000

export async function runWorld({ seed, nodes = 8, minutes = 5, temper }: RunOptions): Promise<RunReport> {
  const world = await createWorld({ seed, nodes, exact: seed.length % 2 === 0 })
  const { schedule, hosts, asking, faults, ledger, streaming } = world
  let violation: string | null = null
  try {
    await live(world, minutes, temper)
    // What is found once everyone has left has no event after it.
    if (world.violations.length > 0) violation = world.violations.join('\n')
  } catch (error) {
    violation = error instanceof ViolationError ? error.message : String((error as Error).stack ?? error)
  }
  for (const { life } of hosts) life?.process.kill()
  return {
    seed,
    traceHash: schedule.traceHash(),
    steps: schedule.steps,
    virtualMs: schedule.now(),
    nodes: hosts.length,
    faults: faults.total,
    faultsByKind: Object.fromEntries([...faults.byKind].sort()),
    asked: asking.counts.asked,
    right: asking.counts.right,
    stopped: asking.counts.stopped,
    ended: Object.fromEntries([...asking.counts.ended].sort()),
    abandoned: asking.counts.abandoned,
    messagesHandled: ledger.handled,
    streams: streaming.counts.sent,
    streamsWhole: streaming.counts.whole,
    streamBytes: streaming.counts.bytes,
    violation,
    trace: violation === null ? [] : schedule.latest(),
  }
}

async function live(world: World, minutes: number, wanted: TemperName | undefined): Promise<void> {
  const { schedule, hosts, dice, asking } = world
  const drawn = dice.pick(TEMPER_NAMES)
  const temper = wanted ?? drawn
  const { every, shares, ...rates } = TEMPERS[temper]
  schedule.note(`temper ${temper}`)
  world.place.start()
  for (const host of hosts) schedule.after(dice.between(0, 3000), `${host.name} is opened`, () => world.start(host))
  await schedule.run(10_000)

  const end = schedule.now() + minutes * 60_000
  let troubled = true
  Object.assign(world.rates, rates)
  const trouble = (): void => {
    if (!troubled) return
    hurt(world, weighted(dice.next(), shares))
    schedule.after(dice.between(0, 2 * every), 'trouble', trouble)
  }
  schedule.after(dice.between(0, every), 'trouble', trouble)
  const people = (): void => {
    if (!troubled) return
    act(world)
    asking.check(ANSWER_LIMIT_MS)
    schedule.after(dice.between(0, 1500), 'somebody acts', people)
  }
  people()
  await schedule.run(end)

  troubled = false
  await heal(world)
  await askEveryone(world)
  await leave(world)
}

function weighted(draw: number, weights: Partial<Record<FaultKind, number>>): FaultKind {
  const entries = Object.entries(weights) as [FaultKind, number][]
  let left = draw * entries.reduce((sum, [, weight]) => sum + weight, 0)
  for (const [kind, weight] of entries) {
    left -= weight
    if (left < 0) return kind
  }
  return entries[0]![0]
}

function hurt(world: World, kind: FaultKind): void {
  const { schedule, dice, hosts, wires, place, faults } = world
  const living = hosts.filter(({ life }) => life !== null)
  const host = living.length > 0 ? dice.pick(living) : undefined
  const open = wires.open().filter((wire) => wire.path === 'up')
  const wire = open.length > 0 ? dice.pick(open) : undefined
  /** From an instant to longer than any patience. */
  const duration = () => dice.pick([dice.between(50, 1500), dice.between(1500, 12_000), dice.between(12_000, 45_000)])
  const reopen = (which: Host, after: number): void => {
    schedule.after(after, `${which.name} is opened`, () => world.start(which))
  }
  const done = (times = 1) => {
    faults.count(kind, times)
    schedule.note(`fault ${kind} ${host?.name ?? ''} ${wire?.ends.join(' ~ ') ?? ''}`)
  }
  switch (kind) {
    case 'link silent':
      if (!wire) return
      wire.silence()
      schedule.after(duration(), 'a link heals', () => wire.heal())
      return done()
    case 'link stale':
      if (!wire) return
      wire.goStale()
      return done()
    case 'link cut':
      if (!wire) return
      wire.cut()
      return done()
    case 'partition': {
      const side = new Set(hosts.filter(() => dice.chance(0.5)).map(({ name }) => name))
      const across = (a: string, b: string) => side.has(a.split('.')[0]!) !== side.has(b.split('.')[0]!)
      const cut = open.filter(({ ends }) => across(...ends))
      wires.reachable = (a, b) => !across(a, b)
      for (const crossing of cut) crossing.silence()
      schedule.after(duration(), 'the partition ends', () => {
        wires.reachable = () => true
        for (const crossing of cut) crossing.heal()
      })
      return done(Math.max(1, cut.length))
    }
    case 'crash':
    case 'machine crash':
      if (!host) return
      world.crash(host, kind === 'machine crash')
      for (const other of hosts) if (other.disk === host.disk) reopen(other, duration())
      return done()
    case 'tab closed':
      if (!host) return
      world.close(host)
      reopen(host, 2500 + duration())
      return done()
    case 'node left the room': {
      const { life } = host ?? {}
      if (!life?.node) return
      const { api } = life.node
      void api.leave().catch(() => undefined)
      schedule.after(duration(), 'somebody comes back', () => {
        if (life.process.alive && !life.process.paused) void api.join(INVITE).catch(() => undefined)
        else if (life.process.alive) life.process.enter(() => void api.join(INVITE).catch(() => undefined))
      })
      return done()
    }
    case 'server stopped':
      if (!place.up) return
      place.stop(dice.chance(0.7) ? 'breaks' : 'vanishes')
      schedule.after(duration(), 'the server starts', () => place.start())
      return done()
    case 'socket broken':
      if (!host?.life) return
      return done(place.breakSockets(host.life.process.name))
    case 'pause': {
      const { process } = host?.life ?? {}
      if (!process || process.paused) return
      process.pause()
      schedule.after(duration(), `${process.name} wakes`, () => process.resume())
      return done()
    }
    case 'clock drift':
      if (!host?.life) return
      host.life.process.rate = dice.between(0.97, 1.03)
      return done()
    case 'date jump':
      if (!host?.life) return
      host.life.process.skewDate(dice.between(-4e9, 4e9))
      return done()
    case 'eviction':
      if (!host) return
      return done(host.disk.evict(dice.chance(0.5)))
    case 'disk full':
      if (!host) return
      host.disk.quota = host.disk.usage + dice.whole(0, 20_000)
      schedule.after(duration(), 'there is room again', () => (host.disk.quota = Number.POSITIVE_INFINITY))
      return done()
    case 'GPU lost':
      if (!host?.life || host.isLight) return
      host.life.computing.lose()
      return done()
    case 'step failed':
      if (!host?.life || host.isLight) return
      host.life.computing.failNext()
      return done()
    default:
      throw new Error(`${kind} does not happen to nodes`)
  }
}

/** What a person does at one of the nodes. */
function act(world: World): void {
  const { dice, hosts, asking } = world
  const awake = hosts.flatMap(({ life }) => (life?.node && !life.process.paused ? [{ ...life, node: life.node }] : []))
  if (awake.length === 0) return
  const { process, node, state } = dice.pick(awake)
  const { api } = node
  const peers = state?.peers.filter(({ link }) => link === 'open') ?? []
  if (peers.length > 0 && dice.chance(0.2)) return world.streaming.send(process, dice.pick(peers).id)
  const quietly = (work: Promise<unknown>) => void work.catch(() => undefined)
  if (asking.open.filter((question) => question.node === process.name).length >= 2) return
  const draw = dice.next()
  const canAnswer = state?.gpu.kind === 'ready' || state?.peers.some(({ models }) => models.length > 0)
  // Asking where nobody can answer ends at once, and rightly: not much to learn from it.
  if (!canAnswer && dice.chance(0.8)) return
  if (draw < 0.8) asking.ask({ process, api, modelId: MODEL_ID }, { stops: dice.chance(0.15) })
  else if (draw < 0.88) quietly(api.loadModel(MODEL_ID, dice.chance(0.3) ? { placement: 'solo' } : {}))
  else if (draw < 0.91) quietly(api.unloadModel(MODEL_ID))
  else if (draw < 0.94) quietly(api.removeModel(MODEL_ID))
  else if (draw < 0.96) quietly(api.cancelLoad(MODEL_ID))
  else quietly(api.rename(`Node ${dice.whole(0, 999)}`))
}

/** Peace: everyone is there and everything works; links must come back by themselves. */
async function heal(world: World): Promise<void> {
  const { schedule, hosts, wires, place, rates, asking } = world
  Object.assign(rates, { packet: 0, link: 0, relay: 0, transfer: 0, disk: 0 })
  schedule.note('peace')
  wires.reachable = () => true
  place.start()
  for (const wire of wires.open()) wire.heal()
  for (const host of hosts) {
    host.disk.quota = Number.POSITIVE_INFINITY
    if (host.life?.state?.gpu.kind === 'none' && !host.isLight) world.crash(host, false)
    host.life?.process.resume()
    host.life?.computing.calm()
    if (host.life) host.life.process.rate = 1
  }
  // Some are to be opened by events that are under way.
  await schedule.run(schedule.now() + 50_000)
  for (const host of hosts) {
    world.start(host)
    const { life } = host
    if (life?.node && life.state?.room === null) void life.node.api.join(INVITE).catch(() => undefined)
  }
  const whole = () =>
    hosts.every(
      ({ life }) =>
        life?.state?.peers.filter(({ link }) => link === 'open').length === hosts.length - 1 &&
        life.state.server.state === 'open',
    )
  if (!(await schedule.run(schedule.now() + HEALING_LIMIT_MS, whole))) {
    const apart = hosts.flatMap(({ name, life }) =>
      life?.state
        ? [
            `${name} (server ${life.state.server.state}): ${life.state.peers.map(({ id, link }) => `${nameOf(hosts, id)} ${link}`).join(', ')}`,
          ]
        : [`${name}: not there`],
    )
    world.violate(`the swarm did not come together again in ${HEALING_LIMIT_MS / 1000} s\n${apart.join('\n')}`)
  }
  await schedule.run(schedule.now() + ANSWER_LIMIT_MS, () => asking.open.length === 0)
  asking.check(FINAL_ANSWER_LIMIT_MS)
  await schedule.run(schedule.now() + STREAM_LIMIT_MS, () => world.streaming.open.length === 0)
  if (world.streaming.open.length > 0)
    world.violate(`the streams ${world.streaming.open.join(', ')} neither come nor end`)
  await schedule.run(schedule.now() + 1)
}

const nameOf = (hosts: readonly Host[], id: string) => hosts.find((host) => host.id === id)?.name ?? id.slice(0, 8)

/** Nothing is wrong any more, so every question must be answered. */
async function askEveryone(world: World): Promise<void> {
  const { schedule, hosts, asking } = world
  for (const host of [...hosts.filter(({ isLight }) => !isLight), ...hosts.filter(({ isLight }) => isLight)]) {
    const { life } = host
    if (!life?.node) {
      world.violate(`${host.name} is not there in peace`)
      return
    }
    // Whatever they wanted before: now the layers may lie anywhere.
    let loaded = host.isLight
    if (!loaded)
      void life.node.api.loadModel(MODEL_ID).then(
        () => (loaded = true),
        () => (loaded = true),
      )
    await schedule.run(schedule.now() + FINAL_ANSWER_LIMIT_MS, () => loaded)
    const question = asking.ask({ process: life.process, api: life.node.api, modelId: MODEL_ID }, { stops: false })
    await schedule.run(schedule.now() + FINAL_ANSWER_LIMIT_MS, () => question.state !== 'open')
    if (question.state !== 'right')
      world.violate(`${question.id} of ${question.node} was not answered in peace: ${question.state}`)
    await schedule.run(schedule.now() + 1)
  }
}

/** Everyone leaves; whoever closed must not go on. */
async function leave(world: World): Promise<void> {
  const { schedule, hosts } = world
  const lives = hosts.flatMap(({ life }) => (life ? [life] : []))
  for (const life of lives) life.node?.close()
  await schedule.run(schedule.now() + 90_000)
  for (const { process, computing } of lives) {
    if (process.timers > 0) world.violate(`${process.name} still has ${process.timers} timers after it was closed`)
    if (computing.openSessions > 0)
      world.violate(`${process.name} still holds ${computing.openSessions} KV caches after it was closed`)
  }
  for (const host of hosts) {
    if (host.disk.heldLocks.length > 0)
      world.violate(`${host.name} still holds the locks ${host.disk.heldLocks.join(', ')}`)
  }
  await schedule.run(schedule.now() + 1)
}
