// A request to be paid, as text that anyone can read and that fits a link and a QR code: who is to be paid, how much, what
// for. It is named by its hash, which the transfer that pays it refers to: so both sides can tell which request was paid, and
// none is paid twice by mistake. It is not signed: whoever makes one up asks for the good of the one that it names.

import { z } from 'zod/mini'
import { fromHex, toHex, utf8 } from '../crypto/bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import { CentramError } from '../errors.ts'
import { bytes, integer, nodeKey, text } from '../protocol/fields.ts'

export const MAX_NOTE = 80
/** Of a link with an invite in it; what is longer is not looked at. */
const MAX_LINK = 4096
const DOMAIN = utf8('centram payment request v1\n')

const REQUEST = z.strictObject({
  /** The key by which the one to be paid goes. */
  payee: nodeKey,
  /** Null leaves it to who pays. */
  amount: z.nullable(integer(1, Number.MAX_SAFE_INTEGER)),
  note: text(MAX_NOTE),
  /** Two requests in the same words are two. */
  nonce: bytes(8),
})

export type PaymentRequest = z.infer<typeof REQUEST>

/** `KEY.AMOUNT.NONCE.NOTE`, in hexadecimal, decimal and percent-encoded; no amount is 0. Throws `BAD_ARGUMENT`. */
export function writePaymentRequest(request: PaymentRequest): string {
  if (!z.safeParse(REQUEST, request).success) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `A request is for whole CEN, from 1 on, with a note of ${MAX_NOTE} characters at most.`,
    )
  }
  const { payee, amount, nonce, note } = request
  return [toHex(payee), String(amount ?? 0), toHex(nonce), encodeNote(note)].join('.')
}

/** What such a text, or a link with one in it, says. Total: throws `BAD_ARGUMENT` for anything else. */
export function readPaymentRequest(words: string): PaymentRequest {
  const link = words.trim().slice(0, MAX_LINK)
  const bare = /[?&]pay=([^&#\s]*)/.exec(link)?.[1] ?? link
  const [, payee = '', amount = '', nonce = '', note = ''] =
    /^([0-9a-f]{64})\.(0|[1-9]\d{0,15})\.([0-9a-f]{16})\.(\S*)$/i.exec(bare) ?? []
  const read = z.safeParse(REQUEST, {
    payee: fromHex(payee),
    amount: amount === '0' ? null : Number(amount),
    nonce: fromHex(nonce),
    note: decodeNote(note),
  })
  if (read.success) return read.data
  throw new CentramError(
    'BAD_ARGUMENT',
    'That is no payment request. Copy the whole link from the other device, or scan its QR code.',
  )
}

/** SHA-256 under a domain of its own: what a transfer that pays it bears as its reference. */
export function paymentReference(request: PaymentRequest): Uint8Array {
  return sha256(DOMAIN, utf8(writePaymentRequest(request)))
}

/** Half of a surrogate pair has no encoding: it is left out. */
function encodeNote(note: string): string {
  return encodeURIComponent(note.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, ''))
}

/** Null, which is no note, for what is not well encoded. */
function decodeNote(encoded: string): string | null {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return null
  }
}
