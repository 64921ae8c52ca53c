// Messages to signed frames and back. Nothing leaves `openFrame` before its signature was verified over the bytes as
// they came, and nothing is allocated for a frame whose header goes beyond its type's caps.

import { CentramError, errorMessage } from '#core/errors.ts'
import { z } from 'zod/mini'
import { decodeCanonical, encodeCanonical } from '../crypto/canonical.ts'
import { SIGNATURE_BYTES } from '../crypto/ed25519.ts'
import type { Identity, Verifier } from '../crypto/identity.ts'
import { layFrame, readHeader, signatureOf, signedBytes, splitFrame, type FrameHeader } from './frame.ts'
import { typeByte, type MessageDefinition } from './message.ts'
import { messageNamed, messageOfType, type BodyOf, type MessageName } from './registry.ts'

const NO_TAIL = new Uint8Array(0)

/** A verified message. The tail is a view into the received bytes, at a multiple of 8 from the frame's start. */
export type Message = {
  [Name in MessageName]: {
    readonly name: Name
    readonly body: BodyOf<Name>
    readonly tail: Uint8Array
    readonly session: Uint8Array
    readonly sequence: number
  }
}[MessageName]

/** A message that fits its declaration, as bytes that only want a session, a sequence and a signature. */
export interface PreparedMessage {
  readonly name: MessageName
  readonly body: Uint8Array
  readonly tail: Uint8Array
}

/** Checks a message against its declaration and encodes its body. Throws `BAD_ARGUMENT` or `FRAME_TOO_LARGE`. */
export function prepareMessage<Name extends MessageName>(
  name: Name,
  body: BodyOf<Name>,
  tail: ArrayBufferView | undefined,
): PreparedMessage {
  const definition = messageNamed(name)
  const tailBytes = tail === undefined ? NO_TAIL : new Uint8Array(tail.buffer, tail.byteOffset, tail.byteLength)
  const parsed = z.safeParse(definition.body, body)
  if (!parsed.success) {
    throw new CentramError('BAD_ARGUMENT', `${name} cannot be sent: ${z.prettifyError(parsed.error)}`)
  }
  if (!tailFits(definition, body, tailBytes.length)) {
    throw new CentramError('BAD_ARGUMENT', `${name} cannot be sent: a tail of ${tailBytes.length} bytes does not fit.`)
  }
  const encoded = encodeCanonical(body)
  if (encoded.length > definition.maxBody || tailBytes.length > definition.maxTail) {
    throw new CentramError(
      'FRAME_TOO_LARGE',
      `${name} cannot be sent: its body of ${encoded.length} and tail of ${tailBytes.length} bytes may have at most ` +
        `${definition.maxBody} and ${definition.maxTail}.`,
    )
  }
  return { name, body: encoded, tail: tailBytes }
}

/** The signed frame of a prepared message. */
export async function sealFrame(
  message: PreparedMessage,
  identity: Identity,
  session: Uint8Array,
  sequence: number,
): Promise<Uint8Array<ArrayBuffer>> {
  return signFrame(layMessage(message, session, sequence), identity)
}

/** The frame of a prepared message, copied, lacking only its signature. */
export function layMessage(message: PreparedMessage, session: Uint8Array, sequence: number): Uint8Array<ArrayBuffer> {
  const header: FrameHeader = {
    type: typeByte(messageNamed(message.name)),
    bodyBytes: message.body.length,
    tailBytes: message.tail.length,
    session,
    sequence,
  }
  return layFrame(header, message.body, message.tail)
}

export async function signFrame(frame: Uint8Array<ArrayBuffer>, identity: Identity): Promise<Uint8Array<ArrayBuffer>> {
  frame.set(await identity.sign(signedBytes(frame)), frame.length - SIGNATURE_BYTES)
  return frame
}

/** Reads the header of a frame and checks it against its type's caps. Throws a coded error. */
export function admitHeader(bytes: Uint8Array): { header: FrameHeader; definition: MessageDefinition<MessageName> } {
  const header = readHeader(bytes)
  const definition = messageOfType(header.type)
  if (definition === undefined) {
    throw new CentramError('PROTOCOL_VIOLATION', `A frame of the unknown type ${header.type} was refused.`)
  }
  if (header.bodyBytes > definition.maxBody || header.tailBytes > definition.maxTail) {
    throw new CentramError(
      'FRAME_TOO_LARGE',
      `A ${definition.name} of ${header.bodyBytes} + ${header.tailBytes} bytes was refused: at most ` +
        `${definition.maxBody} + ${definition.maxTail} are allowed.`,
    )
  }
  return { header, definition }
}

/**
 * Verifies and decodes a frame by `publicKey`. Throws `FRAME_INVALID`, `FRAME_TOO_LARGE`, `VERSION_UNSUPPORTED`,
 * `PROTOCOL_VIOLATION` or `SIGNATURE_INVALID`, and nothing else.
 */
export async function openFrame(frame: Uint8Array, publicKey: Uint8Array, verify: Verifier): Promise<Message> {
  const { header, definition } = admitHeader(frame)
  const { body, tail } = splitFrame(frame, header)
  await requireSignature(frame, publicKey, verify, definition.name)
  return decodeMessage(definition, header, body, tail)
}

/**
 * The same for a frame that names its own signer (HELLO, REGISTER and the like, before a session knows the key).
 * `signer` picks the key out of the body, which is handed on only once that key's signature was verified.
 */
export async function openSelfSigned(
  frame: Uint8Array,
  signer: (message: Message) => Uint8Array | undefined,
  verify: Verifier,
): Promise<Message> {
  const { header, definition } = admitHeader(frame)
  const { body, tail } = splitFrame(frame, header)
  const message = decodeMessage(definition, header, body, tail)
  const publicKey = signer(message)
  if (publicKey === undefined) {
    throw new CentramError('PROTOCOL_VIOLATION', `${definition.name} is not expected here.`)
  }
  await requireSignature(frame, publicKey, verify, definition.name)
  return message
}

async function requireSignature(
  frame: Uint8Array,
  publicKey: Uint8Array,
  verify: Verifier,
  name: string,
): Promise<void> {
  if (await verify(publicKey, signedBytes(frame), signatureOf(frame))) return
  throw new CentramError('SIGNATURE_INVALID', `A ${name} was refused: its signature is not its sender’s.`)
}

function decodeMessage(
  definition: MessageDefinition<MessageName>,
  header: FrameHeader,
  body: Uint8Array,
  tail: Uint8Array,
): Message {
  const parsed = z.safeParse(definition.body, decodeCanonical(body))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new CentramError(
      'FRAME_INVALID',
      `A ${definition.name} was refused: ${issue?.path.join('.') ?? 'its body'} is not as declared` +
        ` (${issue?.message ?? errorMessage(parsed.error)}).`,
    )
  }
  if (!tailFits(definition, parsed.data, tail.length)) {
    throw new CentramError(
      'FRAME_INVALID',
      `A ${definition.name} was refused: a tail of ${tail.length} bytes does not fit.`,
    )
  }
  return {
    name: definition.name,
    body: parsed.data,
    tail,
    session: header.session,
    sequence: header.sequence,
  } as Message
}

function tailFits(definition: MessageDefinition, body: unknown, tailBytes: number): boolean {
  if (definition.tail === 'none') return tailBytes === 0
  const whole = definition.tail === 'bytes' ? tailBytes > 0 : tailBytes % 4 === 0
  return whole && (definition.tailFits?.(body, tailBytes) ?? true)
}
