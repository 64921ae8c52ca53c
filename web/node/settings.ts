// What this page tells its node at the start: the server it came from, the models on offer, the room it was invited to.

import type { CatalogueEntry, NodeSettings } from '../../worker/node/api.ts'

export async function readSettings(): Promise<NodeSettings> {
  const page = new URL(location.href)
  const served = page.protocol === 'http:' || page.protocol === 'https:'
  const invite = page.hash.slice(1)
  return {
    pageUrl: new URL('./', page).href,
    catalogue: await fetchServerModels(),
    ...(served ? { serverUrl: new URL('signal', page).href.replace(/^http/, 'ws').replace(/#.*$/, '') } : {}),
    ...(invite ? { invite } : {}),
  }
}

/** Models in the server's own folder; none when the page came from a plain file host. */
async function fetchServerModels(): Promise<CatalogueEntry[]> {
  try {
    const response = await fetch(new URL('api/models', location.href), { signal: AbortSignal.timeout(5_000) })
    if (!response.ok) return []
    const body: unknown = await response.json()
    return typeof body === 'object' && body !== null && 'models' in body && Array.isArray(body.models)
      ? body.models
      : []
  } catch {
    return []
  }
}
