// `centram merge`: merges models or LoRA adapters on disk, tensor by tensor, and says what went into what.

import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { CentramError } from '#core/errors.ts'
import { createSafetensorsWriter, layOutSafetensors } from '#core/formats/safetensors-writer.ts'
import { planAdapterMerge } from '#core/merge/merge-adapters.ts'
import { hashAdapterSet, hashTensorSet, mergeId } from '#core/merge/merge-id.ts'
import type { MergedPart, MergePlan } from '#core/merge/merge-plan.ts'
import { planTensorMerge } from '#core/merge/merge-tensors.ts'
import type { GivenParameters } from '#core/merge/parameters.ts'
import { findAdapterOperator, findOperator } from '#core/merge/registry.ts'
import { formatBytes } from './format.ts'
import { openMergeInput, type MergeInput } from './merge-inputs.ts'
import { createMergeOutput } from './merge-output.ts'

export interface MergeOptions {
  readonly operator: string
  readonly base?: string
  readonly in: readonly string[]
  readonly weight: readonly number[]
  readonly param: readonly string[]
  readonly seed: number
  readonly rank?: number
  readonly out: string
  readonly json: boolean
}

type Value = number | boolean

interface Named {
  readonly path: string
  /** SHA-256 of its tensors, and of the scale of each module of an adapter. */
  readonly hash: string
}

interface MergeReport {
  readonly id: string
  readonly kind: MergePlan['kind']
  readonly operator: string
  readonly parameters: Readonly<Record<string, Value | readonly Value[]>>
  readonly rank: number | null
  readonly seed: number | null
  readonly base: Named | null
  readonly parents: readonly Named[]
  readonly out: string
  readonly tensors: number
  readonly bytes: number
  /** Of the file of tensors. */
  readonly sha256: string
  /** Relative distance of ΔW to what was asked for; `null` where nothing was approximated. */
  readonly residual: { readonly mean: number; readonly worst: number; readonly worstModule: string } | null
}

export async function runMerge(options: MergeOptions): Promise<void> {
  if (options.in.length === 0) throw new CentramError('BAD_ARGUMENT', 'Give every parent with --in.')
  const inputs: MergeInput[] = []
  const controller = new AbortController()
  const { signal } = controller
  const interrupt = (): void =>
    controller.abort(new CentramError('CANCELLED', 'The merge was interrupted; nothing of it is left.'))
  process.once('SIGINT', interrupt)
  try {
    for (const path of options.in) inputs.push(await openMergeInput(path))
    const base = options.base === undefined ? null : await openMergeInput(options.base)
    if (base !== null) inputs.push(base)
    const parents = inputs.slice(0, options.in.length)
    const report = await merge(options, base, parents, signal)
    process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : `${describe(report).join('\n')}\n`)
  } finally {
    process.off('SIGINT', interrupt)
    await Promise.all(inputs.map((input) => input.close()))
  }
}

async function merge(
  options: MergeOptions,
  base: MergeInput | null,
  parents: readonly MergeInput[],
  signal: AbortSignal,
): Promise<MergeReport> {
  const { seed, out } = options
  const plan = await makePlan(options, base, parents, signal)
  const [first] = parents
  const inFolder = plan.kind === 'adapters' || first?.folder !== null
  const output = await createMergeOutput(
    out,
    plan.kind === 'adapters' ? 'adapter_model.safetensors' : inFolder ? 'model.safetensors' : null,
  )
  try {
    // A base model of adapters is checked against and does not go into the result.
    const origin = plan.kind === 'adapters' && base?.adapter === null ? null : base
    const named = async (input: MergeInput): Promise<Named> => ({ path: input.path, hash: await hashOf(input, signal) })
    const parentNames: Named[] = []
    for (const parent of parents) parentNames.push(await named(parent))
    const baseName = origin && (await named(origin))
    const id = mergeId(
      plan,
      seed,
      baseName?.hash ?? null,
      parentNames.map((parent) => parent.hash),
    )

    const layout = layOutSafetensors(plan.outputs, { format: 'pt', 'centram.merge': id })
    const hash = createHash('sha256')
    const writer = await createSafetensorsWriter(layout, async (bytes) => {
      hash.update(bytes)
      await output.append(bytes)
    })
    const parts: MergedPart[] = []
    await plan.run(layout.entries, writer.write, (part) => parts.push(part), signal)
    writer.finish()

    const report: MergeReport = {
      id,
      kind: plan.kind,
      operator: plan.operator.name,
      parameters: readable(plan),
      rank: plan.rank,
      seed: plan.random ? seed : null,
      base: baseName,
      parents: parentNames,
      out,
      tensors: layout.entries.length,
      bytes: layout.size,
      sha256: hash.digest('hex'),
      residual: summarise(parts),
    }
    if (inFolder) {
      const companions = (plan.kind === 'adapters' ? first : (base ?? first))?.folder ?? first?.folder
      if (companions !== null && companions !== undefined) await output.copyCompanions(companions)
      if (plan.config !== null) await output.writeJson('adapter_config.json', plan.config)
      await output.writeJson('centram-merge.json', recordOf(report))
    }
    signal.throwIfAborted()
    await output.finish()
    return report
  } catch (error) {
    await output.discard()
    throw error
  }
}

async function makePlan(
  { operator, weight, param, seed, rank }: MergeOptions,
  base: MergeInput | null,
  parents: readonly MergeInput[],
  signal: AbortSignal,
): Promise<MergePlan> {
  const given = readParameters(weight, param)
  const adapters = parents.flatMap((parent) => parent.adapter ?? [])
  if (adapters.length === 0) {
    const found = findOperator(operator)
    if (rank !== undefined)
      throw new CentramError('BAD_ARGUMENT', '--rank is for LoRA adapters; these are whole models.')
    if (base !== null && base.adapter !== null) throw mixed(base.path, parents[0]?.path ?? '')
    return planTensorMerge(
      found,
      base?.set ?? null,
      parents.map((parent) => parent.set),
      given,
      seed,
      signal,
    )
  }
  const whole = parents.find((parent) => parent.adapter === null)
  if (whole !== undefined) throw mixed(adapters[0]?.name ?? '', whole.path)
  return planAdapterMerge(findAdapterOperator(operator), base?.adapter ?? null, adapters, {
    given,
    seed,
    rank,
    model: base === null || base.adapter !== null ? undefined : base.set,
  })
}

function mixed(adapter: string, model: string): CentramError {
  return new CentramError(
    'MODEL_MISMATCH',
    `These cannot be merged: ${adapter} is a LoRA adapter and ${model} a whole model. Merge like with like.`,
  )
}

/** `density=0.5`, `density=0.5,0.7` (one for each parent), `normalize=false`. */
function readParameters(weights: readonly number[], params: readonly string[]): GivenParameters {
  const given: Record<string, number | boolean | readonly (number | boolean)[]> = {}
  const [onlyWeight] = weights
  if (onlyWeight !== undefined) given['weight'] = weights.length === 1 ? onlyWeight : weights
  for (const text of params) {
    const [, name = '', list = ''] = /^([a-z0-9_]+)=(.+)$/.exec(text) ?? []
    const values = list.split(',').map(readValue)
    if (name === '' || values.includes(undefined)) {
      throw new CentramError(
        'BAD_ARGUMENT',
        `--param ${text}: it must be name=value, where a value is a number, true or false, or one for each parent ` +
          'with commas between them.',
      )
    }
    if (Object.hasOwn(given, name)) throw new CentramError('BAD_ARGUMENT', `The parameter ${name} was given twice.`)
    const [only] = values
    given[name] = values.length === 1 && only !== undefined ? only : (values as (number | boolean)[])
  }
  return given
}

function readValue(text: string): number | boolean | undefined {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : undefined
}

async function hashOf(input: MergeInput, signal: AbortSignal): Promise<string> {
  const hasher = createHash('sha256')
  const running = { update: (bytes: Uint8Array) => void hasher.update(bytes), digest: () => hasher.digest() }
  return input.adapter === null
    ? hashTensorSet(input.set, running, signal)
    : hashAdapterSet(input.adapter, running, signal)
}

function summarise(parts: readonly MergedPart[]): MergeReport['residual'] {
  const residuals = parts.flatMap(({ name, residual }) => (residual === null ? [] : [{ name, residual }]))
  const [first] = residuals
  if (first === undefined) return null
  const worst = residuals.reduce((most, part) => (part.residual > most.residual ? part : most), first)
  const mean = residuals.reduce((sum, part) => sum + part.residual, 0) / residuals.length
  return { mean, worst: worst.residual, worstModule: worst.name }
}

/** Parameters by name, flags as such; those of the parents as lists. */
function readable({ operator, values }: MergePlan): MergeReport['parameters'] {
  return Object.fromEntries(
    operator.parameters.map(({ name, type, scope }) => {
      const show = (value = 0): Value => (type === 'boolean' ? value !== 0 : value)
      return [name, scope === 'parent' ? (values.parent[name] ?? []).map(show) : show(values.shared[name])]
    }),
  )
}

/** What is kept beside the result: folders by their names, not by where they lie on this machine. */
function recordOf({ out: _, base, parents, ...report }: MergeReport) {
  const local = ({ path, hash }: Named) => ({ name: basename(path), hash })
  return { ...report, base: base && local(base), parents: parents.map(local) }
}

function describe(report: MergeReport): string[] {
  const { operator, parameters, base, parents, residual, rank, seed } = report
  const settings: string[] = []
  const own = parents.map(() => '')
  for (const [name, value] of Object.entries(parameters)) {
    if (typeof value !== 'object') settings.push(`${name} ${value}`)
    // Where the first parent serves as the base, it has no parameters of its own.
    else value.forEach((item, i) => (own[i + parents.length - value.length]! += `  ${name} ${item}`))
  }
  if (seed !== null) settings.push(`seed ${seed}`)
  const short = (hash: string): string => hash.slice(0, 12)
  const lines = [`${operator}${settings.length > 0 ? ` (${settings.join(', ')})` : ''}`]
  if (base !== null) lines.push(`  base ${short(base.hash)}  ${base.path}`)
  parents.forEach((parent, i) => lines.push(`  in   ${short(parent.hash)}  ${parent.path}${own[i] ?? ''}`))
  lines.push(
    `  out  ${short(report.sha256)}  ${report.out}  ${report.tensors} tensors, ${formatBytes(report.bytes)}` +
      (rank === null ? '' : `, rank ${rank}`),
  )
  if (residual !== null) lines.push(describeResidual(operator, residual))
  lines.push(`id ${report.id}`)
  return lines
}

function describeResidual(
  operator: string,
  { mean, worst, worstModule }: NonNullable<MergeReport['residual']>,
): string {
  if (worst === 0) return 'Exact: every module’s update is the one asked for.'
  const percent = (share: number): string => `${(100 * share).toPrecision(3)} %`
  const off = `${percent(mean)} off on average, ${percent(worst)} at worst (${worstModule})`
  return operator === 'lora_linear'
    ? `A and B averaged apart are not the average of the adapters: the updates are ${off}. lora_stack is exact.`
    : `Cut back to a rank, the updates are ${off}. A higher --rank keeps more.`
}
