// The id of a merge: a hash of all that its result depends on, so that whoever has the parents can tell the same merge.

import { encodeCanonical } from '#core/crypto/canonical.ts'
import { toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import type { AdapterSet } from '#core/merge/adapter-set.ts'
import type { MergePlan } from '#core/merge/merge-plan.ts'
import { hashTensors, type Hasher, type TensorSet } from '#core/merge/tensor-set.ts'

/** Raised when an operator gives other results than before. */
const MERGE_VERSION = 1

/** SHA-256 over the tensors of a model: names, types, shapes, bytes. */
export async function hashTensorSet(set: TensorSet, hasher: Hasher, signal?: AbortSignal): Promise<string> {
  await hashTensors(set, hasher, signal)
  return toHex(hasher.digest())
}

/** As that of a model, and what B·A is multiplied by in each module. */
export async function hashAdapterSet(adapter: AdapterSet, hasher: Hasher, signal?: AbortSignal): Promise<string> {
  for (const name of [...adapter.modules.keys()].sort()) {
    hasher.update(encodeCanonical(['lora', name, adapter.modules.get(name)!.scale]))
  }
  await hashTensors(adapter.set, hasher, signal)
  return toHex(hasher.digest())
}

/**
 * SHA-256 over the deterministic CBOR of operator, parameters with their defaults, rank, seed (where it is drawn from) and
 * the hashes of base and parents, in order.
 */
export function mergeId(plan: MergePlan, seed: number, base: string | null, parents: readonly string[]): string {
  const { kind, operator, values, random, rank } = plan
  const { shared, parent } = values
  const recipe = {
    format: 'centram-merge',
    version: MERGE_VERSION,
    kind,
    operator: operator.name,
    shared,
    parent,
    rank,
    seed: random ? seed : null,
    base,
    parents,
  }
  return toHex(sha256(encodeCanonical(recipe)))
}
