// A PeerJS broker as a way in. It is used only to introduce: members of a room find each other under ids that follow from the
// room's secret, and hand each other the signals that they signed; the links are this project's own. The broker's protocol is
// JSON over a WebSocket (peerjs/peerjs-server): a client claims an id, and what it sends is passed to the id that it names.

import { z } from 'zod/mini'
import type { Clock, Timer } from '#core/clock.ts'
import { toHex, utf8 } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import type { Identity, Verifier } from '#core/crypto/identity.ts'
import { errorMessage } from '#core/errors.ts'
import { createTokenBucket } from '#core/protocol/rates.ts'
import { openRecord, signRecord, type AddressRecord } from './address-record.ts'
import type { EnteredRoom, Introducer, IntroducerEvents } from './introducer.ts'
import type { Socket, SocketFactory } from './signalling-client.ts'

/** As many as a room has members. */
export const SLOTS = 16
const SLOT_DOMAIN = utf8('centram broker slot v1')
/** The broker closes clients that are silent for 90 s. */
const HEARTBEAT_MS = 20_000
/** Members are asked anew this often; the broker tells of those that are gone. */
const KNOCK_EVERY_MS = 60_000
const CONNECT_TIMEOUT_MS = 10_000
const FIRST_RETRY_MS = 1_000
const LAST_RETRY_MS = 30_000
const MAX_MESSAGE_BYTES = 96 * 1024
const RATE = { perSecond: 50, burst: 400 }
/** Of the PeerJS client whose protocol this is. */
const PROTOCOL = '1.5.5'

export interface BrokerClientOptions {
  /** Where its WebSocket lies, as `wss://host:port/path/`; its key, if it is not `peerjs`, as `?key=`. */
  readonly url: string
  readonly identity: Identity
  readonly verifier: Verifier
  readonly clock: Clock
  readonly random: (length: number) => Uint8Array
  readonly connect: SocketFactory
  readonly incarnation: Uint8Array
  readonly events: IntroducerEvents
}

const BASE64 = z.string().check(z.maxLength(64 * 1024), z.regex(/^[A-Za-z0-9+/]+={0,2}$/))
const PAYLOAD = z.discriminatedUnion('centram', [
  /** “Here I am”, and whether an answer is wanted. */
  z.strictObject({ centram: z.literal('knock'), record: BASE64, signature: BASE64, answer: z.boolean() }),
  z.strictObject({ centram: z.literal('signal'), frame: BASE64 }),
])
type Payload = z.infer<typeof PAYLOAD>
/** What else a broker may put into it is ignored. */
const MESSAGE = z.object({ type: z.string(), src: z.optional(z.string()), payload: z.optional(z.unknown()) })

export function createBrokerClient(options: BrokerClientOptions): Introducer {
  const { clock, events, identity } = options
  /** Members by their slot's id. */
  const members = new Map<string, AddressRecord>()
  let room: EnteredRoom | null = null
  let name = ''
  let ids: readonly string[] = []
  let own: AddressRecord | null = null
  let slot = 0
  let tries = 0
  let attempts = 0
  let socket: Socket | null = null
  let timers: Timer[] = []
  let retryTimer: Timer | null = null
  let bucket = createTokenBucket(RATE, clock.now())

  const write = (type: string, dst: string | undefined, payload?: Payload): boolean => {
    if (socket === null) return false
    try {
      socket.send(utf8(JSON.stringify({ type, dst, payload })))
      return true
    } catch {
      return false
    }
  }
  const tellMembers = () =>
    events.onMembers(
      [...members.values()].map(({ addresses: { node, name: called, incarnation } }) => ({
        key: node,
        name: called,
        incarnation,
      })),
    )
  const knock = (id: string, answer: boolean) => {
    if (own === null) return
    const { record, signature } = own.signed
    write('OFFER', id, { centram: 'knock', record: toBase64(record), signature: toBase64(signature), answer })
  }
  const knockAll = () => {
    for (const id of ids) if (id !== ids[slot]) knock(id, true)
    timers.push(clock.setTimeout(knockAll, KNOCK_EVERY_MS))
  }
  const beat = () => {
    write('HEARTBEAT', undefined)
    timers.push(clock.setTimeout(beat, HEARTBEAT_MS))
  }
  const introduce = async () => {
    const entered = room
    if (entered === null) return
    const id = ids[slot] as string
    // Only to be met by: it names the slot, so that the broker cannot show it under another.
    const record = await signRecord(
      {
        name,
        incarnation: options.incarnation,
        sequence: 0,
        addresses: [{ kind: 'broker', url: options.url, id }],
        at: 0,
        expiresAt: 0,
      },
      entered.keys,
      identity,
    )
    if (room !== entered || id !== ids[slot]) return
    own = record
    knockAll()
  }

  const disconnect = () => {
    for (const timer of timers) clock.clearTimeout(timer)
    timers = []
    if (retryTimer !== null) clock.clearTimeout(retryTimer)
    retryTimer = null
    own = null
    const open = socket
    socket = null
    open?.close()
  }
  const forgetMembers = () => {
    if (members.size === 0) return
    members.clear()
    tellMembers()
  }
  const retryLater = (reason: string) => {
    disconnect()
    forgetMembers()
    events.onState('closed', reason)
    const pause = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempts++)
    const share = 0.5 + (options.random(1)[0] as number) / 512
    retryTimer = clock.setTimeout(connect, pause * share)
  }

  const onKnock = async (src: string, payload: Extract<Payload, { centram: 'knock' }>) => {
    const entered = room
    if (entered === null) return
    const signed = { record: fromBase64(payload.record), signature: fromBase64(payload.signature) }
    const record = await openRecord(signed, entered.keys, options.verifier)
    if (record === null || room !== entered) return
    const named = record.addresses.addresses.some((address) => address.kind === 'broker' && address.id === src)
    if (!named || record.id === toHex(identity.publicKey)) return
    members.set(src, record)
    tellMembers()
    if (payload.answer) knock(src, false)
  }

  const receive = (raw: Uint8Array) => {
    if (raw.length > MAX_MESSAGE_BYTES || !bucket.take(clock.now())) return
    const message = readJson(raw)
    const { type, src, payload } = message ?? {}
    switch (type) {
      case 'OPEN':
        attempts = 0
        tries = 0
        events.onState('open')
        beat()
        void introduce()
        return
      case 'ID-TAKEN':
        disconnect()
        slot = (slot + 1) % SLOTS
        if (++tries < SLOTS) connect()
        else {
          tries = 0
          retryLater(`all ${SLOTS} places of this room are taken at the broker`)
        }
        return
      case 'ERROR':
        retryLater(`refused by the broker: ${readReason(payload)}`)
        return
      case 'LEAVE':
      case 'EXPIRE':
        if (src !== undefined && members.delete(src)) tellMembers()
        return
      default:
    }
    // Ids follow from the room's secret, so whoever else writes does not hold it.
    if (src === undefined || !ids.includes(src)) return
    const parsed = z.safeParse(PAYLOAD, payload)
    if (!parsed.success) return
    if (parsed.data.centram === 'knock') void onKnock(src, parsed.data)
    else events.onSignal(fromBase64(parsed.data.frame))
  }

  const connect = () => {
    disconnect()
    if (room === null) return
    events.onState('connecting')
    bucket = createTokenBucket(RATE, clock.now())
    const url = new URL(options.url)
    const key = url.searchParams.get('key') ?? 'peerjs'
    url.pathname = `${url.pathname.replace(/\/$/, '')}/peerjs`
    url.search = new URLSearchParams({
      key,
      id: ids[slot] as string,
      token: toHex(options.random(16)),
      version: PROTOCOL,
    }).toString()
    let self: Socket | null = null
    try {
      self = options.connect(url.href, {
        onOpen: () => undefined,
        onMessage(raw) {
          if (socket === self) receive(raw)
        },
        onClose(reason) {
          if (socket === self && self !== null) retryLater(reason)
        },
      })
    } catch (error) {
      retryLater(errorMessage(error))
      return
    }
    socket = self
    timers.push(
      clock.setTimeout(() => {
        if (socket === self && own === null) retryLater('no answer in 10 seconds')
      }, CONNECT_TIMEOUT_MS),
    )
  }

  const leave = () => {
    write('LEAVE', undefined)
    disconnect()
    forgetMembers()
  }

  events.onState('idle')
  return {
    enter(value, as) {
      const same = value !== null && room !== null && value.keys === room.keys
      name = as
      if (same) {
        if (own !== null) {
          for (const timer of timers) clock.clearTimeout(timer)
          timers = []
          beat()
          void introduce()
        }
        return
      }
      leave()
      room = value
      if (value === null) {
        events.onState('idle')
        return
      }
      ids = slotIds(value.secret)
      // After a reload a node mostly finds its own place free again.
      slot = (identity.publicKey[0] as number) % SLOTS
      tries = 0
      connect()
    },
    relay(frame, to) {
      const id = toHex(to)
      for (const [place, record] of members) {
        if (record.id === id) return write('CANDIDATE', place, { centram: 'signal', frame: toBase64(frame) })
      }
      return false
    },
    retry() {
      if (retryTimer !== null) connect()
    },
    close() {
      leave()
      room = null
    },
    get id() {
      return own === null ? undefined : ids[slot]
    },
  }
}

/** What the members of a room are called at a broker: nobody without the secret can tell them, or that they belong together. */
export function slotIds(secret: Uint8Array): readonly string[] {
  return Array.from({ length: SLOTS }, (_, slot) => {
    const digest = sha256(SLOT_DOMAIN, secret, Uint8Array.of(slot))
    return `centram-${toHex(digest).slice(0, 40)}`
  })
}

function readJson(raw: Uint8Array): z.output<typeof MESSAGE> | undefined {
  try {
    return z.safeParse(MESSAGE, JSON.parse(new TextDecoder().decode(raw))).data
  } catch {
    return undefined
  }
}

function readReason(payload: unknown): string {
  const parsed = z.safeParse(z.object({ msg: z.string() }), payload)
  return parsed.success ? parsed.data.msg.slice(0, 200) : 'it does not say why'
}

function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

/** Empty for what is no base64. */
function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  } catch {
    return new Uint8Array(0)
  }
}
