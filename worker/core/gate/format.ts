// Layer 5: is the file what an adapter's file is, and nothing besides? The header is held to a narrow form before anything is
// allocated, then every tensor to its base model's shapes, and every value to finite arithmetic.

import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import { checkAdapterHeader } from '#core/gate/adapter-header.ts'
import {
  notRun,
  passed,
  refused,
  type AdapterUpdates,
  type Candidate,
  type Finding,
  type GateContext,
  type GateLayer,
} from '#core/gate/layer.ts'
import { staysFinite } from '#core/gate/finite-updates.ts'
import { adaptedModules, checkLoraConfig, moduleName, parseModuleName, targetShape } from '#core/genome/lora-config.ts'
import type { GenomeManifest } from '#core/genome/manifest.ts'

export const format: GateLayer = {
  name: 'format',

  async judge(candidate, { base }) {
    let updates: AdapterUpdates
    try {
      checkAdapterHeader(candidate.tensors)
      updates = await candidate.updates()
    } catch (error) {
      return describeFailure(error)
    }
    const manifest = (await candidate.genome())?.manifest ?? null
    return (
      judgeValues(updates) ??
      judgeModules(updates, manifest, candidate) ??
      (base === null
        ? notRun(
            'NO_BASE_MODEL',
            'Its file is in order. Its base model is not here, so its shapes cannot be compared with it.',
          )
        : (judgeBase(updates, manifest, candidate, base) ??
          passed('Its file holds an adapter of its base model and nothing else, in finite numbers.', {
            modules: updates.size,
          })))
    )
  },
}

function describeFailure(error: unknown): Finding {
  const code = errorCode(error)
  if (!(error instanceof CentramError)) throw error
  return refused(code === 'FORMAT_UNSUPPORTED' ? code : 'FORMAT_INVALID', errorMessage(error))
}

function judgeValues(updates: AdapterUpdates): Finding | null {
  for (const [module, update] of updates) {
    if (!staysFinite(update)) {
      return refused('NOT_FINITE', `${module} holds values that are no finite numbers, or whose products are none.`)
    }
  }
  return null
}

/** Every declared linear in every layer from the first on, and none besides. */
function judgeModules(
  updates: AdapterUpdates,
  manifest: GenomeManifest | null,
  { unsigned }: Candidate,
): Finding | null {
  const family = manifest?.base.family ?? unsigned?.family
  if (family === undefined) return refused('FORMAT_INVALID', 'Nothing says of which kind this adapter is.')
  const places = [...updates.keys()].map((module) => parseModuleName(family, module))
  const layers = new Set(places.map(({ layer }) => layer))
  const targets = new Set<string>(places.map(({ target }) => target))
  const declared = manifest?.lora.targets
  if (declared && (declared.length !== targets.size || declared.some((target) => !targets.has(target)))) {
    return refused('SHAPE_MISMATCH', 'It changes other linears than its manifest says.')
  }
  const isWhole = updates.size === layers.size * targets.size && Math.max(...layers) === layers.size - 1
  return isWhole ? null : refused('SHAPE_MISMATCH', 'It changes a linear in some layers only.')
}

function judgeBase(
  updates: AdapterUpdates,
  manifest: GenomeManifest | null,
  { unsigned }: Candidate,
  { hash, config }: NonNullable<GateContext['base']>,
): Finding | null {
  if (manifest && (manifest.base.hash !== hash || manifest.base.family !== config.family)) {
    return refused('BASE_MISMATCH', 'It was made for another base model than the one it is judged for.')
  }
  const { rank, alpha, rankStabilised } = manifest?.lora ?? unsigned ?? { rank: 0, alpha: 0, rankStabilised: false }
  const places = [...updates.keys()].map((module) => parseModuleName(config.family, module))
  const targets = [...new Set(places.map(({ target }) => target))]
  try {
    checkLoraConfig(config, { targets, rank, alpha, rankStabilised })
  } catch (error) {
    return refused('SHAPE_MISMATCH', errorMessage(error))
  }
  const expected = adaptedModules(config, targets)
  if (expected.length !== updates.size) {
    return refused('SHAPE_MISMATCH', `It changes ${updates.size} linears where its base model has ${expected.length}.`)
  }
  for (const { layer, target } of places) {
    const name = moduleName(layer, target)
    const { inputs, outputs } = targetShape(config, target)
    const update = updates.get(name)
    if (update?.rows !== outputs || update.columns !== inputs) {
      return refused(
        'SHAPE_MISMATCH',
        `${name} is ${update?.rows} x ${update?.columns}, but ${outputs} x ${inputs} in its base model.`,
      )
    }
  }
  return null
}
