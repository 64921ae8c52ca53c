// Server processes that share their rooms through Redis: a hash for each group with the processes that hold its members, a channel
// for each process, and a key for each that vanishes when it dies. Without Redis each goes on with the members it holds.

import { Redis } from 'ioredis'
import type { Clock } from '#core/clock.ts'
import { toHex } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import { z } from 'zod'
import { bytesOf, type Cluster, type ClusterEvents, type Presence } from './cluster.ts'

/** How long a process that died still counts. */
const ALIVE_MS = 15_000
const BEATS_A_LIFE = 3
/** A group that nobody refreshed for so long is forgotten as a whole. */
const GROUP_MS = 60_000
/** Which process a node was last at need not be known longer. */
const NODE_MS = 86_400_000
const KEY_BYTES = 32
const FRAME = 0
const CHANGED = 1
const REPLACED = 2

const entrySchema = z.strictObject({
  process: z.string().regex(/^[0-9a-f]{32}$/),
  name: z.string().max(256),
  incarnation: z
    .string()
    .regex(/^[0-9a-f]*$/)
    .max(128),
})

interface Group {
  /** Those of this process. */
  readonly own: Map<string, Presence>
  /** Those of others, by id, with the process that holds each. */
  others: Map<string, { readonly presence: Presence; readonly process: string }>
  reading: boolean
  again: boolean
}

export interface RedisClusterOptions {
  /** `redis://…` or `rediss://…`. */
  readonly url: string
  readonly clock: Clock
  readonly random: (length: number) => Uint8Array
  /** Told when Redis cannot be reached, and when it can again. */
  readonly report: (message: string) => void
  readonly aliveMs?: number
}

/** Connects; throws `BAD_ARGUMENT` where nothing answers at the start. */
export async function openRedisCluster({
  url,
  clock,
  random,
  report,
  aliveMs = ALIVE_MS,
}: RedisClusterOptions): Promise<Cluster> {
  const self = toHex(random(16))
  const groups = new Map<string, Group>()
  /** Nodes that are connected here. */
  const claimed = new Set<string>()
  let events: ClusterEvents = { changed: () => undefined, replaced: () => undefined, frame: () => undefined }
  let broken = false
  let closed = false

  const options = {
    lazyConnect: true,
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    connectTimeout: 5_000,
  } as const
  const commands = new Redis(url, { ...options, enableAutoPipelining: true })
  // What is published while the connection is away is lost; the next heartbeat reads every group anew.
  const channel = new Redis(url, { ...options, autoResubscribe: true })
  for (const connection of [commands, channel]) connection.on('error', (error: Error) => noteFailure(error))

  function noteFailure(error: unknown): void {
    if (broken || closed) return
    broken = true
    report(`Redis does not answer (${String(error)}): rooms go on with the nodes of this process until it does.`)
  }
  /** Runs a command; a failure is noted, for the heartbeat repeats what matters. */
  function attempt(work: () => Promise<unknown>): void {
    work().catch(noteFailure)
  }

  const groupKey = (group: string) => `centram:group:${group}`
  const nodeKey = (id: string) => `centram:node:${id}`
  const aliveKey = (process: string) => `centram:alive:${process}`
  const channelOf = (process: string) => `centram:process:${process}`

  function entryOf({ name, incarnation }: Presence): string {
    return JSON.stringify({ process: self, name, incarnation })
  }

  function send(process: string, kind: number, payload: Uint8Array): void {
    attempt(() => commands.publish(channelOf(process), Buffer.concat([Uint8Array.of(kind), payload])))
  }

  /** Tells the processes that hold members of the group to read it anew. */
  function tell(group: string, held: Group): void {
    const payload = new TextEncoder().encode(group)
    for (const process of new Set([...held.others.values()].map((other) => other.process))) {
      send(process, CHANGED, payload)
    }
  }

  /** Reads who is in the group; one reading at a time, and one more where something changed meanwhile. */
  async function read(name: string): Promise<void> {
    const group = groups.get(name)
    if (!group || closed) return
    if (group.reading) {
      group.again = true
      return
    }
    group.reading = true
    try {
      do {
        group.again = false
        const found = await readEntries(name)
        const before = describe(group)
        group.others = found
        if (describe(group) !== before) events.changed(name)
      } while (group.again)
    } catch (error) {
      noteFailure(error)
    } finally {
      group.reading = false
    }
  }

  async function readEntries(name: string): Promise<Group['others']> {
    const found: Group['others'] = new Map()
    const entries = Object.entries(await commands.hgetall(groupKey(name))).flatMap(([id, text]) => {
      const entry = parseEntry(text)
      return entry && /^[0-9a-f]{64}$/.test(id) && entry.process !== self ? [{ id, ...entry }] : []
    })
    const processes = [...new Set(entries.map(({ process }) => process))]
    const alive = processes.length === 0 ? [] : await commands.mget(processes.map(aliveKey))
    const dead = new Set(processes.filter((_, i) => alive[i] === null))
    for (const { id, process, name: label, incarnation } of entries) {
      if (dead.has(process)) attempt(() => commands.hdel(groupKey(name), id))
      else found.set(id, { presence: { id, name: label, incarnation }, process })
    }
    return found
  }

  /** Keeps this process and its members alive, and learns what messages did not tell. */
  async function beat(): Promise<void> {
    await commands.set(aliveKey(self), '1', 'PX', aliveMs)
    await Promise.all(
      [...groups].map(async ([name, group]) => {
        const own = Object.fromEntries([...group.own.values()].map((presence) => [presence.id, entryOf(presence)]))
        if (group.own.size > 0) await commands.hset(groupKey(name), own)
        await commands.pexpire(groupKey(name), GROUP_MS)
        await read(name)
      }),
    )
    if (broken) report('Redis answers again: rooms are shared with the other processes.')
    broken = false
  }

  function receive(message: Buffer): void {
    const payload = new Uint8Array(message.subarray(1))
    if (message[0] === FRAME && payload.length > KEY_BYTES) {
      events.frame(toHex(payload.subarray(0, KEY_BYTES)), payload.slice(KEY_BYTES))
    } else if (message[0] === CHANGED) {
      void read(new TextDecoder().decode(payload))
    } else if (message[0] === REPLACED && payload.length === KEY_BYTES) {
      const id = toHex(payload)
      if (claimed.delete(id)) events.replaced(id)
    }
  }

  try {
    await Promise.all([commands.connect(), channel.connect()])
    await channel.subscribe(channelOf(self))
    await commands.set(aliveKey(self), '1', 'PX', aliveMs)
  } catch (error) {
    closed = true
    commands.disconnect()
    channel.disconnect()
    throw new CentramError('BAD_ARGUMENT', `Nothing answers at ${url} as Redis does: start it, or correct --redis.`, {
      cause: error,
    })
  }
  channel.on('messageBuffer', (_: Buffer, message: Buffer) => receive(message))
  const schedule = () =>
    clock.setTimeout(() => {
      void beat()
        .catch(noteFailure)
        .finally(() => {
          if (!closed) timer = schedule()
        })
    }, aliveMs / BEATS_A_LIFE)
  let timer = schedule()

  return {
    follow(given) {
      events = given
    },
    claim(id) {
      claimed.add(id)
      attempt(async () => {
        const before = await commands.set(nodeKey(id), self, 'PX', NODE_MS, 'GET')
        if (before !== null && before !== self) send(before, REPLACED, bytesOf(id))
      })
    },
    release(id) {
      if (!claimed.delete(id)) return
      attempt(async () => {
        if ((await commands.get(nodeKey(id))) === self) await commands.del(nodeKey(id))
      })
    },
    put(name, presence) {
      const group = groups.get(name) ?? { own: new Map(), others: new Map(), reading: false, again: false }
      groups.set(name, group)
      group.own.set(presence.id, presence)
      attempt(async () => {
        await commands.hset(groupKey(name), presence.id, entryOf(presence))
        await commands.pexpire(groupKey(name), GROUP_MS)
        await read(name)
        tell(name, group)
      })
    },
    remove(name, id) {
      const group = groups.get(name)
      if (!group?.own.delete(id)) return
      if (group.own.size === 0) groups.delete(name)
      attempt(async () => {
        // It may have come back by another process.
        const entry = parseEntry((await commands.hget(groupKey(name), id)) ?? '')
        if (entry?.process === self) await commands.hdel(groupKey(name), id)
        tell(name, group)
      })
    },
    others: (name) => [...(groups.get(name)?.others.values() ?? [])].map(({ presence }) => presence),
    relay(name, id, frame) {
      const other = groups.get(name)?.others.get(id)
      if (!other) return false
      send(other.process, FRAME, Buffer.concat([bytesOf(id), frame]))
      return true
    },
    async close() {
      closed = true
      clock.clearTimeout(timer)
      await Promise.race([commands.del(aliveKey(self)).catch(() => undefined), pause(clock)])
      commands.disconnect()
      channel.disconnect()
    },
  }
}

/** A Redis that does not answer keeps nobody from stopping. */
function pause(clock: Clock): Promise<void> {
  return new Promise((resolve) => void clock.setTimeout(resolve, 500))
}

function parseEntry(text: string): z.infer<typeof entrySchema> | null {
  try {
    return entrySchema.parse(JSON.parse(text))
  } catch {
    return null
  }
}

function describe({ others }: Group): string {
  return JSON.stringify([...others.values()].map(({ presence, process }) => [presence, process]).sort())
}
