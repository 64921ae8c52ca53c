// Compares sets of records with other nodes: this node opens a comparison when a link opens and every half minute, pushes what
// the other side lacks, and says at the end what it lacks itself; the other side then compares in its turn.

import type { Timer } from '#core/clock.ts'
import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import { CentramError, errorCode, type ErrorCode } from '#core/errors.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { chooseMethod } from '#core/reconciliation/choose-method.ts'
import { createAnswer, createComparison } from '#core/reconciliation/compare-sets.ts'
import type { Comparison, ComparisonOptions } from '#core/reconciliation/comparison.ts'
import { createItemSet, type Item, type ItemSet } from '#core/reconciliation/item-set.ts'
import type { RoomVoice } from './room-voice.ts'
import type { Surroundings } from './surroundings.ts'

type SetName = BodyOf<'PROOF_RECON_OPEN'>['set']

/** A set that this node compares with others. */
export interface ComparedSet {
  readonly name: SetName
  items(): Iterable<Item>
  /** Sends a peer the records that it lacks. */
  push(peer: string, ids: readonly Uint8Array[]): void
}

export interface Reconciling {
  onOpen(peer: string, body: BodyOf<'PROOF_RECON_OPEN'>): void | Promise<void>
  onFrame(peer: string, body: BodyOf<'PROOF_RECON_FRAME'>, tail: Uint8Array): void | Promise<void>
  onDone(peer: string, body: BodyOf<'PROOF_RECON_DONE'>): void | Promise<void>
  onPeerOpen(peer: string): void
  onPeerLost(peer: string): void
  close(): void
}

export interface ReconcilingOptions {
  readonly surroundings: Pick<Surroundings, 'clock' | 'random'>
  /** This node's public key, hex. */
  readonly self: string
  readonly voice: Pick<RoomVoice, 'trySend' | 'linked'>
  readonly sets: readonly ComparedSet[]
}

const EVERY_MS = 30_000
/** Between two comparisons that one peer asks for. */
const PAUSE_MS = 2_000
const PATIENCE_MS = 20_000
/** Comparisons that one peer may have under way here. */
const MAX_ANSWERS = 4

interface Opened {
  readonly peer: string
  readonly set: ComparedSet
  readonly comparison: Comparison
  rounds: number
  readonly timer: Timer | undefined
}

interface Answered {
  readonly peer: string
  readonly answer: (frame: Uint8Array) => Uint8Array<ArrayBuffer>
  readonly set: ComparedSet
  readonly timer: Timer | undefined
}

export function createReconciling({ surroundings, self, voice, sets }: ReconcilingOptions): Reconciling {
  const { clock, random } = surroundings
  const opened = new Map<string, Opened>()
  const answered = new Map<string, Answered>()
  const lastAsked = new Map<string, number>()

  function forget(table: Map<string, Opened> | Map<string, Answered>, recon: string): void {
    const entry = table.get(recon)
    if (entry) clock.clearTimeout(entry.timer)
    table.delete(recon)
  }
  const after = (table: Map<string, Opened> | Map<string, Answered>, recon: string) =>
    clock.setTimeout(() => table.delete(recon), PATIENCE_MS)

  function open(peer: string, set: ComparedSet, how: Partial<ComparisonOptions> = {}): void {
    const recon = random(16)
    const name = toHex(recon)
    const items = createItemSet(set.items())
    const method = how.method ?? chooseMethod({ size: items.size, expected: null })
    const comparison = createComparison({ ...how, set: items, method, recon })
    opened.set(name, { peer, set, comparison, rounds: 0, timer: after(opened, name) })
    const fingerprint = items.fingerprint()
    voice.trySend(peer, 'PROOF_RECON_OPEN', {
      recon,
      set: set.name,
      author: null,
      method,
      size: items.size,
      fingerprint,
    })
    voice.trySend(peer, 'PROOF_RECON_FRAME', { recon, round: 0 }, comparison.open())
  }

  function done(peer: string, recon: Uint8Array, how: Partial<BodyOf<'PROOF_RECON_DONE'>> = {}): void {
    voice.trySend(peer, 'PROOF_RECON_DONE', { recon, code: null, rounds: 0, sent: 0, missing: 0, ...how })
  }

  /** A comparison of this node's own came to its end. */
  function conclude(recon: Uint8Array, { peer, set, comparison, rounds }: Opened): void {
    const { have, need, retry } = comparison.result()
    forget(opened, toHex(recon))
    if (have.length > 0) set.push(peer, have)
    done(peer, recon, { rounds, sent: have.length, missing: need.length })
    if (retry) open(peer, set, retry)
  }

  function openAll(peer: string): void {
    for (const set of sets) open(peer, set)
  }

  const beat = () => {
    timer = clock.setTimeout(beat, EVERY_MS)
    const peers = voice.linked()
    const [byte = 0] = random(1)
    const peer = peers[byte % Math.max(1, peers.length)]
    if (peer !== undefined) openAll(peer)
  }
  let timer = clock.setTimeout(beat, EVERY_MS)

  return {
    onOpen(peer, { recon, set: setName, author, method, fingerprint }) {
      const set = sets.find(({ name }) => name === setName)
      const name = toHex(recon)
      const running = [...answered.values()].filter((one) => one.peer === peer).length
      const refuse = (code: ErrorCode) => done(peer, recon, { code })
      if (!set || author !== null) return refuse('NOT_OFFERED')
      if (running >= MAX_ANSWERS) return refuse('NO_CAPACITY')
      if (answered.has(name) || opened.has(name)) throw flaw('A comparison was begun under a name that is in use.')
      const items: ItemSet = createItemSet(set.items())
      if (equalBytes(items.fingerprint(), fingerprint)) return done(peer, recon)
      answered.set(name, {
        peer,
        set,
        answer: createAnswer({ set: items, method, recon }),
        timer: after(answered, name),
      })
    },

    onFrame(peer, { recon, round }, tail) {
      const name = toHex(recon)
      const mine = opened.get(name)
      const theirs = answered.get(name)
      try {
        if (theirs?.peer === peer) {
          voice.trySend(peer, 'PROOF_RECON_FRAME', { recon, round }, theirs.answer(tail))
        } else if (mine?.peer === peer) {
          mine.rounds++
          const next = mine.comparison.receive(tail)
          if (next) voice.trySend(peer, 'PROOF_RECON_FRAME', { recon, round: mine.rounds }, next)
          else conclude(recon, mine)
        }
        // A first frame may come behind an end that the fingerprints brought about.
      } catch (error) {
        forget(opened, name)
        forget(answered, name)
        done(peer, recon, { code: errorCode(error) })
        throw error
      }
    },

    onDone(peer, { recon, missing }) {
      const name = toHex(recon)
      const theirs = answered.get(name)
      if (opened.get(name)?.peer === peer) return forget(opened, name)
      if (theirs?.peer !== peer) return
      forget(answered, name)
      // What they lack only this side can tell them, by comparing in its turn; not at once again and again.
      if (missing === 0 || clock.now() - (lastAsked.get(peer) ?? -PAUSE_MS) < PAUSE_MS) return
      lastAsked.set(peer, clock.now())
      open(peer, theirs.set)
    },

    onPeerOpen(peer) {
      // One of the two begins.
      if (self < peer) openAll(peer)
    },

    onPeerLost(peer) {
      for (const table of [opened, answered]) {
        for (const [recon, entry] of [...table]) if (entry.peer === peer) forget(table, recon)
      }
      lastAsked.delete(peer)
    },

    close() {
      clock.clearTimeout(timer)
      for (const table of [opened, answered]) for (const recon of [...table.keys()]) forget(table, recon)
    },
  }
}

const flaw = (message: string) => new CentramError('BAD_ARGUMENT', message)
