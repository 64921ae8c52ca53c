// Verdicts of gates on genomes: this node's own, signed and told to the room, and those of others, kept as evidence. What
// others say is shown and never obeyed.

import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { CentramError } from '#core/errors.ts'
import type { Judgement } from '#core/gate/gate.ts'
import { GATE_VERSION } from '#core/gate/layer.ts'
import { GATE_VERDICT } from '#core/protocol/messages/gate.ts'
import { createTokenBucket, type TokenBucket } from '#core/protocol/rates.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { encodeObject, readObject, signObject, verifyObject, type ObjectOf } from '#core/protocol/signed-object.ts'
import type { Swarm } from '../net/swarm.ts'
import { bytesOf } from './genome-summary.ts'
import type { KeyBook } from './key-book.ts'
import type { RoomVoice } from './room-voice.ts'
import type { Surroundings } from './surroundings.ts'

export interface SignedVerdict {
  readonly verdict: Uint8Array
  readonly signature: Uint8Array
}

export interface KnownVerdict extends SignedVerdict {
  /** Hex SHA-256 of the verdict's encoding. */
  readonly id: string
  /** Hex. */
  readonly genome: string
  readonly judge: string
  readonly content: ObjectOf<typeof GATE_VERDICT>
}

export interface GateVerdicts {
  /** Signs what this node's gate said, keeps it, and tells the room; what it said before stands where it says the same. */
  publish(genomeId: string, judgement: Judgement): Promise<SignedVerdict>
  /** One of this node's own, from an earlier visit. */
  restore(signed: SignedVerdict): Promise<void>
  /** The latest of each judge, the latest first. */
  of(genomeId: string): readonly KnownVerdict[]
  find(verdictId: string): KnownVerdict | undefined
  /** Takes a verdict that a challenge led to. Throws `SIGNATURE_INVALID`, `BAD_ARGUMENT`. */
  replace(signed: SignedVerdict, judge: string, genomeId: string): Promise<void>
  /** Asks every linked node for what is known of a genome. */
  ask(genomeId: string): void
  /** Of news: true where it may be passed on. Throws `SIGNATURE_INVALID`. */
  learn(author: string, signed: SignedVerdict): Promise<boolean>
  onVerdict(peer: string, body: BodyOf<'GATE_VERDICT'>): Promise<void>
  onQuery(peer: string, body: BodyOf<'GATE_VERDICT_QUERY'>): void
  onPeerLost(peer: string): void
  forget(genomeId: string): void
}

export interface GateVerdictsOptions {
  readonly surroundings: Pick<Surroundings, 'identity' | 'verifier' | 'clock' | 'wallTime'>
  readonly swarm: Pick<Swarm, 'id' | 'send' | 'peers'>
  readonly voice: RoomVoice
  readonly keys: Pick<KeyBook, 'isSameNode' | 'status'>
  /** Whether anybody here cares for the genome: verdicts on others are passed on and not kept. */
  readonly isOfInterest: (genomeId: string) => boolean
  /** A verdict of another node came to be known. */
  readonly onLearned: (known: KnownVerdict) => void
  readonly onChange: () => void
}

/** Judges of one genome whose verdicts are kept. */
const MAX_JUDGES = 32
const MAX_GENOMES = 512
/** Verdicts that answer one query. */
const MAX_ANSWERS = 16
const QUERY_MS = 30_000
const MAX_QUERIES = 256
/** How far a judge's clock may be ahead. */
const SKEW_MS = 600_000
/** Queries of one node that are answered: each may cost this node `MAX_ANSWERS` verdicts. */
const QUERY_RATE = { perSecond: 1, burst: 32 }

interface Query {
  readonly genome: string
  readonly judge: string | null
  readonly until: number
  left: number
}

export function createGateVerdicts(options: GateVerdictsOptions): GateVerdicts {
  const { surroundings, swarm, voice, keys } = options
  const { identity, verifier, clock } = surroundings
  /** By genome, then by judge. */
  const verdicts = new Map<string, Map<string, KnownVerdict>>()
  /** By peer and number. */
  const queries = new Map<string, Query>()
  const buckets = new Map<string, TokenBucket>()
  let lastQuery = 0

  async function open({ verdict, signature }: SignedVerdict): Promise<KnownVerdict> {
    const content = readObject(GATE_VERDICT, verdict)
    if (!(await verifyObject(GATE_VERDICT, verdict, content.judge, signature, verifier))) {
      throw new CentramError('SIGNATURE_INVALID', 'A verdict was refused: the judge that it names did not sign it.')
    }
    const [genome, judge] = [toHex(content.genome), toHex(content.judge)]
    return { verdict, signature, id: toHex(sha256(verdict)), genome, judge, content }
  }

  /** True for one that is newer than what was known of its judge. */
  function keep(known: KnownVerdict): boolean {
    const { genome, judge, content } = known
    if (keys.status(judge) === 'revoked' || content.at > surroundings.wallTime() + SKEW_MS) return false
    const ofGenome = verdicts.get(genome) ?? new Map<string, KnownVerdict>()
    const before = [...ofGenome.values()].find((other) => keys.isSameNode(other.judge, judge))
    if (before && before.content.at >= content.at) return false
    if (before) ofGenome.delete(before.judge)
    else if (ofGenome.size >= MAX_JUDGES && !makeRoom(ofGenome, judge)) return false
    ofGenome.set(judge, known)
    verdicts.delete(genome)
    verdicts.set(genome, ofGenome)
    if (verdicts.size > MAX_GENOMES) dropOldest(genome)
    if (judge !== swarm.id) options.onLearned(known)
    options.onChange()
    return true
  }

  /** Keys cost nothing: those who are in the room, and this node, keep their places before strangers. */
  function makeRoom(ofGenome: Map<string, KnownVerdict>, newcomer: string): boolean {
    const linked = new Set([swarm.id, ...swarm.peers().map(({ id }) => id)])
    const [stranger] = [...ofGenome.keys()].filter((judge) => !linked.has(judge))
    if (stranger === undefined || !linked.has(newcomer)) return false
    return ofGenome.delete(stranger)
  }

  function dropOldest(except: string): void {
    const dull = [...verdicts.keys()].find((genome) => genome !== except && !options.isOfInterest(genome))
    verdicts.delete(dull ?? (verdicts.keys().next().value as string))
  }

  const all = () => [...verdicts.values()].flatMap((ofGenome) => [...ofGenome.values()])
  const of = (genomeId: string) =>
    [...(verdicts.get(genomeId)?.values() ?? [])].sort((a, b) => b.content.at - a.content.at)

  function send(peer: string, body: BodyOf<'GATE_VERDICT'>): void {
    voice.trySend(peer, 'GATE_VERDICT', body)
  }

  return {
    async publish(genomeId, { outcome, layers }) {
      const said = {
        genome: bytesOf(genomeId),
        judge: identity.publicKey,
        version: GATE_VERSION,
        accepted: outcome !== 'refused',
        codes: layers.map(({ finding }) => ({ outcome: finding.outcome, code: finding.code })),
      }
      const before = verdicts.get(genomeId)?.get(swarm.id)
      // To say the same once more is no news.
      if (before && isSame(before.content, { ...said, at: before.content.at })) return before
      const verdict = encodeObject(GATE_VERDICT, { ...said, at: surroundings.wallTime() })
      const signed = { verdict, signature: await signObject(GATE_VERDICT, verdict, identity) }
      keep(await open(signed))
      await voice.tell('GATE_VERDICT', { query: null, ...signed })
      return signed
    },

    async restore(signed) {
      const known = await open(signed)
      if (keys.isSameNode(known.judge, swarm.id)) keep(known)
    },

    of,
    find: (verdictId) => all().find(({ id }) => id === verdictId),

    async replace(signed, judge, genomeId) {
      const known = await open(signed)
      if (!keys.isSameNode(known.judge, judge) || known.genome !== genomeId) {
        throw new CentramError('BAD_ARGUMENT', 'A verdict was refused: it is of another judge or on another genome.')
      }
      keep(known)
    },

    ask(genomeId) {
      const now = clock.now()
      for (const [key, { until }] of queries) if (until < now) queries.delete(key)
      for (const { id, link } of swarm.peers()) {
        if (link !== 'open' || queries.size >= MAX_QUERIES) continue
        const query = ++lastQuery
        queries.set(`${id}/${query}`, { genome: genomeId, judge: null, until: now + QUERY_MS, left: MAX_ANSWERS })
        voice.trySend(id, 'GATE_VERDICT_QUERY', { query, genome: bytesOf(genomeId), judge: null })
      }
    },

    async learn(author, signed) {
      const known = await open(signed)
      if (!keys.isSameNode(known.judge, author)) return false
      if (options.isOfInterest(known.genome)) keep(known)
      return true
    },

    async onVerdict(peer, { query, verdict, signature }) {
      const known = await open({ verdict, signature })
      if (query === null) {
        if (!keys.isSameNode(known.judge, peer)) {
          throw new CentramError('BAD_ARGUMENT', 'A verdict is told by its judge; others show it when they are asked.')
        }
      } else {
        const asked = queries.get(`${peer}/${query}`)
        const fits =
          asked?.genome === known.genome && asked.left > 0 && (asked.judge === null || asked.judge === known.judge)
        if (!asked || !fits || asked.until < clock.now()) {
          throw new CentramError('BAD_ARGUMENT', 'This verdict answers no question of this node.')
        }
        asked.left--
      }
      if (options.isOfInterest(known.genome)) keep(known)
    },

    onQuery(peer, { query, genome, judge }) {
      const bucket = buckets.get(peer) ?? createTokenBucket(QUERY_RATE, clock.now())
      buckets.set(peer, bucket)
      if (!bucket.take(clock.now())) {
        throw new CentramError('RATE_LIMITED', 'This node was asked for verdicts too often. Ask again in a while.')
      }
      const fitting = of(toHex(genome)).filter(({ content }) => judge === null || equalBytes(content.judge, judge))
      for (const { verdict, signature } of fitting.slice(0, MAX_ANSWERS)) send(peer, { query, verdict, signature })
    },

    onPeerLost(peer) {
      buckets.delete(peer)
      for (const key of queries.keys()) if (key.startsWith(`${peer}/`)) queries.delete(key)
    },

    forget(genomeId) {
      verdicts.delete(genomeId)
    },
  }
}

const isSame = (a: KnownVerdict['content'], b: KnownVerdict['content']) =>
  equalBytes(encodeObject(GATE_VERDICT, a), encodeObject(GATE_VERDICT, b))
