// Merges that one node asks another to carry out: both have the parents, so the one who asked computes the same and compares.

import type { Clock, Timer } from '#core/clock.ts'
import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import type { SignedGenome } from '#core/genome/signed-genome.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { PeerRefusal } from '../net/session.ts'
import type { Swarm } from '../net/swarm.ts'
import type { GenomeExchange } from './genome-exchange.ts'
import type { GenomeLibrary } from './genome-library.ts'
import type { GenomeMerges } from './genome-merge.ts'
import { NO_LICENCE } from './genome-labels.ts'
import { bytesOf, summaryOf } from './genome-summary.ts'
import type { MergeRequest, ProposedMerge } from './lab-api.ts'

type Recipe = BodyOf<'GENOME_MERGE_PROPOSE'>['recipe']
type Result = BodyOf<'GENOME_MERGE_RESULT'>

export interface GenomeProposals {
  /** Asks `peer` for a merge, and computes it here too. Throws what the peer answers, `TIMEOUT`, `PEER_LEFT`. */
  propose(peer: string, request: MergeRequest): Promise<ProposedMerge>
  onPropose(peer: string, body: BodyOf<'GENOME_MERGE_PROPOSE'>): Promise<void>
  onResult(peer: string, body: Result): void
  onRefused(peer: string, refusal: PeerRefusal): void
  onPeerLost(peer: string): void
}

export interface GenomeProposalsOptions {
  readonly swarm: Pick<Swarm, 'send'>
  readonly clock: Clock
  readonly random: (length: number) => Uint8Array
  readonly genomes: Pick<GenomeLibrary, 'find'>
  readonly merges: GenomeMerges
  readonly exchange: Pick<GenomeExchange, 'share' | 'contentOf'>
  /** A manifest that was verified here, of whoever's lineage. */
  readonly findAncestor: (genomeId: string) => SignedGenome | undefined
  /** Whether the person at this node lets others ask. */
  readonly isWilling: () => boolean
  readonly nameOf: (peer: string) => string
  readonly sales: MergeSales
}

/** A merge as it is accounted for: by its proposal, with the genome that came of it. */
export interface SoldMerge {
  readonly proposal: Uint8Array
  readonly recipe: Recipe
  readonly genome: Uint8Array
}

export interface MergeSales {
  /** Throws `PAYMENT_REFUSED` for a peer that could not pay for one. */
  requirePayable(peer: string): void
  /** Carried out for a peer, which is to sign for it. */
  sold(peer: string, merge: SoldMerge): Promise<void>
  /** Carried out by a peer, and found right: its receipt will be signed. */
  bought(peer: string, merge: SoldMerge): void
}

/** A merge of a large adapter takes minutes on a slow machine. */
const WAIT_MS = 900_000

interface Waiting {
  readonly proposal: Uint8Array
  readonly timer: Timer
  resolve(result: Result): void
  reject(error: unknown): void
}

export function createGenomeProposals(options: GenomeProposalsOptions): GenomeProposals {
  const { swarm, clock, genomes, merges, exchange } = options
  /** One a peer: its refusals do not say which proposal they are about. */
  const waiting = new Map<string, Waiting>()

  function recipeOf({ operator, parents, base, parameters, rank, seed }: MergeRequest): Recipe {
    const first = genomes.find(base ?? parents[0] ?? '').manifest
    return {
      base: bytesOf(first.base.hash),
      operator,
      origin: base === undefined ? null : bytesOf(base),
      parents: parents.map(bytesOf),
      parameters: Object.entries(parameters).map(([name, value]) => ({
        name,
        value: typeof value === 'object' ? [...value] : value,
      })),
      seed,
      rank: rank ?? 0,
    }
  }

  /** Throws `BAD_ARGUMENT` for a genome that is not here, `MODEL_MISMATCH` for one of another model. */
  function requestOf(recipe: Recipe): MergeRequest {
    const ids = [...(recipe.origin ? [recipe.origin] : []), ...recipe.parents].map(toHex)
    const manifests = ids.map((id) => genomes.find(id).manifest)
    if (manifests.some(({ base }) => base.hash !== toHex(recipe.base))) {
      throw new CentramError('MODEL_MISMATCH', 'The merge was refused: its genomes are of another model than it says.')
    }
    const licences = new Set(manifests.map(({ licence }) => licence))
    const [licence] = licences
    return {
      name: manifests
        .map(({ name }) => name)
        .join(' + ')
        .slice(0, 120),
      operator: recipe.operator,
      parents: recipe.parents.map(toHex),
      ...(recipe.origin && { base: toHex(recipe.origin) }),
      parameters: Object.fromEntries(recipe.parameters.map(({ name, value }) => [name, value])),
      ...(recipe.rank > 0 && { rank: recipe.rank }),
      seed: recipe.seed,
      uncapped: true,
      // Terms that differ cannot be joined by a program.
      licence: licences.size === 1 && licence !== undefined ? licence : NO_LICENCE,
    }
  }

  function settle(peer: string): Waiting | undefined {
    const entry = waiting.get(peer)
    if (entry) clock.clearTimeout(entry.timer)
    waiting.delete(peer)
    return entry
  }

  function ask(peer: string, recipe: Recipe): Promise<Result> {
    if (waiting.has(peer)) {
      throw new CentramError('BAD_ARGUMENT', 'That node is at work on another merge for this one. Wait for it to end.')
    }
    return new Promise((resolve, reject) => {
      const proposal = options.random(16)
      const timer = clock.setTimeout(() => {
        settle(peer)?.reject(
          new CentramError('TIMEOUT', 'The node has not finished the merge in a quarter of an hour.'),
        )
      }, WAIT_MS)
      waiting.set(peer, { proposal, timer, resolve, reject })
      try {
        swarm.send(peer, 'GENOME_MERGE_PROPOSE', { proposal, recipe })
      } catch (error) {
        settle(peer)?.reject(error)
      }
    })
  }

  return {
    async propose(peer, asked) {
      // Nothing is kept here of what the two compute: how much a genome may weigh is asked when the result is used.
      const request = { ...asked, uncapped: true }
      await merges.preview(request)
      const recipe = recipeOf(request)
      const result = await ask(peer, recipe)
      const own = await merges.recompute(request)
      const isSame = toHex(result.merge) === own.mergeId && toHex(result.tensors) === own.tensors
      const { genome } = result.genome
      // What came out otherwise is not signed for, and so not paid.
      if (isSame && result.proposal) options.sales.bought(peer, { proposal: result.proposal, recipe, genome })
      return { genomeId: toHex(genome), mergeId: toHex(result.merge), isSame }
    },

    async onPropose(peer, { proposal, recipe }) {
      if (!options.isWilling()) {
        throw new CentramError(
          'NOT_OFFERED',
          'The person at this node carries out no merges for others. Merge it yourself.',
        )
      }
      options.sales.requirePayable(peer)
      const request = requestOf(recipe)
      const { mergeId } = await merges.preview(request)
      const id = await merges.merge(request, options.nameOf(peer))
      await exchange.share(id, true)
      const genome = genomes.find(id)
      const { content, at } = exchange.contentOf(id)
      swarm.send(peer, 'GENOME_MERGE_RESULT', {
        proposal,
        recipe,
        merge: bytesOf(mergeId),
        tensors: bytesOf(genome.manifest.tensors.hash),
        genome: summaryOf(genome, bytesOf(content), at, options.findAncestor),
      })
      await options.sales.sold(peer, { proposal, recipe, genome: bytesOf(id) })
    },

    onResult(peer, body) {
      const entry = waiting.get(peer)
      if (!entry || body.proposal === null || !equalBytes(entry.proposal, body.proposal)) {
        throw new CentramError('BAD_ARGUMENT', 'Nobody here waits for this merge.')
      }
      settle(peer)?.resolve(body)
    },

    onRefused(peer, { about, message }) {
      if (about !== 'GENOME_MERGE_PROPOSE') return
      settle(peer)?.reject(new CentramError('PEER_REFUSED', `The node did not carry out the merge. ${message}`))
    },

    onPeerLost(peer) {
      settle(peer)?.reject(new CentramError('PEER_LEFT', 'The node left before the merge was done.'))
    },
  }
}
