// The model that a headless node is told to load: a name of the list, an address, a GGUF file or a Hugging Face folder.

import { openAsBlob, readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { CentramError } from '#core/errors.ts'
import type { NodeApi } from '../../worker/node/api.ts'

/** Lists the model and returns its id. Throws `MODEL_UNKNOWN` and what opening it throws. */
export async function addHeadlessModel(api: Pick<NodeApi, 'addModel'>, model: string): Promise<string> {
  if (/^https?:\/\//i.test(model)) return api.addModel({ kind: 'url', url: model })
  const paths = filesOf(model)
  if (paths === undefined) return api.addModel({ kind: 'catalogue', id: model })
  if (paths.length === 0) throw new CentramError('MODEL_UNKNOWN', `The folder ${model} holds no model files.`)
  const files = await Promise.all(paths.map((path) => openAsBlob(path)))
  return api.addModel({ kind: 'files', files, names: paths.map((path) => basename(path)) })
}

/** Undefined where there is neither file nor folder of that name. */
function filesOf(path: string): readonly string[] | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) return undefined
  if (!found.isDirectory()) return [path]
  return readdirSync(path)
    .filter((name) => /\.(json|safetensors|gguf|jinja)$/i.test(name))
    .map((name) => join(path, name))
}
