// Where genomes come from: the signed manifests of ancestors, asked for page by page and each proven by the child that names
// its hash. Kept beside the genomes, so that what came with a genome can be shown to the next who asks.

import { toHex } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import { openGenome, type SignedGenome } from '#core/genome/signed-genome.ts'
import { createTokenBucket, type TokenBucket } from '#core/protocol/rates.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { GenomeLibrary } from './genome-library.ts'
import { bytesOf } from './genome-summary.ts'
import type { RoomVoice } from './room-voice.ts'
import type { Surroundings } from './surroundings.ts'

export interface LineageExchange {
  /** Reads what was kept from earlier visits; what no genome here descends from is dropped. */
  start(): Promise<void>
  /** A manifest that this node has verified. */
  find(genomeId: string): SignedGenome | undefined
  /** Asks `peers`, one after another, for what is missing of a genome's ancestors. Resolves when none is, or none knows more. */
  complete(genome: SignedGenome, peers: readonly string[]): Promise<void>
  onRequest(peer: string, body: BodyOf<'GATE_LINEAGE_REQUEST'>): void
  onLineage(peer: string, body: BodyOf<'GATE_LINEAGE'>): Promise<void>
  onPeerLost(peer: string): void
}

export interface LineageExchangeOptions {
  readonly surroundings: Pick<Surroundings, 'records' | 'verifier' | 'clock'>
  readonly genomes: Pick<GenomeLibrary, 'all'>
  readonly voice: RoomVoice
}

const STORE = 'lineage'
const MAX_DEPTH = 64
/** Ancestors of one page, and their bytes: below the cap of the body. */
const PAGE = { manifests: 64, bytes: 240 * 1024 }
/** Pages of one genome that one node is asked for. */
const MAX_PAGES = 16
/** Ancestors kept of one genome, and of all. */
const MAX_OF_GENOME = 512
const MAX_KEPT = 4096
const WAIT_MS = 10_000
/** Pages that one node is given: each may have a quarter of a MiB. */
const PAGE_RATE = { perSecond: 0.5, burst: 32 }

interface Asked {
  readonly peer: string
  readonly genome: SignedGenome
  /** With the ancestor to go on from, if there is more; null ends the asking of that node. */
  end(next: string | null): void
}

export function createLineageExchange({ surroundings, genomes, voice }: LineageExchangeOptions): LineageExchange {
  const { records, verifier, clock } = surroundings
  const ancestors = new Map<string, SignedGenome>()
  const asked = new Map<number, Asked>()
  const buckets = new Map<string, TokenBucket>()
  let lastQuery = 0

  const find = (genomeId: string): SignedGenome | undefined =>
    genomes.all().find(({ id }) => id === genomeId) ?? ancestors.get(genomeId)

  /** Known ancestors, children first, and the ids of those that are missing. */
  function walk(genome: SignedGenome, depth = MAX_DEPTH) {
    const known: SignedGenome[] = []
    const missing = new Set<string>()
    const seen = new Set([genome.id])
    let generation = [genome]
    for (let level = 0; level < depth && generation.length > 0; level++) {
      const next: SignedGenome[] = []
      for (const parent of generation.flatMap(({ manifest }) => manifest.parents)) {
        if (seen.has(parent)) continue
        seen.add(parent)
        const found = find(parent)
        if (found) next.push(found)
        else missing.add(parent)
      }
      known.push(...next)
      generation = next
    }
    return { known, missing }
  }

  async function keep(genome: SignedGenome): Promise<void> {
    if (find(genome.id)) return
    if (ancestors.size >= MAX_KEPT) throw new CentramError('NO_CAPACITY', 'This node can remember no more ancestors.')
    await records.put(STORE, genome.id, genome.bytes)
    ancestors.set(genome.id, genome)
  }

  /** Fetches one page; resolves with the ancestor that the next one begins after, null where there is none. */
  function ask(peer: string, genome: SignedGenome, after: string | null): Promise<string | null> {
    return new Promise((resolve) => {
      const query = ++lastQuery
      const timer = clock.setTimeout(() => asked.get(query)?.end(null), WAIT_MS)
      asked.set(query, {
        peer,
        genome,
        end(next) {
          clock.clearTimeout(timer)
          asked.delete(query)
          resolve(next)
        },
      })
      voice.trySend(peer, 'GATE_LINEAGE_REQUEST', {
        query,
        genome: bytesOf(genome.id),
        after: after === null ? null : bytesOf(after),
        depth: MAX_DEPTH,
      })
    })
  }

  /** Verifies and keeps a page; returns the last ancestor of it. Throws what `openGenome` throws, `BAD_ARGUMENT`, `NO_CAPACITY`. */
  async function take(genome: SignedGenome, page: readonly Uint8Array[]): Promise<string | null> {
    let last: string | null = null
    for (const bytes of page) {
      const ancestor = await openGenome(bytes, verifier)
      const { known, missing } = walk(genome)
      if (!missing.has(ancestor.id) && !known.some(({ id }) => id === ancestor.id)) {
        throw new CentramError(
          'BAD_ARGUMENT',
          'A lineage was refused: one of its manifests is named as a parent by none of the others.',
        )
      }
      if (known.length >= MAX_OF_GENOME)
        throw new CentramError('NO_CAPACITY', 'A lineage was refused: it is too large.')
      await keep(ancestor)
      last = ancestor.id
    }
    return last
  }

  return {
    async start() {
      for (const id of await records.keys(STORE)) {
        const bytes = await records.get(STORE, id)
        const genome =
          bytes instanceof Uint8Array ? await openGenome(bytes, verifier).catch(() => undefined) : undefined
        if (genome?.id === id) ancestors.set(id, genome)
        else await records.delete(STORE, id)
      }
      const wanted = new Set(genomes.all().flatMap((genome) => walk(genome).known.map(({ id }) => id)))
      for (const id of [...ancestors.keys()].filter((each) => !wanted.has(each))) {
        ancestors.delete(id)
        await records.delete(STORE, id)
      }
    },

    find,

    async complete(genome, peers) {
      for (const peer of peers) {
        let after: string | null = null
        for (let page = 0; page < MAX_PAGES && walk(genome).missing.size > 0; page++) {
          after = await ask(peer, genome, after)
          if (after === null) break
        }
        if (walk(genome).missing.size === 0) return
      }
    },

    onRequest(peer, { query, genome: wanted, after, depth }) {
      const bucket = buckets.get(peer) ?? createTokenBucket(PAGE_RATE, clock.now())
      buckets.set(peer, bucket)
      if (!bucket.take(clock.now())) {
        throw new CentramError('RATE_LIMITED', 'This node was asked for lineages too often. Ask again in a while.')
      }
      const genome = find(toHex(wanted))
      const all = genome ? walk(genome, depth).known : []
      const from = after === null ? 0 : all.findIndex(({ id }) => id === toHex(after)) + 1
      if (after !== null && from === 0) {
        throw new CentramError('BAD_ARGUMENT', 'This node knows no such ancestor of that genome to go on from.')
      }
      const page: Uint8Array[] = []
      let bytes = 0
      for (const { bytes: manifest } of all.slice(from, from + PAGE.manifests)) {
        if (bytes + manifest.length > PAGE.bytes) break
        bytes += manifest.length
        page.push(manifest)
      }
      const more = from + page.length < all.length
      voice.trySend(peer, 'GATE_LINEAGE', { query, genome: wanted, ancestors: page, more })
    },

    async onLineage(peer, body) {
      const entry = asked.get(body.query)
      if (entry?.peer !== peer || entry.genome.id !== toHex(body.genome)) {
        throw new CentramError('BAD_ARGUMENT', 'This lineage answers no question of this node.')
      }
      try {
        const last = await take(entry.genome, body.ancestors)
        entry.end(body.more ? last : null)
      } catch (error) {
        entry.end(null)
        throw error
      }
    },

    onPeerLost(peer) {
      buckets.delete(peer)
      for (const entry of asked.values()) if (entry.peer === peer) entry.end(null)
    },
  }
}
