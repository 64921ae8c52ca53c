// An arrival with what is in it, opened once: the signed manifest, and ΔW of every linear in its two factors.

import type { Verifier } from '#core/crypto/identity.ts'
import { CentramError } from '#core/errors.ts'
import type { AdapterDescription, AdapterUpdates, Arrival, Candidate } from '#core/gate/layer.ts'
import { readUpdates } from '#core/gate/read-updates.ts'
import { openGenome, type SignedGenome } from '#core/genome/signed-genome.ts'

export function openCandidate(arrival: Arrival, verify: Verifier): Candidate {
  let genome: Promise<SignedGenome | null> | undefined
  let updates: Promise<AdapterUpdates> | undefined
  const openManifest = () =>
    (genome ??= arrival.manifest === null ? Promise.resolve(null) : openGenome(arrival.manifest, verify))

  async function describe(): Promise<AdapterDescription> {
    const opened = await openManifest()
    if (opened) return { family: opened.manifest.base.family, ...opened.manifest.lora }
    if (arrival.unsigned) return arrival.unsigned
    throw new CentramError('FORMAT_INVALID', 'Nothing says of which kind this adapter is.')
  }

  return {
    ...arrival,
    genome: openManifest,
    updates: () => (updates ??= describe().then((description) => readUpdates(description, arrival.tensors))),
  }
}
