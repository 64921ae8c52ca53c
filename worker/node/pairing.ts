// Joining without a link: two nodes on the same network get to know each other by a code of six digits, or because they paired
// before, and the one that has the room hands its secret to the other over the link between them. No server sees it.
//
// Asker: ask (a commitment to its nonce) → asked: answer (its nonce, once its person agrees) → asker: reveal (its nonce). Then
// the node that wants in shows the code, and the person whose room it is types it. A wrong code may be typed twice more.

import { z } from 'zod/mini'
import type { Clock, Timer } from '#core/clock.ts'
import { equalBytes } from '#core/crypto/bytes.ts'
import { decodeCanonical, encodeCanonical } from '#core/crypto/canonical.ts'
import { commitNonce, PAIRING_NONCE_BYTES, pairingCode } from '#core/crypto/pairing-code.ts'
import { CentramError, errorMessage } from '#core/errors.ts'
import { bytes, displayName, id16, list, text } from '#core/protocol/fields.ts'
import type { WayIn } from '../net/introducer.ts'
import type { NearbyLink, NearbyNode } from '../net/nearby-links.ts'
import type { Swarm } from '../net/swarm.ts'
import type { NearbyState } from './api.ts'
import type { KnownKeys } from './known-keys.ts'

const TRIES = 3
/** The last word is confirmed before the link goes. */
const LINGER_MS = 1_000
/** Two people look from one screen to the other in this time, or they begin again. */
const PATIENCE_MS = 120_000
/** A node whose pairing failed is not listened to for this long, doubled each time. */
const FIRST_BLOCK_MS = 30_000
const LAST_BLOCK_MS = 30 * 60_000

const WORD = z.discriminatedUnion('say', [
  z.strictObject({ say: z.literal('ask'), gives: z.boolean(), name: displayName, commitment: bytes(32) }),
  z.strictObject({ say: z.literal('answer'), nonce: bytes(PAIRING_NONCE_BYTES) }),
  z.strictObject({ say: z.literal('reveal'), nonce: bytes(PAIRING_NONCE_BYTES) }),
  z.strictObject({
    say: z.literal('secret'),
    secret: id16,
    ways: list(z.strictObject({ kind: z.enum(['server', 'broker']), url: text(256) }), 4),
  }),
  z.strictObject({ say: z.literal('refuse'), why: text(200) }),
])
type Word = z.infer<typeof WORD>

export interface PairingOptions {
  readonly swarm: Pick<Swarm, 'nearby' | 'room'>
  readonly identity: { readonly publicKey: Uint8Array }
  readonly clock: Clock
  readonly random: (length: number) => Uint8Array
  readonly name: () => string
  /** The ways in that whoever joins is told of. */
  readonly ways: () => readonly WayIn[]
  /** The secret of the present room, or of a new one. */
  readonly openRoom: () => Promise<Uint8Array>
  readonly enter: (secret: Uint8Array, ways: readonly WayIn[]) => Promise<void>
  readonly known: KnownKeys
  readonly onChange: () => void
  readonly onNotice: (level: 'info' | 'warning', message: string) => void
}

export interface Pairing {
  shown(): NearbyState['pairing']
  /** Asks a nearby node: to join the room that this node is in, or, without one, to be let into its room. */
  ask(id: string): void
  /** The person agrees to what another node asks. */
  accept(): void
  /** The code that the other device shows. Throws `BAD_ARGUMENT` for a wrong one. */
  giveCode(code: string): Promise<void>
  /** Lets a node in whose key was met before, without a code. */
  confirm(): Promise<void>
  cancel(): void
  close(): void
}

interface Talk {
  readonly peer: NearbyNode
  /** Null until it is open. */
  link: NearbyLink | null
  /** This node asked. */
  readonly asks: boolean
  /** This node hands over the room. */
  readonly gives: boolean
  readonly nonce: Uint8Array
  commitment: Uint8Array | null
  stage: 'asking' | 'asked' | 'agreed' | 'code'
  code: string
  triesLeft: number
  readonly timer: Timer
}

export function createPairing(options: PairingOptions): Pairing {
  const { swarm, clock, known } = options
  let talk: Talk | null = null
  const blocked = new Map<string, { until: number; times: number }>()

  const say = (word: Word) => {
    const link = talk?.link
    if (!link) return Promise.resolve()
    return link.say(encodeCanonical(word))
  }
  const sayOrEnd = (word: Word) => void say(word).catch((error: unknown) => end(errorMessage(error)))
  const block = (id: string) => {
    const times = (blocked.get(id)?.times ?? 0) + 1
    blocked.set(id, { until: clock.now() + Math.min(LAST_BLOCK_MS, FIRST_BLOCK_MS * 2 ** (times - 1)), times })
  }
  const begin = (fields: Pick<Talk, 'peer' | 'link' | 'asks' | 'gives' | 'commitment' | 'stage'>) => {
    talk = {
      ...fields,
      nonce: options.random(PAIRING_NONCE_BYTES),
      code: '',
      triesLeft: TRIES,
      timer: clock.setTimeout(() => end('it took longer than two minutes'), PATIENCE_MS),
    }
    options.onChange()
  }
  const refuse = (link: NearbyLink, why: string) => {
    const word: Word = { say: 'refuse', why: why.slice(0, 200) }
    void link
      .say(encodeCanonical(word))
      .catch(() => undefined)
      .then(() => link.end())
  }
  /** Without a reason it ended well. */
  const end = (reason?: string, told = false) => {
    const ended = talk
    if (ended === null) return
    talk = null
    clock.clearTimeout(ended.timer)
    if (reason !== undefined) {
      if (!ended.asks) block(ended.peer.id)
      options.onNotice('warning', `Pairing with ${ended.peer.name} ended: ${reason}.`)
    }
    const { link } = ended
    if (link === null) return options.onChange()
    if (reason === undefined) clock.setTimeout(() => link.end(), LINGER_MS)
    // The other side is told why, unless it was the one that said so.
    else if (told) link.end()
    else refuse(link, reason)
    options.onChange()
  }

  const showCode = (asker: Uint8Array, asked: Uint8Array) => {
    if (talk === null) return
    const own = options.identity.publicKey
    talk.code = talk.asks
      ? pairingCode({ key: own, nonce: asker }, { key: talk.peer.key, nonce: asked })
      : pairingCode({ key: talk.peer.key, nonce: asker }, { key: own, nonce: asked })
    talk.stage = 'code'
    options.onChange()
  }

  const take = (link: NearbyLink, word: Word) => {
    const { peer } = link
    if (word.say === 'ask') {
      if ((blocked.get(peer.id)?.until ?? 0) > clock.now()) {
        link.end()
        return
      }
      if (talk !== null) {
        refuse(link, 'it is being paired with another device')
        return
      }
      begin({
        peer: { ...peer, name: word.name || peer.name },
        link,
        asks: false,
        gives: !word.gives,
        commitment: word.commitment,
        stage: 'asked',
      })
      return
    }
    if (talk === null || talk.link !== link) {
      link.end()
      return
    }
    switch (word.say) {
      case 'answer':
        if (!talk.asks || talk.stage !== 'asking') break
        sayOrEnd({ say: 'reveal', nonce: talk.nonce })
        showCode(talk.nonce, word.nonce)
        return
      case 'reveal':
        if (talk.asks || talk.stage !== 'agreed' || talk.commitment === null) break
        if (!equalBytes(commitNonce(word.nonce), talk.commitment)) break
        showCode(word.nonce, talk.nonce)
        return
      case 'secret': {
        if (talk.gives || talk.stage !== 'code') break
        const { name, key } = talk.peer
        end()
        void known.add(key, name)
        void options.enter(word.secret, word.ways).then(
          () => options.onNotice('info', `This device joined the room of ${name}.`),
          (error: unknown) => options.onNotice('warning', errorMessage(error)),
        )
        return
      }
      case 'refuse':
        end(word.why, true)
        return
    }
    end('the other device did not keep to the steps')
  }

  swarm.nearby.listen({
    onOpen(link, incoming) {
      if (incoming) return
      if (talk === null || talk.link !== null || talk.peer.id !== link.peer.id) {
        link.end()
        return
      }
      talk.link = link
      sayOrEnd({ say: 'ask', gives: talk.gives, name: options.name(), commitment: commitNonce(talk.nonce) })
    },
    onWord(link, raw) {
      let word: Word
      try {
        word = z.parse(WORD, decodeCanonical(raw))
      } catch {
        if (talk?.link === link) end('the other device said something that is no pairing')
        else link.end()
        return
      }
      take(link, word)
    },
    onEnd(link, reason) {
      if (talk === null) return
      if (talk.link === link) {
        talk.link = null
        end(reason.replace(/\.$/, ''))
      } else if (talk.link === null && talk.asks && talk.peer.id === link.peer.id) end('that device cannot be reached')
    },
  })

  const handOver = async () => {
    const giving = talk
    if (giving === null) return
    const secret = await options.openRoom()
    if (talk !== giving) return
    await say({ say: 'secret', secret, ways: options.ways().slice(0, 4) })
    await known.add(giving.peer.key, giving.peer.name)
    options.onNotice('info', `${giving.peer.name} joins the room.`)
    end()
  }
  const requireGiving = (): Talk => {
    if (talk?.gives !== true || talk.stage !== 'code') {
      throw new CentramError('BAD_ARGUMENT', 'No device waits for a code now: begin the pairing again.')
    }
    return talk
  }

  return {
    shown() {
      if (talk === null) return null
      const { peer, gives, stage, triesLeft, code } = talk
      return {
        id: peer.id,
        name: peer.name,
        gives,
        stage,
        known: known.has(peer.key),
        code: stage === 'code' && !gives ? code : null,
        triesLeft,
      }
    },
    ask(id) {
      if (talk !== null)
        throw new CentramError('NO_CAPACITY', `A pairing with ${talk.peer.name} is going on: end it first.`)
      const peer = swarm.nearby.nodes().find((node) => node.id === id)
      if (peer === undefined) throw new CentramError('PEER_LEFT', 'That device is no longer on this network.')
      begin({ peer, link: null, asks: true, gives: swarm.room !== null, commitment: null, stage: 'asking' })
      try {
        swarm.nearby.open(id)
      } catch (error) {
        end(errorMessage(error).replace(/\.$/, ''))
        throw error
      }
    },
    accept() {
      if (talk?.stage !== 'asked') return
      talk.stage = 'agreed'
      sayOrEnd({ say: 'answer', nonce: talk.nonce })
      options.onChange()
    },
    async giveCode(code) {
      const giving = requireGiving()
      if (code.replace(/\D/g, '') === giving.code) {
        await handOver()
        return
      }
      giving.triesLeft--
      options.onChange()
      if (giving.triesLeft === 0) {
        block(giving.peer.id)
        end('the code was wrong three times')
        throw new CentramError(
          'BAD_ARGUMENT',
          'The code was wrong three times, so the pairing was ended. Begin it again.',
        )
      }
      throw new CentramError('BAD_ARGUMENT', 'That is not the code that the other device shows. Look at it once more.')
    },
    async confirm() {
      const giving = requireGiving()
      if (!known.has(giving.peer.key)) {
        throw new CentramError('BAD_ARGUMENT', 'This device was not met before: type the code that it shows.')
      }
      await handOver()
    },
    cancel: () => end('it was cancelled'),
    close: () => end('this tab was closed'),
  }
}
