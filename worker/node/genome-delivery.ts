// A genome as it was fetched from the room, and how it is opened: checked against what was announced and signed.

import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import type { Verifier } from '#core/crypto/identity.ts'
import { CentramError } from '#core/errors.ts'
import type { Announcement, Arrival } from '#core/gate/layer.ts'
import { decodeAdapterTensors } from '#core/genome/peft-adapter.ts'
import { checkTensors, openGenome, type SignedGenome } from '#core/genome/signed-genome.ts'
import { loraOf } from './genome-library.ts'
import type { ModelLibrary } from './model-library.ts'

/** What was fetched, as it came. */
export type Delivery = Pick<Arrival, 'sender' | 'manifest' | 'tensors'> & {
  readonly announcement: Announcement
  readonly content: NonNullable<Arrival['content']>
}

/**
 * The genome of what was fetched. Throws `FORMAT_INVALID`, `SIGNATURE_INVALID`, `SOURCE_CORRUPT`, and where its model is known
 * here `MODEL_MISMATCH` for what does not fit it.
 */
export async function openDelivery(
  { announcement: { summary }, manifest, tensors }: Pick<Delivery, 'announcement' | 'manifest' | 'tensors'>,
  verifier: Verifier,
  models: Pick<ModelLibrary, 'findBase' | 'open'>,
): Promise<SignedGenome> {
  if (!manifest || tensors.length === 0) {
    throw new CentramError('FORMAT_INVALID', `"${summary.name}" was refused: its files are not those of a genome.`)
  }
  const genome = await openGenome(manifest, verifier)
  checkTensors(genome.manifest, tensors)
  if (genome.id !== toHex(summary.genome) || !equalBytes(genome.manifest.author, summary.author)) {
    throw new CentramError('SOURCE_CORRUPT', `"${summary.name}" was refused: its files are another genome's.`)
  }
  const modelId = await models.findBase(genome.manifest.base)
  if (modelId !== undefined) {
    const { config } = await models.open(modelId)
    await decodeAdapterTensors(config, loraOf(genome.manifest), tensors)
  }
  return genome
}
