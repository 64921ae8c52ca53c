// “This genome comes from that one and does not say so”: claims that this node's gate found reason for, signed and told, and
// those of others, measured again wherever both genomes are here.

import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import type { AdapterUpdates } from '#core/gate/layer.ts'
import { LINEAGE_CLAIM } from '#core/protocol/messages/gate.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { encodeObject, readObject, signObject, verifyObject, type ObjectOf } from '#core/protocol/signed-object.ts'
import { bytesOf } from './genome-summary.ts'
import type { KeyBook } from './key-book.ts'
import type { RoomVoice } from './room-voice.ts'
import type { Surroundings } from './surroundings.ts'

type Body = BodyOf<'GATE_LINEAGE_DISPUTE'>

export interface KnownDispute {
  readonly claim: ObjectOf<typeof LINEAGE_CLAIM>
  /** Whether this node measured the same; null where it does not have both genomes. */
  readonly confirmed: boolean | null
}

export interface LineageDisputes {
  /** This node's gate found a copy: signs that, and tells the room and the genome's author. */
  claim(genomeId: string, parentId: string, author: string): Promise<void>
  of(genomeId: string): readonly KnownDispute[]
  /** Of news: true where it may be passed on. Throws `SIGNATURE_INVALID`. */
  learn(claimant: string, body: Body): Promise<boolean>
  onDispute(peer: string, body: Body): Promise<void>
  forget(genomeId: string): void
}

export interface LineageDisputesOptions {
  readonly surroundings: Pick<Surroundings, 'identity' | 'verifier' | 'wallTime'>
  readonly voice: RoomVoice
  readonly keys: Pick<KeyBook, 'isSameNode' | 'status'>
  /** Of a genome that is here. */
  readonly updatesOf: (genomeId: string) => Promise<AdapterUpdates | null>
  /** From which cosine on two updates count as one. */
  readonly copyCosine: number
  readonly isOfInterest: (genomeId: string) => boolean
  readonly onChange: () => void
}

const MAX_OF_GENOME = 16
const MAX_GENOMES = 256
/** Rounding, over the many products that a cosine is summed from. */
const TOLERANCE = 1e-3

export function createLineageDisputes(options: LineageDisputesOptions): LineageDisputes {
  const { surroundings, voice, keys, updatesOf } = options
  const { identity, verifier } = surroundings
  const disputes = new Map<string, KnownDispute[]>()

  async function open({ claim, signature }: Body) {
    const content = readObject(LINEAGE_CLAIM, claim)
    if (!(await verifyObject(LINEAGE_CLAIM, claim, content.claimant, signature, verifier))) {
      throw new CentramError('SIGNATURE_INVALID', 'A dispute was refused: the claimant that it names did not sign it.')
    }
    return content
  }

  async function measure(genomeId: string, parentId: string) {
    const [x, y] = [await updatesOf(genomeId), await updatesOf(parentId)]
    if (!x || !y) return null
    const { compareAdapter, isNearCopy } = await import('#core/gate/near-copy.ts')
    const found = compareAdapter(x, []).with(y, options.copyCosine)
    return { ...found, isCopy: isNearCopy(found, options.copyCosine) }
  }

  async function confirm(claim: KnownDispute['claim']): Promise<boolean | null> {
    const found = await measure(toHex(claim.genome), toHex(claim.parent))
    if (!found) return null
    return found.isCopy && Math.abs(found.cosine - claim.cosine) <= TOLERANCE
  }

  async function keep(claim: KnownDispute['claim']): Promise<boolean> {
    const genome = toHex(claim.genome)
    if (keys.status(toHex(claim.claimant)) === 'revoked' || equalBytes(claim.genome, claim.parent)) return false
    if (!options.isOfInterest(genome)) return true
    const known = disputes.get(genome) ?? []
    const isKnown = known.some(
      (each) => equalBytes(each.claim.parent, claim.parent) && equalBytes(each.claim.claimant, claim.claimant),
    )
    if (isKnown || known.length >= MAX_OF_GENOME) return false
    if (!disputes.has(genome) && disputes.size >= MAX_GENOMES) disputes.delete(disputes.keys().next().value as string)
    const entry = { claim, confirmed: await confirm(claim) }
    disputes.set(genome, [...(disputes.get(genome) ?? []), entry])
    options.onChange()
    return true
  }

  return {
    async claim(genomeId, parentId, author) {
      const found = await measure(genomeId, parentId)
      // What is a copy only beside the parents that it names, others could not measure again.
      if (!found?.isCopy) return
      const claim = encodeObject(LINEAGE_CLAIM, {
        genome: bytesOf(genomeId),
        parent: bytesOf(parentId),
        claimant: identity.publicKey,
        cosine: found.cosine,
        worstCosine: found.worst,
        at: surroundings.wallTime(),
      })
      const body = { claim, signature: await signObject(LINEAGE_CLAIM, claim, identity) }
      if (!(await keep(readObject(LINEAGE_CLAIM, claim)))) return
      // Its author hears of it first, and by itself.
      if (voice.linked().includes(author)) voice.trySend(author, 'GATE_LINEAGE_DISPUTE', body)
      await voice.tell('GATE_LINEAGE_DISPUTE', body)
    },

    of: (genomeId) => disputes.get(genomeId) ?? [],

    async learn(claimant, body) {
      const claim = await open(body)
      return keys.isSameNode(toHex(claim.claimant), claimant) && keep(claim)
    },

    async onDispute(peer, body) {
      const claim = await open(body)
      if (!keys.isSameNode(toHex(claim.claimant), peer)) {
        throw new CentramError('BAD_ARGUMENT', 'A dispute is told by who claims it.')
      }
      await keep(claim)
    },

    forget(genomeId) {
      disputes.delete(genomeId)
    },
  }
}
