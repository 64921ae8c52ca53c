// What is kept of the models a person added, to list them again at the next visit, and what they are called.

import { toHex, utf8 } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { Records } from '../storage/records.ts'
import type { ModelState } from './api.ts'

export interface KeptModel {
  readonly id: string
  readonly title: string
  readonly place:
    | { readonly kind: 'url'; readonly url: string }
    | { readonly kind: 'files'; readonly names: readonly string[]; readonly sizes: readonly number[] }
    | { readonly kind: 'content'; readonly id: string; readonly url: string | null }
}

const STORE = 'models'
const ORIGINS = { url: 'url', files: 'file', content: 'peer' } as const

export async function keepListed(records: Records, model: KeptModel): Promise<void> {
  await records.put(STORE, model.id, model)
}

export async function dropListed(records: Records, id: string): Promise<void> {
  await records.delete(STORE, id)
}

export async function readListed(records: Records): Promise<readonly KeptModel[]> {
  const kept = await Promise.all((await records.keys(STORE)).map((key) => records.get(STORE, key)))
  return kept.filter(isKept)
}

/** As it is listed before it was opened. */
export function describeListed({
  id,
  title,
  place,
}: KeptModel): Pick<ModelState, 'id' | 'title' | 'url' | 'origin' | 'sizeBytes' | 'licence'> {
  const url = place.kind === 'files' ? null : place.url
  const sizeBytes = place.kind === 'files' ? place.sizes.reduce((sum, size) => sum + size, 0) : 0
  return { id, title, url, origin: ORIGINS[place.kind], sizeBytes, licence: null }
}

export function shortHash(text: string): string {
  return toHex(sha256(utf8(text)).subarray(0, 6))
}

/** The last part of a path, without its suffix. */
export function titleOf(path: string): string {
  const parts = path
    .replace(/[?#].*$/, '')
    .split(/[/\\]/)
    .filter((part) => part !== '')
  return (parts.at(-1) ?? path).replace(/\.(gguf|safetensors)$/i, '')
}

export function titleFor(model: OpenedModel, path: string): string {
  // A folder's config.json often names no model; then the reader calls it by its address.
  const isFile = /\.(gguf|safetensors)$/i.test(path.replace(/[?#].*$/, ''))
  return isFile || /^https?:/.test(model.config.name) ? titleOf(path) : model.config.name || titleOf(path)
}

function isKept(value: unknown): value is KeptModel {
  if (typeof value !== 'object' || value === null) return false
  const { id, title, place } = value as Partial<KeptModel>
  return typeof id === 'string' && typeof title === 'string' && typeof place === 'object' && 'kind' in place
}
