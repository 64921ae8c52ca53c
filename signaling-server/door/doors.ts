// The doors of this server: nodes that answer for programs outside the swarm. Each proves its key, says which API keys it made
// (as hashes) and what it answers with, and is handed the questions that come with those keys. Memory only: a door that comes
// back says everything again.

import type { Clock, Timer } from '#core/clock.ts'
import { toHex } from '#core/crypto/bytes.ts'
import type { Verifier } from '#core/crypto/identity.ts'
import {
  DOOR_VERSION,
  doorClaim,
  encodeDoor,
  MAX_DOOR_FRAME,
  readFromNode,
  type DoorAsk,
  type DoorEmbed,
  type DoorUsage,
  type FromNode,
  type FromServer,
  type OfferedDoorModel,
} from '#core/door/messages.ts'
import { CentramError, errorCode, errorMessage, type ErrorCode } from '#core/errors.ts'
import { createTokenBucket, type Rate } from '#core/protocol/rates.ts'

/** One WebSocket, as the doors see it. */
export interface DoorWire {
  send(bytes: Uint8Array): void
  close(reason: string): void
  onMessage(listener: (bytes: Uint8Array) => void): void
  onClose(listener: () => void): void
  readonly bufferedBytes: number
}

type Question = Omit<DoorAsk, 'ask'> | Omit<DoorEmbed, 'ask'>

export interface AnswerListener {
  onText?(text: string): void
  onVector?(index: number, values: Uint8Array): void
}

export interface DoorAnswer {
  /** Rejects with the code that the node gave, or `PEER_LEFT` where it went. */
  readonly done: Promise<{ readonly finish: 'stop' | 'length' | 'cancelled'; readonly usage: DoorUsage }>
  /** Nobody listens any more: the node stops computing, and `done` stays as it is. */
  cancel(): void
}

export interface Door {
  /** Of its node, hex. */
  readonly id: string
  readonly name: string
  /** Milliseconds since 1970. */
  readonly openedAt: number
  readonly models: readonly OfferedDoorModel[]
  ask(question: Question, listener: AnswerListener): DoorAnswer
}

export interface Doors {
  /** Serves one connection; `host` is this server's address as the client wrote it. */
  accept(wire: DoorWire, address: string, host: string): void
  /** The open door that an API key, by its hash, belongs to; `closed` where it was open a while ago. */
  find(key: Uint8Array): Door | 'closed' | undefined
  counts(): { readonly doors: number; readonly running: number }
  close(): void
}

export interface DoorsOptions {
  readonly verifier: Verifier
  readonly clock: Clock
  readonly wallTime: () => number
  readonly random: (length: number) => Uint8Array
  readonly limits?: Partial<DoorLimits>
}

export interface DoorLimits {
  readonly maxDoors: number
  readonly maxDoorsPerAddress: number
  /** Questions under way at one door. */
  readonly maxAsks: number
  /** Bytes that may wait for a node that does not read. */
  readonly maxWaitingBytes: number
  /** Messages of one door: a toy model gives a few hundred tokens a second to each of several clients. */
  readonly rate: Rate
  readonly registerTimeoutMs: number
  readonly beatMs: number
}

const LIMITS: DoorLimits = {
  maxDoors: 1000,
  maxDoorsPerAddress: 32,
  maxAsks: 32,
  maxWaitingBytes: 4 * MAX_DOOR_FRAME,
  rate: { perSecond: 4000, burst: 16_000 },
  registerTimeoutMs: 10_000,
  beatMs: 20_000,
}
/** Keys of doors that closed, so that their clients are told to come back and not that their key is wrong. */
const MOST_CLOSED_KEYS = 4096

interface Pending extends AnswerListener {
  resolve(done: Awaited<DoorAnswer['done']>): void
  reject(error: CentramError): void
}

interface OpenDoor extends Door {
  models: readonly OfferedDoorModel[]
  readonly end: (code: ErrorCode, reason: string) => void
  keys: ReadonlySet<string>
}

export function createDoors(options: DoorsOptions): Doors {
  const { clock, verifier } = options
  const limits: DoorLimits = { ...LIMITS, ...options.limits }
  const connections = new Set<(code: ErrorCode, reason: string) => void>()
  const addresses = new Map<string, number>()
  const open = new Map<string, OpenDoor>()
  /** By hash of the API key, hex. */
  const byKey = new Map<string, OpenDoor>()
  const closedKeys = new Set<string>()
  let running = 0

  function serve(wire: DoorWire, host: string, onEnd: () => void): (code: ErrorCode, reason: string) => void {
    const challenge = options.random(32)
    const bucket = createTokenBucket(limits.rate, clock.now())
    const asks = new Map<number, Pending>()
    let asked = 0
    let door: OpenDoor | null = null
    let ended = false
    let timer: Timer = clock.setTimeout(() => end('TIMEOUT', 'no registration came'), limits.registerTimeoutMs)
    let taking: Promise<void> = Promise.resolve()

    function send(message: FromServer): void {
      if (ended) return
      if (wire.bufferedBytes > limits.maxWaitingBytes) end('NO_CAPACITY', 'the node does not read what it is sent')
      else wire.send(encodeDoor(message))
    }

    function end(code: ErrorCode, reason: string): void {
      if (ended) return
      if (code !== 'CHANNEL_CLOSED') wire.send(encodeDoor({ type: 'refused', code, message: reason.slice(0, 500) }))
      ended = true
      clock.clearTimeout(timer)
      for (const pending of asks.values()) {
        pending.reject(new CentramError('PEER_LEFT', 'The node that answers for this API key went away.'))
      }
      running -= asks.size
      asks.clear()
      if (door) forget(door)
      wire.close(reason)
      onEnd()
    }

    async function take(bytes: Uint8Array): Promise<void> {
      const message = readFromNode(bytes)
      if (!door) return register(message)
      if (message.type === 'offer') offer(door, message)
      else if (message.type !== 'register') answer(message)
      else throw new CentramError('PROTOCOL_VIOLATION', 'The door is registered already.')
    }

    async function register(message: FromNode): Promise<void> {
      if (message.type !== 'register') {
        throw new CentramError('PROTOCOL_VIOLATION', `A ${message.type} came before the registration.`)
      }
      const { key, name, signature } = message
      if (message.host !== host) {
        throw new CentramError(
          'SIGNATURE_INVALID',
          `The node wants to be a door of ${message.host}, and this server is called ${host}. A proxy in front of it has to pass the Host header on.`,
        )
      }
      if (!(await verifier(key, doorClaim(challenge, key, host), signature))) {
        throw new CentramError('SIGNATURE_INVALID', 'The registration is not signed by the key that it names.')
      }
      if (ended) return
      const id = toHex(key)
      open.get(id)?.end('KEY_REVOKED', 'The same node opened its door once more.')
      door = { id, name, openedAt: options.wallTime(), models: [], keys: new Set(), ask, end }
      open.set(id, door)
      beat()
      send({ type: 'welcome' })
    }

    function beat(): void {
      clock.clearTimeout(timer)
      timer = clock.setTimeout(() => {
        send({ type: 'beat' })
        beat()
      }, limits.beatMs)
    }

    function answer(message: Exclude<FromNode, { type: 'register' | 'offer' }>): void {
      const pending = asks.get(message.ask)
      // What was cancelled meanwhile.
      if (!pending) return
      if (message.type === 'text') pending.onText?.(message.text)
      else if (message.type === 'vector') pending.onVector?.(message.index, message.values)
      else {
        asks.delete(message.ask)
        running--
        if (message.type === 'done') pending.resolve({ finish: message.finish, usage: message.usage })
        else pending.reject(new CentramError(message.code as ErrorCode, message.message))
      }
    }

    function ask(question: Question, listener: AnswerListener): DoorAnswer {
      const number = asked++
      const done = new Promise<Awaited<DoorAnswer['done']>>((resolve, reject) => {
        if (ended) throw new CentramError('PEER_LEFT', 'The node that answers for this API key went away.')
        if (asks.size >= limits.maxAsks) {
          throw new CentramError(
            'NO_CAPACITY',
            'The node works on as many questions as it takes at once. Ask again soon.',
          )
        }
        asks.set(number, { ...listener, resolve, reject })
        running++
      })
      done.catch(() => undefined)
      if (asks.has(number)) {
        try {
          send({ ...question, ask: number })
        } catch (error) {
          asks.get(number)?.reject(new CentramError(errorCode(error), errorMessage(error)))
          if (asks.delete(number)) running--
        }
      }
      return {
        done,
        cancel() {
          if (!asks.delete(number)) return
          running--
          send({ type: 'cancel', ask: number })
        },
      }
    }

    wire.onMessage((bytes) => {
      if (ended) return
      if (!bucket.take(clock.now())) return end('RATE_LIMITED', 'The door sends too much at once.')
      // In order, although a signature takes its time.
      taking = taking
        .then(() => (ended ? undefined : take(bytes)))
        .catch((error: unknown) => {
          end(errorCode(error) === 'INTERNAL' ? 'FRAME_INVALID' : errorCode(error), errorMessage(error))
        })
    })
    wire.onClose(() => end('CHANNEL_CLOSED', 'closed by the node'))
    send({ type: 'challenge', version: DOOR_VERSION, nonce: challenge })
    return end
  }

  function offer(door: OpenDoor, { models, keys }: Extract<FromNode, { type: 'offer' }>): void {
    door.models = models
    for (const key of door.keys) if (byKey.get(key) === door) byKey.delete(key)
    // A key that another door holds already stays with it.
    const own = keys.map(toHex).filter((key) => (byKey.get(key) ?? door) === door)
    door.keys = new Set(own)
    for (const key of own) {
      byKey.set(key, door)
      closedKeys.delete(key)
    }
  }

  function forget(door: OpenDoor): void {
    if (open.get(door.id) === door) open.delete(door.id)
    for (const key of door.keys) {
      if (byKey.get(key) !== door) continue
      byKey.delete(key)
      closedKeys.add(key)
      if (closedKeys.size > MOST_CLOSED_KEYS) closedKeys.delete(closedKeys.values().next().value as string)
    }
  }

  return {
    accept(wire, address, host) {
      const count = addresses.get(address) ?? 0
      if (connections.size >= limits.maxDoors || count >= limits.maxDoorsPerAddress) {
        wire.close('too many doors: try again later')
        return
      }
      addresses.set(address, count + 1)
      const end = serve(wire, host, () => {
        connections.delete(end)
        const left = (addresses.get(address) ?? 1) - 1
        if (left === 0) addresses.delete(address)
        else addresses.set(address, left)
      })
      connections.add(end)
    },
    find(key) {
      const hex = toHex(key)
      return byKey.get(hex) ?? (closedKeys.has(hex) ? 'closed' : undefined)
    },
    counts: () => ({ doors: open.size, running }),
    close() {
      for (const end of [...connections]) end('CHANNEL_CLOSED', 'the server is stopping')
    },
  }
}
