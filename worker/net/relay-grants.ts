// Leave to use a server's TURN relays: asked for at registration, and again well before it ends.

import type { Clock, Timer } from '#core/clock.ts'
import type { BodyOf } from '#core/protocol/registry.ts'

export type RelayGrant = NonNullable<BodyOf<'SIGNAL_RELAY'>['grant']>

/** Of its lifetime, this share is used; the rest is for a server that is away for a while. */
const USED_SHARE = 0.75
const SHORTEST_MS = 5_000
/** What a server says may be anything; timers take 2³¹ ms at most. */
const LONGEST_MS = 86_400_000

export interface RelayGrants {
  ask(): void
  take(grant: RelayGrant | null): void
  stop(): void
}

export interface RelayGrantsOptions {
  readonly clock: Clock
  readonly ask: () => void
  readonly onGrant: (grant: RelayGrant) => void
}

export function createRelayGrants({ clock, ask, onGrant }: RelayGrantsOptions): RelayGrants {
  let timer: Timer | undefined
  return {
    ask,
    take(grant) {
      clock.clearTimeout(timer)
      if (grant === null) return
      timer = clock.setTimeout(ask, Math.min(LONGEST_MS, Math.max(SHORTEST_MS, grant.lifetimeS * 1000 * USED_SHARE)))
      onGrant(grant)
    },
    stop: () => clock.clearTimeout(timer),
  }
}
