// What a headless node is told at its start, out of an invite link: the page and server it belongs to, the models on offer.

import { z } from 'zod'
import { CentramError } from '#core/errors.ts'
import { CATALOGUE } from '#core/formats/catalogue.ts'
import type { CatalogueEntry, NodeSettings } from '../../worker/node/api.ts'

/** Of the server's answer, what a node needs. */
const LISTING = z.object({
  models: z.array(
    z.object({
      id: z.string().min(1),
      title: z.string().min(1),
      url: z.string().min(1),
      origin: z.enum(['built-in', 'server']),
      sizeBytes: z.int().nonnegative(),
    }),
  ),
  /** Where the next page begins. */
  next: z.string().nullish(),
})
/** A list has fewer; a server that never ends one is not followed for ever. */
const MAX_PAGES = 20
const ANSWER_WAIT_MS = 5000
/** A minute in all where the server refuses connections. */
const ATTEMPTS = 13
const PAUSE_MS = 5000

/** An invite link, or the address of a server without a room. Throws `BAD_ARGUMENT`. */
export function readLink(link: string): { readonly page: URL; readonly invite: string } {
  let page: URL
  try {
    page = new URL(link.includes('://') ? link.trim() : `http://${link.trim()}`)
  } catch {
    throw noLink(link)
  }
  if (page.protocol !== 'http:' && page.protocol !== 'https:') throw noLink(link)
  const invite = page.hash.slice(1)
  page.hash = ''
  page.search = ''
  return { page: new URL('./', page), invite }
}

/**
 * Waits a while for a server that is only about to start, as after a power cut.
 * @param invite the fragment of the link; empty for a room of its own.
 */
export async function readSettings(page: URL, invite: string, warn: (what: string) => void): Promise<NodeSettings> {
  return {
    pageUrl: page.href,
    serverUrl: new URL('signal', page).href.replace(/^http/, 'ws'),
    catalogue: joinCatalogues(await readServerModels(new URL('api/models', page), warn)),
    ...(invite !== '' && { invite }),
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

/** None where the server stays away, or has no list: the public catalogue is there without it. */
async function readServerModels(address: URL, warn: (what: string) => void): Promise<readonly CatalogueEntry[]> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    try {
      return await readPages(address)
    } catch {
      if (attempt === 1) warn(`${address.origin} does not answer; waiting for it`)
      if (attempt < ATTEMPTS) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }
  warn(`${address.origin} stays away; going on without its list of models`)
  return []
}

/** Throws where the server does not answer at all. */
async function readPages(address: URL): Promise<readonly CatalogueEntry[]> {
  const models: CatalogueEntry[] = []
  let after: string | undefined
  for (let page = 0; page < MAX_PAGES; page++) {
    const url = new URL(address)
    if (after !== undefined) url.searchParams.set('after', after)
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_WAIT_MS) })
    const listing = LISTING.safeParse(await response.json().catch(() => null))
    if (!response.ok || !listing.success) break
    models.push(...listing.data.models)
    after = listing.data.next ?? undefined
    if (after === undefined) break
  }
  return models
}

function noLink(link: string): CentramError {
  return new CentramError(
    'BAD_ARGUMENT',
    `“${link.slice(0, 120)}” is no invite link. Copy the whole link that “Share” shows in a tab: http(s)://…/#join=….`,
  )
}
