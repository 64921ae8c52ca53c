// Invite links: the page's address with the room's secret in the fragment, which browsers never send to a server.

import { fromHex, toHex } from '#core/crypto/bytes.ts'
import { ROOM_SECRET_BYTES } from '#core/crypto/room.ts'
import { CentramError } from '#core/errors.ts'

const KEY = 'join='

export function inviteLink(pageUrl: string, secret: Uint8Array): string {
  return `${pageUrl.replace(/#.*$/, '')}#${KEY}${toHex(secret)}`
}

/** The secret in an invite link, its fragment, or the bare code. Throws `BAD_ARGUMENT`. */
export function readInvite(text: string): Uint8Array {
  const code = text.trim().split('#').at(-1) ?? ''
  const secret = fromHex(code.startsWith(KEY) ? code.slice(KEY.length) : code)
  if (secret?.length === ROOM_SECRET_BYTES) return secret
  throw new CentramError(
    'BAD_ARGUMENT',
    'That is no invite link. Copy the whole link from the other device, or scan its QR code.',
  )
}
