// The reference runs under test/vectors/training, and a trainer set up like them.

import { createMemorySource } from '#core/formats/byte-source.ts'
import { openModel } from '#core/formats/open-model.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { Adapter, LoraPair } from '#core/genome/adapter.ts'
import { adaptedModules, parseModuleName, targetShape, type LoraConfig } from '#core/genome/lora-config.ts'
import { NO_TARGET, type PackedSequence } from '#core/training/pack-sequences.ts'
import { DEFAULT_PLAN, type TrainingPlan } from '#core/training/training-plan.ts'
import { loadFixture } from '../model/fixture.ts'

export interface GradientRecord {
  readonly elements: number
  readonly norm: number
  /** Products with sin(f i + 0.5) for f of `WAVES`. */
  readonly waves: readonly number[]
  readonly first: readonly number[]
}

export interface ReferenceRun {
  readonly base: string
  readonly plan: Record<'peak' | 'final' | 'warmUpSteps' | 'steps', number> &
    Record<'beta1' | 'beta2' | 'epsilon' | 'weightDecay' | 'clipNorm', number>
  readonly sequences: readonly Record<'tokens' | 'targets' | 'starts', readonly number[]>[]
  readonly losses: readonly number[]
  readonly norms: readonly number[]
  readonly gradients: Readonly<Record<string, GradientRecord>>
  readonly lora?: LoraConfig
}

export const WAVES = [0.37, 1.1, 2.03, 2.9]

const runs = import.meta.glob<ReferenceRun>('../../vectors/training/*.json', { import: 'default', eager: true })

export const RUNS = Object.entries(runs).map(([path, run]) => ({
  name: path.replace(/^.*\/(.*)\.json$/, '$1'),
  run,
}))

export function runNamed(name: string): ReferenceRun {
  const found = RUNS.find((entry) => entry.name === name)
  if (!found) throw new Error(`no reference run ${name}`)
  return found.run
}

export function sequencesOf({ sequences }: Pick<ReferenceRun, 'sequences'>): PackedSequence[] {
  return sequences.map(({ tokens, targets, starts }) => ({
    tokens: Uint32Array.from(tokens),
    targets: Uint32Array.from(targets),
    starts: Uint32Array.from(starts),
    counted: targets.filter((target) => target !== NO_TARGET).length,
  }))
}

export function planOf({ plan, sequences }: ReferenceRun, columns = 128): TrainingPlan {
  const { peak, final, warmUpSteps, steps, ...optimiser } = plan
  return {
    ...DEFAULT_PLAN,
    ...optimiser,
    schedule: { peak, final, warmUpSteps, steps },
    batchSize: sequences.length,
    columns,
  }
}

/** The adapter that the reference run began with. */
export function initialAdapter({ config }: OpenedModel, lora: LoraConfig): Adapter {
  const names = adaptedModules(config, lora.targets)
  const order = [...names].sort()
  const modules = names.map((name): [string, LoraPair] => {
    const { inputs, outputs } = targetShape(config, parseModuleName(config.family, name).target)
    const m = order.indexOf(name)
    const scale = 0.5 / Math.sqrt(inputs)
    return [
      name,
      {
        a: Float32Array.from({ length: lora.rank * inputs }, (_, i) => Math.sin(0.37 * i + m) * scale),
        b: Float32Array.from({ length: outputs * lora.rank }, (_, i) => Math.cos(0.73 * i + m) * 0.05),
      },
    ]
  })
  return { lora, modules: new Map(modules) }
}

const toy = import.meta.glob<string>('../../../web/public/models/toy/*.{json,safetensors}', {
  query: '?url',
  import: 'default',
  eager: true,
})

export async function openBase(base: string): Promise<OpenedModel> {
  if (base !== 'toy') return (await loadFixture(base)).model
  const sources = Object.entries(toy).map(async ([path, url]) => {
    const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer())
    return createMemorySource(path.split('/').slice(-2).join('/'), bytes)
  })
  return openModel(await Promise.all(sources))
}
