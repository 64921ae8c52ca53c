// The service worker: keeps the files of the page, so that it opens without its server and answers with what is stored. It
// touches nothing else: models, the REST answers and every other origin go to the network as if it were not there.

export {}

declare const self: ServiceWorkerGlobalScope

/** Written in by the build (`signaling-server/cli/offline-build.ts`): a name for this build, and its files, relative to the scope. */
declare const BUILD: string
declare const FILES: readonly string[]

const PREFIX = 'centram-page-'
const CACHE = `${PREFIX}${BUILD}`
const PAGE = './'
/** A server that does not answer by then is taken to be away. */
const PAGE_WAIT_MS = 4000

const addressOf = (file: string): string => new URL(file, self.registration.scope).href
const ASSETS = addressOf('assets/')
const KEPT: ReadonlySet<string> = new Set(FILES.map(addressOf))

self.addEventListener('install', (event) => event.waitUntil(keepFiles()))
self.addEventListener('activate', (event) => event.waitUntil(forgetOldBuilds()))
self.addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method !== 'GET') return
  const address = new URL(request.url)
  const bare = address.origin + address.pathname
  if (request.mode === 'navigate') {
    if (bare === addressOf(PAGE) || bare === addressOf('index.html')) event.respondWith(openPage(request))
  } else if (bare.startsWith(ASSETS)) {
    event.respondWith(readAsset(request))
  } else if (KEPT.has(bare)) {
    event.respondWith(readKept(request))
  }
})

/** All or none: a build that is kept in part could not open. */
async function keepFiles(): Promise<void> {
  const cache = await caches.open(CACHE)
  const request = (address: string) =>
    new Request(address, { cache: address.startsWith(ASSETS) ? 'default' : 'no-cache' })
  await cache.addAll([addressOf(PAGE), ...KEPT].map(request))
}

/** The browser activates a build once no tab runs the one before, so nobody needs its files any more. */
async function forgetOldBuilds(): Promise<void> {
  const names = await caches.keys()
  const old = names.filter((name) => name.startsWith(PREFIX) && name !== CACHE)
  await Promise.all(old.map((name) => caches.delete(name)))
}

/** The server's page, for it may be a newer one; the kept page where the server is away. */
async function openPage(request: Request): Promise<Response> {
  const kept = await (await caches.open(CACHE)).match(addressOf(PAGE))
  try {
    return await fetch(request, kept ? { signal: AbortSignal.timeout(PAGE_WAIT_MS) } : {})
  } catch (error) {
    if (kept) return kept
    throw error
  }
}

/** Names under assets/ carry a hash of what is in them, so what is kept is never old. What was not kept yet (an engine) is then. */
async function readAsset(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE)
  const kept = await cache.match(request.url)
  if (kept) return kept
  const response = await fetch(request)
  if (response.status === 200) await cache.put(request.url, response.clone())
  return response
}

/** A file whose name stays while its content may change: the server's where there is one. */
async function readKept(request: Request): Promise<Response> {
  return fetch(request).catch(async (error: unknown) => {
    const kept = await (await caches.open(CACHE)).match(request.url, { ignoreSearch: true })
    if (kept) return kept
    throw error
  })
}
