// Verdicts that this node can prove wrong: told to their judges, with the genome's manifest for evidence, and what they
// answer; and challenges of this node's own verdicts, which make its gate look again.

import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { CentramError, errorMessage } from '#core/errors.ts'
import { LAYER_NAMES, type LayerName } from '#core/gate/layer.ts'
import { GATE_FAULT } from '#core/protocol/messages/gate.ts'
import { createTokenBucket, type TokenBucket } from '#core/protocol/rates.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { encodeObject, readObject, signObject, verifyObject } from '#core/protocol/signed-object.ts'
import type { Swarm } from '../net/swarm.ts'
import type { GateVerdicts, KnownVerdict, SignedVerdict } from './gate-verdicts.ts'
import { bytesOf } from './genome-summary.ts'
import type { KeyBook } from './key-book.ts'
import type { JudgedFinding } from './quarantine.ts'
import type { RoomVoice } from './room-voice.ts'
import type { Surroundings } from './surroundings.ts'

export interface KnownChallenge {
  /** Hex. */
  readonly challenger: string
  readonly layer: LayerName
  readonly code: string
  reply: BodyOf<'GATE_REPLY'>['outcome'] | null
}

export interface GateChallenges {
  /** Compares another's verdict with what this node found, and disputes what bytes alone prove wrong. */
  compare(known: KnownVerdict, own: readonly JudgedFinding[]): Promise<void>
  /** A person asks the judge to look again, where the two differ. Throws `BAD_ARGUMENT` where they do not. */
  dispute(known: KnownVerdict, own: readonly JudgedFinding[]): Promise<void>
  of(verdictId: string): readonly KnownChallenge[]
  onChallenge(peer: string, body: BodyOf<'GATE_CHALLENGE'>): Promise<void>
  onReply(peer: string, body: BodyOf<'GATE_REPLY'>): Promise<void>
  onPeerLost(peer: string): void
}

export interface GateChallengesOptions {
  readonly surroundings: Pick<Surroundings, 'identity' | 'verifier' | 'clock' | 'wallTime'>
  readonly swarm: Pick<Swarm, 'id'>
  readonly verdicts: Pick<GateVerdicts, 'find' | 'replace'>
  readonly voice: RoomVoice
  readonly keys: Pick<KeyBook, 'isSameNode'>
  /** The signed manifest of a genome that is known here. */
  readonly manifestOf: (genomeId: string) => Uint8Array | undefined
  /** Judges a genome once more; null where its files are not here. */
  readonly judgeAgain: (
    genomeId: string,
  ) => Promise<({ readonly findings: readonly JudgedFinding[] } & SignedVerdict) | null>
  readonly onChange: () => void
}

/**
 * What two gates of one version find alike, whoever runs them: bytes against hashes, and a file against its format. Of other
 * layers a node may simply know more than another, or less.
 */
const PROVABLE: readonly { readonly layer: LayerName; readonly codes: ReadonlySet<string> }[] = [
  { layer: 'integrity', codes: new Set(['CONTENT_MISMATCH', 'TENSORS_MISMATCH']) },
  { layer: 'format', codes: new Set(['FORMAT_INVALID', 'FORMAT_UNSUPPORTED', 'NOT_FINITE']) },
  { layer: 'lineage', codes: new Set(['TOO_MANY_PARENTS']) },
  { layer: 'privacy', codes: new Set(['EPSILON_FALSE', 'CLIP_UNFIT']) },
]
const MAX_EVIDENCE = 16 * 1024
const MAX_OF_VERDICT = 8
const MAX_VERDICTS = 256
/** Challenges of one node that are looked into: each makes this gate judge again. */
const CHALLENGE_RATE = { perSecond: 0.02, burst: 4 }

export function createGateChallenges(options: GateChallengesOptions): GateChallenges {
  const { surroundings, swarm, verdicts, voice, keys } = options
  const { identity, verifier, clock } = surroundings
  /** By verdict. */
  const challenges = new Map<string, KnownChallenge[]>()
  /** Own ones that wait for a reply, by fault. */
  const open = new Map<string, { readonly known: KnownVerdict; readonly entry: KnownChallenge }>()
  const buckets = new Map<string, TokenBucket>()

  function note(verdictId: string, entry: KnownChallenge): boolean {
    const known = challenges.get(verdictId) ?? []
    const isKnown = known.some((each) => each.challenger === entry.challenger && each.layer === entry.layer)
    if (isKnown || known.length >= MAX_OF_VERDICT) return false
    if (!challenges.has(verdictId) && challenges.size >= MAX_VERDICTS) {
      challenges.delete(challenges.keys().next().value as string)
    }
    challenges.set(verdictId, [...known, entry])
    options.onChange()
    return true
  }

  async function challenge(known: KnownVerdict, layer: LayerName, code: string): Promise<void> {
    const entry: KnownChallenge = { challenger: swarm.id, layer, code, reply: null }
    if (!note(known.id, entry)) return
    const manifest = options.manifestOf(known.genome)
    const fault = encodeObject(GATE_FAULT, {
      verdict: bytesOf(known.id),
      genome: bytesOf(known.genome),
      challenger: identity.publicKey,
      layer: LAYER_NAMES.indexOf(layer) + 1,
      code,
      // With the signed manifest the judge needs nothing else to look at layers 2, 6 and 7; the tensors it had.
      evidence: manifest && manifest.length <= MAX_EVIDENCE ? manifest : new Uint8Array(),
      at: surroundings.wallTime(),
    })
    open.set(toHex(sha256(fault)), { known, entry })
    const body = { fault, signature: await signObject(GATE_FAULT, fault, identity) }
    // The judge answers; the others see that it is disputed.
    for (const peer of voice.linked()) voice.trySend(peer, 'GATE_CHALLENGE', body)
  }

  /** A challenge of a verdict of this node's own: the gate looks again, and says what it finds. */
  async function answer(peer: string, fault: Uint8Array, known: KnownVerdict, layer: LayerName): Promise<void> {
    const bucket = buckets.get(peer) ?? createTokenBucket(CHALLENGE_RATE, clock.now())
    buckets.set(peer, bucket)
    if (!bucket.take(clock.now())) {
      throw new CentramError('RATE_LIMITED', 'This node looked into several challenges of late. Challenge it later.')
    }
    const reply = (outcome: BodyOf<'GATE_REPLY'>['outcome'], message: string, verdict: SignedVerdict | null) =>
      voice.trySend(peer, 'GATE_REPLY', {
        fault: sha256(fault),
        outcome,
        message: message.slice(0, 512),
        verdict: verdict && { verdict: verdict.verdict, signature: verdict.signature },
      })
    let again: Awaited<ReturnType<GateChallengesOptions['judgeAgain']>>
    try {
      again = await options.judgeAgain(known.genome)
    } catch (error) {
      return reply('not-reproduced', `The gate could not look again: ${errorMessage(error)}`, null)
    }
    if (!again) return reply('not-reproduced', 'This node does not have the genome any more.', null)
    const index = LAYER_NAMES.indexOf(layer)
    const [before, now] = [known.content.codes[index], again.findings[index]]
    const isSame = before?.outcome === now?.outcome && before?.code === now?.code
    if (isSame) reply('stands', now?.message ?? '', null)
    else reply('replaced', now?.message ?? '', again)
  }

  return {
    async compare(known, own) {
      if (keys.isSameNode(known.judge, swarm.id)) return
      for (const { layer, codes } of PROVABLE) {
        const index = LAYER_NAMES.indexOf(layer)
        const [theirs, ours] = [known.content.codes[index], own[index]]
        if (!theirs || !ours) continue
        const overlooked = theirs.outcome === 'passed' && ours.outcome === 'refused' && codes.has(ours.code)
        const invented = theirs.outcome === 'refused' && ours.outcome === 'passed' && codes.has(theirs.code)
        if (overlooked || invented) await challenge(known, layer, overlooked ? ours.code : theirs.code)
      }
    },

    async dispute(known, own) {
      const layer = differsAt(known, own)
      if (layer === null) throw new CentramError('BAD_ARGUMENT', 'This node’s gate found the same, layer by layer.')
      const index = LAYER_NAMES.indexOf(layer)
      const [theirs, ours] = [known.content.codes[index], own[index]]
      await challenge(known, layer, (ours?.outcome === 'passed' ? theirs?.code : ours?.code) ?? 'INTERNAL')
    },

    of: (verdictId) => challenges.get(verdictId) ?? [],

    async onChallenge(peer, { fault, signature }) {
      const content = readObject(GATE_FAULT, fault)
      if (!keys.isSameNode(toHex(content.challenger), peer)) {
        throw new CentramError('BAD_ARGUMENT', 'A challenge is told by who makes it.')
      }
      if (!(await verifyObject(GATE_FAULT, fault, content.challenger, signature, verifier))) {
        throw new CentramError('SIGNATURE_INVALID', 'A challenge was refused: its challenger did not sign it.')
      }
      const known = verdicts.find(toHex(content.verdict))
      // Others tell everyone they are linked with; whom the verdict does not concern need not know it.
      if (!known) return
      if (!equalBytes(known.content.genome, content.genome)) {
        throw new CentramError('BAD_ARGUMENT', 'A challenge was refused: its verdict is on another genome.')
      }
      const layer = LAYER_NAMES[content.layer - 1] as LayerName
      const isOwn = keys.isSameNode(known.judge, swarm.id)
      if (isOwn) await answer(peer, fault, known, layer)
      note(known.id, { challenger: peer, layer, code: content.code, reply: null })
    },

    async onReply(peer, { fault, outcome, verdict }) {
      const waiting = open.get(toHex(fault))
      if (!waiting || !keys.isSameNode(waiting.known.judge, peer)) {
        throw new CentramError('BAD_ARGUMENT', 'This reply answers no challenge of this node.')
      }
      if (outcome === 'replaced') {
        if (!verdict) throw new CentramError('BAD_ARGUMENT', 'A reply was refused: it names no verdict in its place.')
        await verdicts.replace(verdict, waiting.known.judge, waiting.known.genome)
      }
      open.delete(toHex(fault))
      waiting.entry.reply = outcome
      options.onChange()
    },

    onPeerLost(peer) {
      buckets.delete(peer)
      for (const [fault, { known }] of open) if (known.judge === peer) open.delete(fault)
    },
  }
}

/** The first layer of which both said something, and not the same. */
export function differsAt({ content }: KnownVerdict, own: readonly JudgedFinding[]): LayerName | null {
  return (
    LAYER_NAMES.find((_, i) => {
      const [theirs, ours] = [content.codes[i], own[i]]
      if (!theirs || !ours || theirs.code === 'NOT_REACHED' || ours.code === 'NOT_REACHED') return false
      return theirs.outcome !== ours.outcome
    }) ?? null
  )
}
