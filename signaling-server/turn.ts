// Short-lived credentials for TURN servers that share a secret with this one, as coturn's `use-auth-secret` checks them
// (draft-uberti-behave-turn-rest-00 §2.2): the user name says until when, the password is its keyed hash.

import { createHmac } from 'node:crypto'
import { CentramError } from '#core/errors.ts'
import { isTurnUrl } from '#core/ice-servers.ts'
import type { BodyOf } from '#core/protocol/registry.ts'

export type RelayGrant = NonNullable<BodyOf<'SIGNAL_RELAY'>['grant']>

export interface TurnOptions {
  readonly urls: readonly string[]
  /** coturn's `static-auth-secret`. */
  readonly secret: string
  /** A node asks again before it is over; what is under way on a relay then goes on. */
  readonly lifetimeS?: number
}

/** Long enough that a server's restart does not matter, short enough that a copied one is soon worth nothing. */
const LIFETIME_S = 3600
const MAX_URLS = 8

/** `nowMs` since 1970: coturn compares with its own clock. */
export function grantRelay(
  { urls, secret, lifetimeS = LIFETIME_S }: TurnOptions,
  node: string,
  nowMs: number,
): RelayGrant {
  const username = `${Math.floor(nowMs / 1000) + lifetimeS}:${node}`
  const credential = createHmac('sha1', secret).update(username).digest('base64')
  return { urls: [...urls], username, credential, lifetimeS }
}

/** From the command line or its environment: both or neither. */
export function readTurnOptions(urls: string | undefined, secret: string | undefined): TurnOptions | undefined {
  const list = (urls ?? '').split(',').flatMap((url) => url.trim() || [])
  if (list.length === 0 && !secret) return undefined
  if (list.length === 0 || !secret) {
    throw new CentramError(
      'BAD_ARGUMENT',
      'TURN needs both: its addresses (--turn or CENTRAM_TURN) and the secret that it shares with this server ' +
        '(--turn-secret or CENTRAM_TURN_SECRET).',
    )
  }
  const bad = list.find((url) => !isTurnUrl(url))
  if (bad !== undefined) {
    throw new CentramError('BAD_ARGUMENT', `“${bad}” is no TURN address: write turn:host:port or turns:host:port.`)
  }
  if (list.length > MAX_URLS) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `${list.length} TURN addresses are more than the ${MAX_URLS} a browser is given.`,
    )
  }
  return { urls: list, secret }
}
