// What `--model` may name: the built-in model, a file or folder, an address, or a model of the catalogue.

import { existsSync } from 'node:fs'
import { checkModelPath } from '../model-library.ts'
import { listModel } from '../model-listing.ts'
import { fetchWithProgress } from './model-command.ts'
import type { LaunchOptions } from './launch.ts'

export interface ModelChoice {
  /** As the node's `addModel` takes it. */
  readonly input: { readonly kind: 'catalogue'; readonly id: string } | { readonly kind: 'url'; readonly url: string }
  /** What the server has to hand out for it. */
  readonly serve: Pick<LaunchOptions, 'models'>
}

/** Throws a message with the remedy when there is no such model. A catalogue model that is not here yet is fetched. */
export async function resolveModel(name: string, say: (line: string) => void): Promise<ModelChoice> {
  if (name === 'toy') return { input: { kind: 'catalogue', id: 'toy' }, serve: {} }
  if (/^https?:\/\//.test(name)) return { input: { kind: 'url', url: name }, serve: {} }
  const path = looksLikePath(name) ? name : await fetchWithProgress(name, say)
  const model = await checkModelPath(path)
  // The only model on offer, so that no other one of the same name is taken for it.
  return {
    input: { kind: 'catalogue', id: listModel({ ...model, origin: 'server' }).id },
    serve: { models: { builtIn: [], folders: [], extras: [path] } },
  }
}

function looksLikePath(name: string): boolean {
  return /[\\/]|\.(gguf|safetensors)$/i.test(name) || existsSync(name)
}
