// The HTTP side of the server: the web app, model files by range, and the REST answers under /api.

import { isIP } from 'node:net'
import type { HttpBindings } from '@hono/node-server'
import { Hono, type Context } from 'hono'
import type { ModelLibrary } from '../model-library.ts'
import { createModelManifests } from '../model-manifests.ts'
import { createOpenAiRoutes, type OpenAiOptions } from '../openai/routes.ts'
import { respondWithFile, type FileRequest } from './file-response.ts'
import { createRestRoutes, type RestOptions } from './rest.ts'
import { COMMON_HEADERS, DATA_POLICY, HSTS } from './security.ts'
import type { WebApp } from './web-app.ts'

export interface RouteOptions {
  readonly webApp: WebApp
  readonly models: ModelLibrary
  readonly rest: RestOptions
  /** OpenAI's API, for the clients of doors. */
  readonly openAi?: OpenAiOptions
}

/** Pages of any origin may read models: an invite opens on another address, and a model file is no secret. */
const MODEL_HEADERS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Methods': 'GET, HEAD, OPTIONS',
  'Access-Control-Allow-Headers': 'Range, If-Range, If-None-Match, If-Modified-Since',
  'Access-Control-Expose-Headers': 'Accept-Ranges, Content-Length, Content-Range, ETag, Last-Modified',
  'Access-Control-Max-Age': '86400',
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Cache-Control': 'no-cache',
}

export function createRoutes(options: RouteOptions): Hono<{ Bindings: HttpBindings }> {
  const app = new Hono<{ Bindings: HttpBindings }>()
  const manifests = createModelManifests()

  app.use(async (context, next) => {
    await next()
    const { headers } = context.res
    for (const [name, value] of Object.entries(COMMON_HEADERS)) headers.set(name, value)
    if (!headers.has('Content-Security-Policy')) headers.set('Content-Security-Policy', DATA_POLICY)
    if (isSecure(context) && !isLocalName(context)) headers.set('Strict-Transport-Security', HSTS)
  })

  if (options.openAi) app.route('/v1', createOpenAiRoutes(options.openAi))
  app.route('/api', createRestRoutes(options.rest))

  app.options('/models/*', () => new Response(null, { status: 204, headers: MODEL_HEADERS }))
  app.get('/models/*', async (context) => {
    const path = pathOf(context)
    const file = path === null ? null : await options.models.find(path.slice('/models/'.length))
    const response = file === null ? null : await respondWithFile(fileRequest(context), file, MODEL_HEADERS)
    return response ?? context.text('No such model file. GET /api/models lists what is here.\n', 404, MODEL_HEADERS)
  })

  app.get('/manifests/*', async (context) => {
    const name = pathOf(context)?.slice('/manifests/'.length)
    const model = (await options.models.list()).find((offered) => offered.name === name)
    const manifest = model ? await manifests.of(model) : null
    if (!manifest) return context.text('No such model. GET /api/models lists what is here.\n', 404, MODEL_HEADERS)
    return context.body(manifest, 200, { ...MODEL_HEADERS, 'Content-Type': 'application/cbor' })
  })

  app.get('*', async (context) => {
    const path = pathOf(context)
    const response = path === null ? null : await options.webApp.respond(fileRequest(context), path)
    if (response) return response
    if (path === '/') return context.text('The web app is not built. Run `npm start`, which builds it first.\n', 503)
    return context.text('Not found.\n', 404)
  })
  app.all('*', (context) => refuse(context, 'GET, HEAD'))

  app.onError((error, context) => {
    console.error(`${context.req.method} ${context.req.path}:`, error)
    return context.text('The server failed to answer; its log says why.\n', 500)
  })
  return app
}

/** Known addresses with another method get 405, the rest 404. */
function refuse(context: Context, allowed: string): Response {
  if (['GET', 'HEAD'].includes(context.req.method)) return context.text('Not found.\n', 404)
  return context.text('Method not allowed.\n', 405, { Allow: allowed })
}

/** Over TLS, here or at a proxy. Who lies about the proxy misleads nobody: over plain HTTP browsers do not heed what follows. */
function isSecure(context: Context<{ Bindings: HttpBindings }>): boolean {
  const { socket, headers } = context.env.incoming
  return 'encrypted' in socket || headers['x-forwarded-proto'] === 'https'
}

/** Names that many servers of a home share, or that the next program on this port may have without HTTPS. */
function isLocalName(context: Context): boolean {
  const host = (context.req.header('Host') ?? '').replace(/:\d+$/, '')
  return /(?:^|\.)(?:localhost|local|lan|internal)$/i.test(host) || isIP(host.replace(/^\[|\]$/g, '')) !== 0
}

/** The address's path, decoded once; null where it is no valid UTF-8 or holds a NUL. */
function pathOf(context: Context): string | null {
  try {
    const path = decodeURIComponent(new URL(context.req.url).pathname)
    return path.includes('\0') ? null : path
  } catch {
    return null
  }
}

function fileRequest(context: Context): FileRequest {
  return { method: context.req.method, header: (name) => context.req.header(name) }
}
