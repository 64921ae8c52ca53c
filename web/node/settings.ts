// What this page tells its node at the start: the server it came from, the models on offer, the room it was invited to.

import { CATALOGUE } from '#core/formats/catalogue.ts'
import type { CatalogueEntry, NodeSettings } from '../../worker/node/api.ts'

/** Comes with the page, so that a plain file host offers it too. */
const BUILT_IN: CatalogueEntry = {
  id: 'toy',
  title: 'Built-in toy model',
  url: 'models/toy/',
  origin: 'built-in',
  sizeBytes: 1_690_461,
}
const ANSWER_WAIT_MS = 5000

export async function readSettings(): Promise<NodeSettings> {
  const page = new URL(location.href)
  const served = await fetchServerModels(new URL('api/models', page))
  const models = served?.length ? served : [BUILT_IN]
  const invite = page.hash.slice(1)
  const ways = page.searchParams.getAll('broker').map((url) => ({ kind: 'broker' as const, url }))
  return {
    pageUrl: new URL('./', page).href,
    catalogue: joinCatalogues(models),
    ...(served && { serverUrl: new URL('signal', page).href.replace(/^http/, 'ws') }),
    ...(invite && { invite }),
    ...(ways.length > 0 && { ways }),
  }
}

/** What the server hands out comes first, and stands for the same model from elsewhere. */
function joinCatalogues(served: readonly CatalogueEntry[]): readonly CatalogueEntry[] {
  const known = new Set(served.map(({ id }) => id))
  const others = CATALOGUE.filter(({ id }) => !known.has(id)).map(
    ({ id, title, url, sizeBytes, sha256, licence }): CatalogueEntry => ({
      id,
      title,
      url,
      sizeBytes,
      sha256,
      licence,
      origin: 'catalogue',
    }),
  )
  return [...served, ...others]
}

/** The server's own list; null when the page came from a plain file host, which has no signalling either. */
async function fetchServerModels(address: URL): Promise<readonly CatalogueEntry[] | null> {
  const response = await fetch(address, { signal: AbortSignal.timeout(ANSWER_WAIT_MS) }).catch(() => undefined)
  // A server that is away for the moment is still a server.
  if (!response) return []
  const body: unknown = await response.json().catch(() => null)
  if (!response.ok || typeof body !== 'object' || body === null || !('models' in body)) return null
  return Array.isArray(body.models) ? body.models.filter(isEntry) : null
}

function isEntry(value: unknown): value is CatalogueEntry {
  if (typeof value !== 'object' || value === null) return false
  const { id, title, url, origin, sizeBytes } = value as Record<string, unknown>
  const words = [id, title, url].every((text) => typeof text === 'string' && text !== '')
  return words && Number.isSafeInteger(sizeBytes) && (origin === 'built-in' || origin === 'server')
}
