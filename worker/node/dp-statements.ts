// What authors state of their private training: this node's own statements, and those of others, kept for the gate and
// compared. A receiver cannot see whether noise was added; it sees whether what is said agrees with itself.

import { equalBytes, toHex, utf8, concatBytes } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { CentramError } from '#core/errors.ts'
import type { SignedGenome } from '#core/genome/signed-genome.ts'
import { DP_CLAIM } from '#core/protocol/messages/gate.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { encodeObject, readObject, signObject, verifyObject } from '#core/protocol/signed-object.ts'
import type { Swarm } from '../net/swarm.ts'
import { bytesOf } from './genome-summary.ts'
import type { KeyBook } from './key-book.ts'
import type { RoomVoice } from './room-voice.ts'
import type { Surroundings } from './surroundings.ts'

type Statement = BodyOf<'GATE_DP_STATEMENT'>

export interface DpStatements {
  /** A private run ended: remembers which text its genome was trained on, under a name that only this node can tell. */
  noteTrained(genomeId: string, dataHash: string): Promise<void>
  /** States what a genome of this node claims, where it was trained privately; tells the room. */
  state(genome: SignedGenome): Promise<void>
  /** What its author states of a genome. */
  of(genomeId: string): Statement | null
  /** Whether its author stated two different things. */
  isContradicted(genomeId: string): boolean
  /** Of news: true where it may be passed on. Throws `SIGNATURE_INVALID`. */
  learn(author: string, body: Statement): Promise<boolean>
  onStatement(peer: string, body: Statement): Promise<void>
  onPeerOpen(peer: string): void
}

export interface DpStatementsOptions {
  readonly surroundings: Pick<Surroundings, 'identity' | 'verifier' | 'records' | 'wallTime' | 'random'>
  /** Names what this node keeps in records, whatever key it goes by. */
  readonly owner: string
  readonly voice: RoomVoice
  readonly swarm: Pick<Swarm, 'id'>
  readonly keys: Pick<KeyBook, 'isSameNode' | 'status'>
  /** Whether anybody here cares for the genome. */
  readonly isOfInterest: (genomeId: string) => boolean
  readonly onChange: (genomeId: string) => void
}

const STORE = 'trained-text'
const MAX_STATEMENTS = 512
const MAX_OF_AUTHOR = 64
/** Own statements that a newcomer is told of at once. */
const MAX_TOLD = 32
const MAX_UNIT = 64

interface Known {
  readonly body: Statement
  readonly author: string
  contradicted: boolean
}

export function createDpStatements(options: DpStatementsOptions): DpStatements {
  const { surroundings, owner, voice, swarm, keys } = options
  const { identity, records, verifier } = surroundings
  const statements = new Map<string, Known>()

  /** The hash of a text would let others test whether it is one they know; under a secret it only says “the same as before”. */
  async function nameText(dataHash: string): Promise<Uint8Array> {
    const key = `text-secret/${owner}`
    const kept = await records.get('settings', key)
    const secret = kept instanceof Uint8Array && kept.length === 32 ? kept : surroundings.random(32)
    if (secret !== kept) await records.put('settings', key, secret)
    return sha256(concatBytes(utf8('centram text\0'), secret, bytesOf(dataHash)))
  }

  async function open({ claim, signature }: Statement) {
    const content = readObject(DP_CLAIM, claim)
    if (!(await verifyObject(DP_CLAIM, claim, content.author, signature, verifier))) {
      throw new CentramError('SIGNATURE_INVALID', 'A statement was refused: the author that it names did not sign it.')
    }
    return content
  }

  /** Keys cost nothing: statements on genomes that nobody here knows of go first. */
  function makeRoom(): boolean {
    if (statements.size < MAX_STATEMENTS) return true
    const dull = [...statements.keys()].find((genome) => !options.isOfInterest(genome))
    return dull !== undefined && statements.delete(dull)
  }

  async function keep(body: Statement): Promise<boolean> {
    const claim = await open(body)
    const [genome, author] = [toHex(claim.genome), toHex(claim.author)]
    if (keys.status(author) === 'revoked') return false
    const before = statements.get(genome)
    if (!before) {
      const ofAuthor = [...statements.values()].filter((each) => keys.isSameNode(each.author, author)).length
      if (ofAuthor >= MAX_OF_AUTHOR || !makeRoom()) return false
      statements.set(genome, { body, author, contradicted: false })
      options.onChange(genome)
      return true
    }
    // Whoever speaks first of a genome need not have made it: the gate compares with its manifest. The first one stays.
    if (!keys.isSameNode(before.author, author) || equalBytes(before.body.claim, body.claim)) return false
    const { at: _, ...earlier } = readObject(DP_CLAIM, before.body.claim)
    const { at: __, ...now } = claim
    if (before.contradicted || JSON.stringify(plain(earlier)) === JSON.stringify(plain(now))) return false
    before.contradicted = true
    options.onChange(genome)
    return true
  }

  return {
    async noteTrained(genomeId, dataHash) {
      await records.put(STORE, genomeId, await nameText(dataHash))
    },

    async state({ id, manifest }) {
      const { privacy } = manifest
      const dataHash = await records.get(STORE, id)
      // Without the text's name there is nothing that a budget could be kept by; the manifest still claims its ε.
      if (!privacy || !(dataHash instanceof Uint8Array)) return
      const claim = encodeObject(DP_CLAIM, {
        genome: bytesOf(id),
        author: manifest.author,
        dataHash,
        mechanism: 'poisson-gaussian',
        noiseMultiplier: privacy.noiseMultiplier,
        sampleRate: privacy.sampleRate,
        steps: privacy.steps,
        delta: privacy.delta,
        clipNorm: privacy.clipNorm,
        epsilon: privacy.epsilonRdp,
        unit: privacy.unit.slice(0, MAX_UNIT),
        at: surroundings.wallTime(),
      })
      // A genome of a key that this node had before cannot be spoken for by the present one.
      if (!equalBytes(manifest.author, identity.publicKey)) return
      const body = { claim, signature: await signObject(DP_CLAIM, claim, identity) }
      if (!statements.has(id)) await keep(body)
      await voice.tell('GATE_DP_STATEMENT', statements.get(id)?.body ?? body)
    },

    of: (genomeId) => statements.get(genomeId)?.body ?? null,
    isContradicted: (genomeId) => statements.get(genomeId)?.contradicted ?? false,

    async learn(author, body) {
      const claim = await open(body)
      if (!keys.isSameNode(toHex(claim.author), author)) return false
      return keep(body)
    },

    async onStatement(peer, body) {
      const claim = readObject(DP_CLAIM, body.claim)
      if (!keys.isSameNode(toHex(claim.author), peer)) {
        throw new CentramError('BAD_ARGUMENT', 'A node states what it trained itself, not what others did.')
      }
      await keep(body)
    },

    onPeerOpen(peer) {
      const own = [...statements.values()].filter(({ author }) => keys.isSameNode(author, swarm.id))
      for (const { body } of own.slice(0, MAX_TOLD)) voice.trySend(peer, 'GATE_DP_STATEMENT', body)
    },
  }
}

const plain = (claim: object) =>
  Object.entries(claim).map(([name, value]: [string, unknown]) => [
    name,
    value instanceof Uint8Array ? toHex(value) : value,
  ])
