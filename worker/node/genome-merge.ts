// Merges stored genomes, module by module, and keeps the result as a genome of its own.

import { createSha256, sha256 } from '#core/crypto/hash.ts'
import { CentramError } from '#core/errors.ts'
import { createMemorySource } from '#core/formats/byte-source.ts'
import { parseJsonObject } from '#core/formats/json-file.ts'
import { layOutSafetensors } from '#core/formats/safetensors-writer.ts'
import { MAX_RANK } from '#core/genome/lora-config.ts'
import type { GenomeManifest } from '#core/genome/manifest.ts'
import { ADAPTER_CONFIG_FILE, writePeftConfig } from '#core/genome/peft-config.ts'
import { readAdapterSet, type AdapterSet } from '#core/merge/adapter-set.ts'
import { planAdapterMerge } from '#core/merge/merge-adapters.ts'
import { hashAdapterSet, mergeId } from '#core/merge/merge-id.ts'
import type { MergePlan } from '#core/merge/merge-plan.ts'
import { findAdapterOperator } from '#core/merge/registry.ts'
import { openTensorSet } from '#core/merge/tensor-set.ts'
import { toHex, utf8 } from '#core/crypto/bytes.ts'
import type { Clock } from '../net/clock.ts'
import { checkLabels } from './check-labels.ts'
import { loraOf, type GenomeLibrary } from './genome-library.ts'
import type { MergePreview, MergeProgress, MergeRequest } from './lab-api.ts'
import type { MergeWatch } from './merge-watch.ts'

export interface GenomeMerges {
  preview(request: MergeRequest): Promise<MergePreview>
  /** Returns the new genome's id. `carriedOutFor` names the node that asked for it. */
  merge(request: MergeRequest, carriedOutFor?: string): Promise<string>
  /** Computes it and keeps nothing: the merge's id and the tensors' hash, as whoever computes it finds them. */
  recompute(request: MergeRequest): Promise<{ readonly mergeId: string; readonly tensors: string }>
}

interface Computed {
  /** The merged tensors' file. */
  readonly tensors: Uint8Array
  /** Of each module that was approximated. */
  readonly residuals: readonly number[]
}

interface Prepared {
  readonly plan: MergePlan
  readonly id: string
  readonly rank: number
  /** Of the first parent. */
  readonly manifest: GenomeManifest
}

/** Where all genomes are this node's own. */
const NOBODY_ELSES: MergeWatch = {
  start: async () => undefined,
  checkWeights: async () => undefined,
  beforeKept: async () => undefined,
  afterKept: async () => undefined,
}

export function createGenomeMerges(
  genomes: GenomeLibrary,
  clock: Clock,
  onProgress: (progress: MergeProgress | null) => void,
  watch: MergeWatch = NOBODY_ELSES,
): GenomeMerges {
  let isBusy = false

  async function open(genomeId: string): Promise<AdapterSet> {
    const { manifest } = genomes.findFree(genomeId)
    const name = `"${manifest.name}"`
    const source = createMemorySource(name, await genomes.readTensors(genomeId))
    const json = writePeftConfig(manifest.base.family, loraOf(manifest), { baseModel: manifest.base.name })
    return readAdapterSet(parseJsonObject(ADAPTER_CONFIG_FILE, utf8(json)), await openTensorSet(name, [source]))
  }

  async function prepare(request: MergeRequest): Promise<Prepared> {
    const { operator: name, parents, base, parameters: given, rank, seed } = request
    checkLabels(request)
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new CentramError('BAD_ARGUMENT', `A seed is a whole number from 0 on, not ${seed}.`)
    }
    const operator = findAdapterOperator(name)
    const ids = base === undefined ? parents : [base, ...parents]
    const [first] = ids.map((id) => genomes.findFree(id).manifest)
    if (!first) throw new CentramError('BAD_ARGUMENT', 'Choose the genomes to merge.')
    for (const id of ids) checkSameBase(first, genomes.findFree(id).manifest)
    const sets = new Map<string, AdapterSet>()
    for (const id of ids) if (!sets.has(id)) sets.set(id, await open(id))
    const setOf = (id: string) => sets.get(id)!
    const make = (wanted: number | undefined) =>
      planAdapterMerge(operator, base === undefined ? null : setOf(base), parents.map(setOf), {
        given,
        seed,
        rank: wanted,
      })
    let plan = make(rank)
    const most = largestRank(plan)
    // Where ranks add up beyond what an adapter can have, the nearest of the largest rank takes the place of the sum.
    if (rank === undefined && (plan.rank ?? 0) > most && name !== 'lora_stack') plan = make(most)
    if ((plan.rank ?? 0) > most) {
      throw new CentramError(
        'BAD_ARGUMENT',
        `The result would have the rank ${plan.rank}, and an adapter of these linears has ${most} at most. Merge fewer, or ` +
          'use lora_svd with a smaller rank.',
      )
    }
    await watch.checkWeights(plan, request)
    const hashes = new Map<string, string>()
    for (const [id, set] of sets) hashes.set(id, await hashAdapterSet(set, createSha256()))
    const hashOf = (id: string) => hashes.get(id) ?? ''
    const id = mergeId(plan, seed, base === undefined ? null : hashOf(base), parents.map(hashOf))
    return { plan, id, rank: plan.rank ?? 0, manifest: first }
  }

  async function compute(plan: MergePlan, { name, operator }: MergeRequest): Promise<Computed> {
    const layout = layOutSafetensors(plan.outputs, { format: 'pt' })
    const places = new Map(layout.entries.map((entry) => [entry.name, entry]))
    const tensors = new Uint8Array(layout.size)
    tensors.set(layout.header)
    const residuals: number[] = []
    const modules = plan.outputs.length / 2
    let done = 0
    const show = () => onProgress({ name, operator, progress: done / modules })
    show()
    await plan.run(
      layout.entries,
      async (tensor, bytes) => {
        checkFinite(tensor, bytes)
        tensors.set(bytes, places.get(tensor)!.offset)
        // Links and answers get their turn between two modules.
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 0))
      },
      ({ residual }) => {
        if (residual !== null) residuals.push(residual)
        done++
        show()
      },
    )
    return { tensors, residuals }
  }

  async function keep(
    prepared: Prepared,
    { tensors, residuals }: Computed,
    request: MergeRequest,
    carriedOutFor: string | null,
  ): Promise<string> {
    const { plan, id, rank, manifest } = prepared
    const { name, operator, parents, base, licence } = request
    const { base: model, lora } = manifest
    return genomes.add(
      {
        name: name.trim(),
        base: model,
        // A scale of 1: weights and scales are in the matrices.
        lora: { targets: lora.targets, rank, alpha: rank, rankStabilised: false, dropout: 0 },
        parents: base === undefined ? [...parents] : [base, ...parents],
        operator,
        parameters: {
          ...boundParameters(plan),
          merge: id,
          ...(base !== undefined && { base }),
          // Relative distance of the updates to those asked for: on average and at worst.
          ...(residuals.length > 0 && {
            residual: [residuals.reduce((sum, value) => sum + value, 0) / residuals.length, Math.max(...residuals)],
          }),
        },
        seed: plan.random ? request.seed : 0,
        fitness: {},
        licence: licence.trim(),
      },
      tensors,
      (genome) => watch.beforeKept(genome, request, carriedOutFor),
    )
  }

  async function alone<Result>(work: () => Promise<Result>): Promise<Result> {
    if (isBusy) {
      throw new CentramError('BAD_ARGUMENT', 'Another merge is in progress. Start this one when it is done.')
    }
    isBusy = true
    try {
      return await work()
    } finally {
      isBusy = false
      onProgress(null)
    }
  }

  return {
    async preview(request) {
      const { plan, id, rank } = await prepare(request)
      const { size } = layOutSafetensors(plan.outputs, { format: 'pt' })
      return { mergeId: id, rank, modules: plan.outputs.length / 2, genomeBytes: size, random: plan.random }
    },

    merge: (request, carriedOutFor) =>
      alone(async () => {
        const prepared = await prepare(request)
        const id = await keep(prepared, await compute(prepared.plan, request), request, carriedOutFor ?? null)
        if (carriedOutFor === undefined) await watch.afterKept(id)
        return id
      }),

    recompute: (request) =>
      alone(async () => {
        const { plan, id } = await prepare(request)
        const { tensors } = await compute(plan, request)
        return { mergeId: id, tensors: toHex(sha256(tensors)) }
      }),
  }
}

function checkSameBase(first: GenomeManifest, other: GenomeManifest): void {
  if (first.base.hash === other.base.hash) return
  const bases =
    first.base.name === other.base.name
      ? `were made for two different files of "${first.base.name}"`
      : `were made for "${first.base.name}" and "${other.base.name}"`
  throw new CentramError('MODEL_MISMATCH', `These cannot be merged: "${first.name}" and "${other.name}" ${bases}.`)
}

/** That the linears allow: A is `[rank, inputs]` and B `[outputs, rank]`, by turns. */
const largestRank = ({ outputs }: MergePlan): number =>
  Math.min(MAX_RANK, ...outputs.map(({ shape: [rows = 0, columns = 0] }, index) => (index % 2 === 0 ? columns : rows)))

function checkFinite(tensor: string, bytes: Uint8Array): void {
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  if (values.every(Number.isFinite)) return
  throw new CentramError(
    'BAD_ARGUMENT',
    `The merge ended in values that are no numbers (${tensor}). Choose smaller weights or other parameters.`,
  )
}

/** Parameters with their defaults, as a manifest holds them: flags as such, those of the parents as lists. */
function boundParameters({ operator, values }: MergePlan): Record<string, number | boolean | number[]> {
  return Object.fromEntries(
    operator.parameters.map(({ name, type, scope }): [string, number | boolean | number[]] => {
      if (scope === 'parent') return [name, [...(values.parent[name] ?? [])]]
      const value = values.shared[name] ?? 0
      return [name, type === 'boolean' ? value !== 0 : value]
    }),
  )
}
