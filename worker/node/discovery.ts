// How this node finds others and is found: the ways in that a person set or an invite named, and what members of the room
// tell each other (peer exchange).

import { CentramError } from '#core/errors.ts'
import type { WayIn } from '../net/introducer.ts'
import type { NodeState } from './api.ts'
import {
  createPeerExchange,
  type Load,
  type PeerExchange,
  type PeerExchangeOptions,
  type Query,
} from './peer-exchange.ts'

const MAX_WAYS = 4
const MAX_URL = 256
/** A node that a neighbour named is linked within this time, or it is not waited for. */
const LINK_WAIT_MS = 5_000

export interface DiscoveryOptions extends Omit<PeerExchangeOptions, 'load'> {
  /** Of the server that the page came from. */
  readonly serverUrl?: string
  /** Ways in that the page's address names; used for this visit only. */
  readonly ways?: readonly WayIn[]
  /** Its visibility aside. */
  readonly load: () => Omit<Load, 'visibility'>
}

export interface Discovery {
  readonly exchange: PeerExchange
  /** Uses the ways that were set before. */
  start(): Promise<void>
  /** The ways in besides the page's own server: replaces those set before. Throws `BAD_ARGUMENT`. */
  setWays(ways: readonly WayIn[]): Promise<void>
  /** The ways that a person set. */
  ways(): readonly WayIn[]
  /** Uses these besides those that are set, as far as there is room for them. */
  addWays(ways: readonly WayIn[]): Promise<void>
  /** Asks the neighbours, and waits a little for links with the nodes that they name until `met`. */
  find(query: Query, met: () => boolean): Promise<void>
  /** The ways in as a page shows them. */
  shown(): Pick<NodeState, 'ways' | 'offeredWays'>
  /** The tab came into view or left it. */
  setVisible(visible: boolean): void
  /** The room or the name changed. */
  refresh(): void
  close(): void
}

export function createDiscovery(options: DiscoveryOptions): Discovery {
  const { swarm, records, clock } = options
  const waysKey = `ways/${swarm.id}`
  let visible = true
  let chosen: readonly WayIn[] = []
  let open = ''
  const exchange = createPeerExchange({
    ...options,
    load: () => ({ ...options.load(), visibility: visible ? 'visible' : 'hidden' }),
  })
  /** Which ways are open is part of the node's record. */
  const unsubscribe = swarm.onChange(() => {
    const now = swarm
      .ways()
      .filter(({ state }) => state === 'open')
      .map(({ url }) => url)
      .join(' ')
    if (now === open) return
    open = now
    void exchange.refresh()
  })

  const use = (ways: readonly WayIn[]) => {
    chosen = ways
    swarm.useWays(ways)
  }
  return {
    exchange,
    async start() {
      const kept = await records.get('settings', waysKey)
      use(readWays(kept))
      const named = readWays(options.ways).filter(({ url }) => !chosen.some((way) => way.url === url))
      if (named.length > 0) use([...chosen, ...named].slice(-MAX_WAYS))
    },
    async setWays(ways) {
      const checked = ways.map(checkWay)
      if (checked.length > MAX_WAYS) {
        throw new CentramError('BAD_ARGUMENT', `At most ${MAX_WAYS} ways in can be used at once: take one out first.`)
      }
      use(checked)
      await records.put('settings', waysKey, checked)
    },
    async addWays(ways) {
      const fresh = readWays(ways).filter(({ url }) => !swarm.ways().some((way) => way.url === url))
      if (fresh.length === 0) return
      use([...chosen, ...fresh].slice(-MAX_WAYS))
      await records.put('settings', waysKey, chosen)
    },
    ways: () => chosen,
    async find(query, met) {
      const named = await exchange.ask(query)
      if (named.length === 0 || met()) return
      await new Promise<void>((resolve) => {
        const done = () => {
          stop()
          clock.clearTimeout(timer)
          resolve()
        }
        const stop = swarm.onChange(() => {
          if (met()) done()
        })
        const timer = clock.setTimeout(done, LINK_WAIT_MS)
      })
    },
    shown() {
      const ways = swarm.ways()
      const offered = new Map<string, { kind: WayIn['kind']; url: string; names: string[] }>()
      for (const { name, addresses } of exchange.addresses()) {
        for (const address of addresses) {
          if (address.kind === 'node' || isLoopback(address.url) || ways.some(({ url }) => url === address.url))
            continue
          const entry = offered.get(address.url) ?? { kind: address.kind, url: address.url, names: [] }
          entry.names.push(name)
          offered.set(address.url, entry)
        }
      }
      return {
        ways: ways.map(({ kind, url, state, reason }) => ({
          kind,
          url,
          state,
          own: url === options.serverUrl,
          ...(reason !== undefined && { reason }),
        })),
        offeredWays: [...offered.values()].slice(0, MAX_WAYS),
      }
    },
    setVisible: (value) => void (visible = value),
    refresh: () => void exchange.refresh(),
    close() {
      unsubscribe()
      exchange.close()
    },
  }
}

/** Another device’s own address leads nowhere from here. */
function isLoopback(url: string): boolean {
  return URL.canParse(url) && /^(localhost|.*\.localhost|127\.[\d.]+|\[::1\])$/.test(new URL(url).hostname)
}

/** Throws `BAD_ARGUMENT` for what is no address of a WebSocket. */
export function checkWay({ kind, url }: WayIn): WayIn {
  const address = URL.canParse(url.trim()) ? new URL(url.trim()) : null
  if (address !== null) address.protocol = address.protocol.replace(/^http/, 'ws')
  if (address === null || !/^wss?:$/.test(address.protocol) || address.href.length > MAX_URL) {
    throw new CentramError('BAD_ARGUMENT', `“${url}” is no such address: it looks like wss://broker.example/path.`)
  }
  address.hash = ''
  return { kind, url: address.href }
}

/** What of it are ways: another version may have kept it, or somebody else written it. */
function readWays(kept: unknown): readonly WayIn[] {
  if (!Array.isArray(kept)) return []
  return kept.slice(0, MAX_WAYS).flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return []
    const { kind, url } = entry as Record<string, unknown>
    if ((kind !== 'server' && kind !== 'broker') || typeof url !== 'string') return []
    try {
      return [checkWay({ kind, url })]
    } catch {
      return []
    }
  })
}
