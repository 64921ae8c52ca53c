// The HTTP side of the server: the web app, model files by range, and the REST answers under /api.

import { Hono, type Context } from 'hono'
import { healthSchema, modelsSchema, peersSchema } from '../api.ts'
import type { ModelLibrary } from '../model-library.ts'
import { listModel } from '../model-listing.ts'
import { respondWithFile, type FileRequest } from './file-response.ts'
import type { WebApp } from './web-app.ts'

export interface RouteOptions {
  readonly version: string
  readonly webApp: WebApp
  readonly models: ModelLibrary
  readonly countPeers: () => { readonly nodes: number; readonly rooms: number }
  readonly uptimeSeconds: () => number
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
const API_HEADERS = { 'Cache-Control': 'no-store' }

export function createRoutes(options: RouteOptions): Hono {
  const app = new Hono()

  app.use(async (context, next) => {
    await next()
    context.res.headers.set('X-Content-Type-Options', 'nosniff')
    context.res.headers.set('Referrer-Policy', 'no-referrer')
  })

  app.get('/api/health', (context) =>
    context.json(
      healthSchema.parse({ status: 'ok', version: options.version, uptimeSeconds: options.uptimeSeconds() }),
      { headers: API_HEADERS },
    ),
  )
  app.get('/api/peers', (context) => context.json(peersSchema.parse(options.countPeers()), { headers: API_HEADERS }))
  app.get('/api/models', async (context) =>
    context.json(modelsSchema.parse({ models: (await options.models.list()).map(listModel) }), {
      headers: API_HEADERS,
    }),
  )
  app.all('/api/*', (context) => refuse(context, 'GET'))

  app.options('/models/*', () => new Response(null, { status: 204, headers: MODEL_HEADERS }))
  app.get('/models/*', async (context) => {
    const path = pathOf(context)
    const file = path === null ? null : await options.models.find(path.slice('/models/'.length))
    const response = file === null ? null : await respondWithFile(fileRequest(context), file, MODEL_HEADERS)
    return response ?? context.text('No such model file. GET /api/models lists what is here.\n', 404, MODEL_HEADERS)
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
