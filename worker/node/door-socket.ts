// A door's connection to its server: signs the server's challenge, and comes back by itself until it is closed.

import type { Clock, Timer } from '#core/clock.ts'
import type { Identity } from '#core/crypto/identity.ts'
import {
  DOOR_VERSION,
  doorClaim,
  encodeDoor,
  readFromServer,
  type FromNode,
  type FromServer,
} from '#core/door/messages.ts'
import { CentramError, errorMessage } from '#core/errors.ts'
import type { Socket, SocketFactory } from '../net/signalling-client.ts'

export interface DoorSocketOptions {
  readonly url: string
  readonly name: string
  readonly identity: Identity
  readonly clock: Clock
  readonly connect: SocketFactory
  readonly random: (length: number) => Uint8Array
  /** `refused`: the server said so itself; it is asked again all the same, after the longest pause. */
  onState(state: 'connecting' | 'open' | 'refused', reason: string | null): void
  onMessage(message: Exclude<FromServer, { type: 'challenge' | 'welcome' | 'beat' | 'refused' }>): void
}

export interface DoorSocket {
  /** Lost where there is no connection: then whoever asked is gone too. */
  send(message: FromNode): void
  close(): void
}

/** Three beats of the server. */
const SILENCE_MS = 60_000
const FIRST_RETRY_MS = 500
const LAST_RETRY_MS = 30_000

export function openDoorSocket(options: DoorSocketOptions): DoorSocket {
  const { clock, identity } = options
  let attempts = 0
  let current: Socket | null = null
  let isOpen = false
  let timer: Timer | null = null
  let closed = false

  function again(state: 'connecting' | 'refused', reason: string): void {
    current?.close()
    current = null
    isOpen = false
    if (closed) return
    options.onState(state, reason)
    const pause = state === 'refused' ? LAST_RETRY_MS : Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempts++)
    // Not everyone at once after a restart of the server.
    wait(pause * (0.5 + (options.random(1)[0] ?? 0) / 512), begin)
  }

  function wait(milliseconds: number, then: () => void): void {
    clock.clearTimeout(timer ?? undefined)
    timer = clock.setTimeout(then, milliseconds)
  }

  function begin(): void {
    options.onState('connecting', null)
    const drop = (reason: string) => {
      if (current === mine) again('connecting', reason)
    }
    async function take(bytes: Uint8Array): Promise<void> {
      const message = readFromServer(bytes)
      wait(SILENCE_MS, () => drop('the server fell silent'))
      if (message.type === 'challenge') return register(message)
      if (message.type === 'refused') return again('refused', message.message)
      if (message.type === 'welcome') {
        attempts = 0
        isOpen = true
        options.onState('open', null)
      } else if (message.type !== 'beat') options.onMessage(message)
    }
    async function register({ version, nonce }: Extract<FromServer, { type: 'challenge' }>): Promise<void> {
      if (version !== DOOR_VERSION) {
        throw new CentramError('VERSION_UNSUPPORTED', 'The server speaks another version of doors: reload the page.')
      }
      const { host } = new URL(options.url)
      const signature = await identity.sign(doorClaim(nonce, identity.publicKey, host))
      const message = { type: 'register', key: identity.publicKey, name: options.name, host, signature } as const
      if (current === mine) mine.send(encodeDoor(message))
    }
    const mine: Socket = options.connect(options.url, {
      onOpen: () => undefined,
      onMessage(bytes) {
        if (current === mine) take(bytes).catch((error: unknown) => drop(errorMessage(error)))
      },
      onClose: drop,
    })
    current = mine
    wait(SILENCE_MS, () => drop('the server does not answer'))
  }
  begin()

  return {
    send(message) {
      if (isOpen) current?.send(encodeDoor(message))
    },
    close() {
      closed = true
      clock.clearTimeout(timer ?? undefined)
      again('connecting', '')
    },
  }
}
