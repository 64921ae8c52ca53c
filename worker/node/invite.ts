// Invite links: the page's address with the room's secret in the fragment, which browsers never send to a server, and the
// ways in that members use besides the page's own server.

import { fromHex, toHex } from '#core/crypto/bytes.ts'
import { ROOM_SECRET_BYTES } from '#core/crypto/room.ts'
import { CentramError } from '#core/errors.ts'
import type { WayIn } from '../net/introducer.ts'

const KEY = 'join'
const KINDS = ['server', 'broker'] as const

export interface Invite {
  readonly secret: Uint8Array
  readonly ways: readonly WayIn[]
}

export function inviteLink(pageUrl: string, secret: Uint8Array, ways: readonly WayIn[] = []): string {
  const named = ways.map(({ kind, url }) => `&${kind}=${encodeURIComponent(url)}`)
  return `${pageUrl.replace(/#.*$/, '')}#${KEY}=${toHex(secret)}${named.join('')}`
}

/** What an invite link, its fragment, or the bare code says. Throws `BAD_ARGUMENT`. */
export function readInvite(text: string): Invite {
  const fragment = text.trim().split('#').at(-1) ?? ''
  const fields = new URLSearchParams(fragment.includes('=') ? fragment : `${KEY}=${fragment}`)
  const secret = fromHex(fields.get(KEY) ?? '')
  if (secret?.length === ROOM_SECRET_BYTES) {
    return { secret, ways: KINDS.flatMap((kind) => fields.getAll(kind).map((url) => ({ kind, url }))) }
  }
  throw new CentramError(
    'BAD_ARGUMENT',
    'That is no invite link. Copy the whole link from the other device, or scan its QR code.',
  )
}
