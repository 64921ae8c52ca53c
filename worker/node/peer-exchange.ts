// What nodes of a room tell each other about themselves and about one another, so that the room goes on, and takes in
// newcomers that one member knows, without any server: signed records of where each can be met, passed from neighbour to
// neighbour; whom each is linked with, which is also how signals find a way; how busy each is; and who has what.

import { toHex } from '#core/crypto/bytes.ts'
import type { Clock, Timer } from '#core/clock.ts'
import type { Identity, Verifier } from '#core/crypto/identity.ts'
import { CentramError } from '#core/errors.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { openRecord, signRecord, type Address, type AddressRecord, type SignedRecord } from '../net/address-record.ts'
import type { Swarm } from '../net/swarm.ts'
import type { Records } from '../storage/records.ts'

/** News that comes together goes out together. */
const SOON_MS = 250
/** A record counts this long, and is renewed at a third of it. */
const LIFETIME_MS = 30 * 60_000
const RENEW_MS = LIFETIME_MS / 3
/** Round trips are told anew this often. */
const REACH_EVERY_MS = 15_000
const LOAD_EVERY_MS = 1_000
const ANSWER_WAIT_MS = 2_000
const MAX_RECORDS = 64
/** Of one EXCHANGE or RESULTS: 16 records, and well below the cap of its body. */
const MAX_BATCH = 16
const MAX_BATCH_BYTES = 48 * 1024
const MAX_NODE_ADDRESSES = 3

export type Query = Omit<BodyOf<'PEER_QUERY'>, 'query' | 'limit'>
export type Load = BodyOf<'PEER_LOAD'>

export interface PeerExchangeOptions {
  readonly swarm: Swarm
  readonly identity: Identity
  readonly verifier: Verifier
  readonly clock: Clock
  readonly wallTime: () => number
  readonly records: Records
  readonly name: () => string
  readonly load: () => Load
  /** Ids of the nodes, this one perhaps among them, that have what is asked for, as far as this node knows. */
  readonly find: (query: Query) => readonly string[]
  /** Whom a peer reaches, or how busy it is, changed. */
  readonly onChange: () => void
}

export interface PeerExchange {
  /** The room, the name or the ways in changed: this node's record is made anew. */
  refresh(): Promise<void>
  /** Asks the neighbours who has something; resolves with the nodes that they name, which are then linked with. */
  ask(query: Query): Promise<readonly string[]>
  /** Of a peer, as it told last. */
  loadOf(peer: string): Load | undefined
  reachOf(peer: string): BodyOf<'PEER_REACHABILITY'>['links'] | undefined
  /** Where others of the room can be met, by their own word. */
  addresses(): readonly { readonly id: string; readonly name: string; readonly addresses: readonly Address[] }[]
  onRecord(peer: string, body: SignedRecord): Promise<void>
  onExchange(peer: string, records: readonly SignedRecord[]): Promise<void>
  onQuery(peer: string, body: BodyOf<'PEER_QUERY'>): void
  onResults(peer: string, body: BodyOf<'PEER_RESULTS'>): Promise<void>
  onLoad(peer: string, load: Load): void
  onReachability(peer: string, links: BodyOf<'PEER_REACHABILITY'>['links']): void
  close(): void
}

interface Known extends AddressRecord {
  /** Until when it counts, by this node's clock. */
  readonly until: number
}

interface Asked {
  readonly from: Set<string>
  readonly found: Set<string>
  readonly done: () => void
}

export function createPeerExchange(options: PeerExchangeOptions): PeerExchange {
  const { swarm, clock, records } = options
  const book = new Map<string, Known>()
  /** Sequence of the record of a node that said goodbye: only a newer one counts. */
  const departed = new Map<string, number>()
  const loads = new Map<string, Load>()
  const reaches = new Map<string, BodyOf<'PEER_REACHABILITY'>['links']>()
  const asked = new Map<number, Asked>()
  /** Records not yet passed on, with whom each came from. */
  const fresh = new Map<string, string>()
  let own: AddressRecord | null = null
  let room: Uint8Array | null = null
  let queries = 0
  let sentLoad = ''
  let closed = false
  const timers = new Map<string, Timer>()

  const linked = () => swarm.peers().filter(({ link }) => link === 'open')
  const soon = (name: string, milliseconds: number, work: () => void) => {
    if (closed || timers.has(name)) return
    const run = () => {
      timers.delete(name)
      work()
    }
    timers.set(name, clock.setTimeout(run, milliseconds))
  }
  const trySend: Swarm['send'] = (peer, name, body) => {
    try {
      swarm.send(peer, name, body)
    } catch {
      // It left meanwhile.
    }
  }

  const sendRecords = (peer: string, list: readonly SignedRecord[]) => {
    for (const peers of batches(list)) trySend(peer, 'PEER_EXCHANGE', { peers })
  }
  const passOn = () => {
    for (const { id } of linked()) {
      const news = [...fresh].flatMap(([about, from]) => {
        const record = book.get(about)
        return about === id || from === id || record === undefined ? [] : [record.signed]
      })
      sendRecords(id, news)
    }
    fresh.clear()
  }

  /** Members by their records are those whom an open neighbour is linked with, or this node itself. */
  const tellMembers = () => {
    const near = new Set(swarm.reached())
    for (const { id, link } of swarm.peers()) if (link !== 'connecting') near.add(id)
    const now = clock.now()
    for (const [id, { until }] of book) if (until < now) book.delete(id)
    swarm.tellRecords(
      [...book.values()]
        .filter(({ id }) => near.has(id))
        .map(({ addresses: { node, name, incarnation } }) => ({ key: node, name, incarnation })),
    )
  }

  const learn = (record: AddressRecord, from: string): boolean => {
    const { id, addresses } = record
    if (id === swarm.id) return false
    const before = book.get(id)
    const { sequence } = addresses
    if (sequence <= (departed.get(id) ?? -1) && from !== id) return false
    if (before !== undefined && sequence <= before.addresses.sequence) return false
    if (before === undefined && book.size >= MAX_RECORDS) return false
    const lifetime = Math.min(LIFETIME_MS, Math.max(0, addresses.expiresAt - addresses.at))
    book.set(id, { ...record, until: clock.now() + lifetime })
    departed.delete(id)
    fresh.set(id, from)
    soon('pass on', SOON_MS, passOn)
    soon('keep', SOON_MS, () => void keep().catch(() => undefined))
    return true
  }

  const storeKey = () => `neighbours/${swarm.id}/${room === null ? '' : toHex(room)}`
  const keep = async () => {
    if (room === null) return
    await records.put(
      'settings',
      storeKey(),
      [...book.values()].slice(0, MAX_RECORDS).map(({ signed }) => signed),
    )
  }
  /** After a reload: where the others could be met when this node last knew. They are members once somebody is linked with them. */
  const recall = async (entered: NonNullable<Swarm['room']>) => {
    const kept = await records.get('settings', storeKey())
    for (const signed of Array.isArray(kept) ? (kept as readonly SignedRecord[]).slice(0, MAX_RECORDS) : []) {
      const record = await openRecord(signed, entered.keys, options.verifier)
      if (record === null || swarm.room !== entered || book.has(record.id) || record.id === swarm.id) continue
      book.set(record.id, { ...record, until: clock.now() + LIFETIME_MS })
    }
  }

  const ownAddresses = (): Address[] => [
    ...swarm.ways().flatMap(({ kind, url, state, id }): Address[] => {
      if (state !== 'open' || url.length > 256) return []
      if (kind === 'server') return [{ kind, url }]
      return id === undefined ? [] : [{ kind, url, id }]
    }),
    ...linked()
      .slice(0, MAX_NODE_ADDRESSES)
      .map(({ key }): Address => ({ kind: 'node', key })),
  ]
  const renew = async () => {
    const entered = swarm.room
    if (entered === null || closed) return
    const at = options.wallTime()
    const made = await signRecord(
      {
        name: options.name(),
        incarnation: swarm.incarnation,
        sequence: Math.max(at, (own?.addresses.sequence ?? 0) + 1),
        addresses: ownAddresses().slice(0, 8),
        at,
        expiresAt: at + LIFETIME_MS,
      },
      entered.keys,
      options.identity,
    )
    if (swarm.room !== entered || closed) return
    own = made
    for (const { id } of linked()) trySend(id, 'PEER_RECORD', made.signed)
    soon('renew', RENEW_MS, () => void renew())
  }

  const tellReach = () => {
    const links = swarm
      .peers()
      .slice(0, MAX_RECORDS)
      .map(({ key, link, path, roundTripMs }) => ({
        node: key,
        path: link === 'open' ? (path ?? 'direct') : ('unreachable' as const),
        roundTripMs: link === 'open' ? roundTripMs : null,
      }))
    for (const { id } of linked()) trySend(id, 'PEER_REACHABILITY', { links })
    soon('reach again', REACH_EVERY_MS, tellReach)
  }
  const tellLoad = () => {
    const load = options.load()
    const text = JSON.stringify(load)
    if (text !== sentLoad) for (const { id } of linked()) trySend(id, 'PEER_LOAD', load)
    sentLoad = text
    soon('load', LOAD_EVERY_MS, tellLoad)
  }

  const unsubscribe = [
    swarm.onPeerOpen((peer) => {
      if (own !== null) trySend(peer, 'PEER_RECORD', own.signed)
      const others = [...book.values()].filter(({ id }) => id !== peer && (swarm.reached().has(id) || isLinked(id)))
      sendRecords(
        peer,
        others.map(({ signed }) => signed),
      )
      trySend(peer, 'PEER_LOAD', options.load())
      soon('reach', SOON_MS, tellReach)
      soon('load', LOAD_EVERY_MS, tellLoad)
    }),
    swarm.onPeerInterrupted(() => soon('reach', SOON_MS, tellReach)),
    swarm.onPeerLost((peer, { goodbye }) => {
      loads.delete(peer)
      reaches.delete(peer)
      if (goodbye === 'leaving') {
        departed.set(peer, book.get(peer)?.addresses.sequence ?? 0)
        book.delete(peer)
      }
      for (const entry of asked.values()) if (entry.from.delete(peer) && entry.from.size === 0) entry.done()
      tellMembers()
      soon('reach', SOON_MS, tellReach)
    }),
  ]
  const isLinked = (id: string) => linked().some((peer) => peer.id === id)

  const open = async (signed: SignedRecord): Promise<AddressRecord | null> => {
    const entered = swarm.room
    if (entered === null) return null
    const record = await openRecord(signed, entered.keys, options.verifier)
    if (record === null) {
      throw new CentramError('PROTOCOL_VIOLATION', 'A record was refused: no member of this room signed it.')
    }
    return swarm.room === entered ? record : null
  }
  const learnAll = async (peer: string, list: readonly SignedRecord[]) => {
    let news = false
    for (const signed of list) {
      const record = await open(signed)
      if (record !== null && learn(record, peer)) news = true
    }
    if (news) tellMembers()
  }

  return {
    async refresh() {
      const entered = swarm.room
      if (entered?.id !== room) {
        room = entered?.id ?? null
        own = null
        book.clear()
        departed.clear()
        loads.clear()
        reaches.clear()
        if (entered !== null) await recall(entered)
      }
      await renew()
    },
    async ask(query) {
      const from = new Set(linked().map(({ id }) => id))
      const found = new Set<string>()
      if (from.size === 0) return []
      const number = queries++ >>> 0
      await new Promise<void>((resolve) => {
        const timer = clock.setTimeout(resolve, ANSWER_WAIT_MS)
        const done = () => {
          clock.clearTimeout(timer)
          resolve()
        }
        asked.set(number, { from, found, done })
        for (const peer of [...from]) trySend(peer, 'PEER_QUERY', { ...query, query: number, limit: MAX_BATCH })
      })
      asked.delete(number)
      return [...found]
    },
    loadOf: (peer) => loads.get(peer),
    reachOf: (peer) => reaches.get(peer),
    addresses: () => [...book.values()].map(({ id, addresses: { name, addresses } }) => ({ id, name, addresses })),
    async onRecord(peer, body) {
      const record = await open(body)
      if (record === null) return
      if (record.id !== peer)
        throw new CentramError('PROTOCOL_VIOLATION', 'A record was refused: it is another node’s.')
      if (learn(record, peer)) tellMembers()
    },
    onExchange: learnAll,
    onQuery(peer, { query, limit, ...wanted }) {
      const fitting = options.find(wanted).flatMap((id) => {
        const record = id === swarm.id ? own : book.get(id)
        return record && id !== peer ? [record.signed] : []
      })
      trySend(peer, 'PEER_RESULTS', { query, peers: [...(batches(fitting.slice(0, limit))[0] ?? [])] })
    },
    async onResults(peer, { query, peers }) {
      const entry = asked.get(query)
      if (entry === undefined || !entry.from.has(peer)) return
      await learnAll(peer, peers)
      for (const signed of peers) {
        const record = await open(signed)
        if (record !== null) entry.found.add(record.id)
      }
      entry.from.delete(peer)
      if (entry.from.size === 0) entry.done()
    },
    onLoad(peer, load) {
      loads.set(peer, load)
      options.onChange()
    },
    onReachability(peer, links) {
      reaches.set(peer, links)
      const others = links.filter(({ path }) => path !== 'unreachable').map(({ node }) => toHex(node))
      swarm.tellReach(peer, new Set(others.filter((id) => id !== swarm.id)))
      tellMembers()
      options.onChange()
    },
    close() {
      closed = true
      for (const timer of timers.values()) clock.clearTimeout(timer)
      for (const stop of unsubscribe) stop()
      for (const { done } of asked.values()) done()
    },
  }
}

/** Lists that each fit one message. */
function batches(list: readonly SignedRecord[]): SignedRecord[][] {
  const all: SignedRecord[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const signed of list) {
    const size = signed.record.length + signed.signature.length + 64
    if (bytes + size > MAX_BATCH_BYTES || (all.at(-1)?.length ?? 0) >= MAX_BATCH) {
      all.push([])
      bytes = 0
    }
    all.at(-1)?.push(signed)
    bytes += size
  }
  return all
}
