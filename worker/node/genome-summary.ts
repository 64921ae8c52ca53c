// What a node says of a genome to others, and what it makes of what others say.

import { fromHex, toHex } from '#core/crypto/bytes.ts'
import type { GenomeManifest } from '#core/genome/manifest.ts'
import type { SignedGenome } from '#core/genome/signed-genome.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { OWN_TEXT } from './genome-labels.ts'
import type { RoomGenome } from './lab-api.ts'

export type GenomeSummary = BodyOf<'GENOME_ANNOUNCE'>['genome']

const MAX_LABEL = 128
const MAX_DOMAIN = 64
const MAX_CLAIMS = 16
const MAX_GENERATION = 64

export const bytesOf = (id: string): Uint8Array => fromHex(id) as Uint8Array

/** @param parents those that are known here, by id. */
export function summaryOf(
  { id, manifest, bytes }: SignedGenome,
  content: Uint8Array,
  at: number,
  parents: (genomeId: string) => SignedGenome | undefined,
): GenomeSummary {
  const { name, base, author, tensors, fitness, licence } = manifest
  const baseLoss = manifest.training?.heldOutLossBefore
  return {
    genome: bytesOf(id),
    name: name.slice(0, MAX_LABEL),
    base: bytesOf(base.hash),
    baseName: base.name.slice(0, MAX_LABEL),
    author,
    content,
    bytes: tensors.bytes + bytes.length,
    generation: generationOf(manifest, parents),
    licence: licence.slice(0, MAX_LABEL),
    claims: Object.entries(fitness)
      .filter(([, loss]) => loss >= 0)
      .slice(0, MAX_CLAIMS)
      .map(([domain, loss]) => ({
        domain: domain.slice(0, MAX_DOMAIN),
        loss,
        baseLoss: domain === OWN_TEXT && baseLoss !== undefined ? baseLoss : null,
      })),
    at,
  }
}

/** 0 for one that was trained or imported, else one more than that of its latest known parent. */
function generationOf(manifest: GenomeManifest, find: (genomeId: string) => SignedGenome | undefined): number {
  let generation = 0
  let level = new Set(manifest.parents)
  // Generation by generation: families are wide, and every ancestor is looked at once in each.
  for (; level.size > 0 && generation < MAX_GENERATION; generation++) {
    level = new Set([...level].flatMap((id) => find(id)?.manifest.parents ?? []))
  }
  return generation
}

export function describeSummary(
  summary: GenomeSummary,
  about: Pick<RoomGenome, 'holders' | 'here' | 'fetching' | 'modelId' | 'authorName' | 'evaluations'>,
): RoomGenome {
  const { genome, name, base, baseName, author, bytes, generation, licence, claims, at } = summary
  return {
    id: toHex(genome),
    name,
    baseHash: toHex(base),
    baseName,
    author: toHex(author),
    bytes,
    generation,
    licence,
    claims,
    announcedAt: at,
    ...about,
  }
}
