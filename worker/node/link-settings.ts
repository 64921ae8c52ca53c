// Which STUN and TURN servers this node's connections may use: those that its server grants, and those that a person named.
// What a STUN server would tell, the device's public address, is asked for and told only when a person turned that on.

import { z } from 'zod/mini'
import { checkIceServer, DEFAULT_STUN_SERVER, isStunUrl, isTurnUrl, type IceServer } from '#core/ice-servers.ts'
import type { LinkTransport } from '../net/link-transport.ts'
import type { RelayGrant } from '../net/relay-grants.ts'
import type { Records } from '../storage/records.ts'
import type { LinkSettings } from './api.ts'

/** A person's choice counts for all tabs of the browser. */
const KEY = 'links'
/** Browsers slow down with more than a few. */
const MAX_SERVERS = 8

const KEPT = z.strictObject({
  stun: z.boolean(),
  servers: z.array(
    z.strictObject({ url: z.string(), username: z.optional(z.string()), credential: z.optional(z.string()) }),
  ),
})

const DEFAULTS: LinkSettings = { stun: false, servers: [] }

export interface LinkSettingsKeeper {
  /** Reads what was kept and tells the transport. */
  start(): Promise<void>
  /** Throws `BAD_ARGUMENT` for an address that is none. */
  set(settings: LinkSettings): Promise<void>
  /** A server lends its relays, anew or for longer. */
  granted(grant: RelayGrant, serverUrl: string): void
}

export interface LinkSettingsOptions {
  readonly records: Records
  readonly transport: Pick<LinkTransport, 'useServers'>
  /** The settings, and the relays now lent. */
  readonly onChange: (settings: LinkSettings, relays: readonly string[]) => void
}

export function createLinkSettings({ records, transport, onChange }: LinkSettingsOptions): LinkSettingsKeeper {
  let settings = DEFAULTS
  const grants = new Map<string, readonly IceServer[]>()

  const apply = () => {
    const lent = [...grants.values()].flat()
    transport.useServers(chooseServers(settings, lent), settings.stun)
    onChange(
      settings,
      lent.map(({ url }) => url),
    )
  }

  return {
    async start() {
      const kept = KEPT.safeParse(await records.get('settings', KEY).catch(() => undefined))
      const known = kept.success ? (kept.data as LinkSettings) : DEFAULTS
      if (known.servers.every(isUsable)) settings = known
      apply()
    },
    async set(wanted) {
      const servers = wanted.servers.slice(0, MAX_SERVERS)
      for (const server of servers) checkIceServer(server)
      settings = { stun: wanted.stun, servers }
      apply()
      await records.put('settings', KEY, settings)
    },
    granted({ urls, username, credential }, serverUrl) {
      // A server may say anything; one malformed address would make the browser refuse all.
      const lent = urls.filter(isTurnUrl).map((url) => ({ url, username, credential }))
      grants.set(serverUrl, lent)
      apply()
    },
  }
}

/** Without STUN only relays are left: those tell other nodes the relay's address, not this device's. */
function chooseServers({ stun, servers }: LinkSettings, lent: readonly IceServer[]): readonly IceServer[] {
  const relays = [...servers.filter(({ url }) => isTurnUrl(url)), ...lent]
  if (!stun) return relays
  const own = servers.filter(({ url }) => isStunUrl(url))
  return [...(own.length > 0 ? own : [{ url: DEFAULT_STUN_SERVER }]), ...relays]
}

function isUsable(server: IceServer): boolean {
  try {
    checkIceServer(server)
    return true
  } catch {
    return false
  }
}
