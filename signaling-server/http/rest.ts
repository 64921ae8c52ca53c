// REST under /api: what this server knows, for people and programs. The document at /api/openapi.json is made of the schemas
// that requests and answers are checked by.

import type { IncomingMessage } from 'node:http'
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { PUBLISHED } from '#core/experiments/published.ts'
import { encodeSharedRun, EXPERIMENT_QUERY } from '#core/experiments/share-link.ts'
import type { MessageTraffic } from '#core/protocol/traffic.ts'
import type { Rate } from '#core/protocol/rates.ts'
import type { Context, MiddlewareHandler } from 'hono'
import {
  experimentsQuery,
  experimentsSchema,
  healthSchema,
  modelsQuery,
  modelsSchema,
  peersSchema,
  roomsQuery,
  roomsSchema,
} from '../api.ts'
import { listModel } from '../model-listing.ts'
import type { ModelLibrary } from '../model-library.ts'
import { createAddressLimit } from './address-limit.ts'
import { createApi, type ApiEnvironment } from './api-app.ts'
import { DOCS_STYLE, writeDocs } from './api-docs.ts'
import { createGenomeRoutes, createLedgerRoutes, type LedgerRouteOptions } from './ledger-routes.ts'
import { METRICS_TYPE, writeMetrics } from './metrics.ts'
import { pageOf } from './paging.ts'
import { documentedProblems, respondWithProblem } from './problem.ts'

export interface RestOptions {
  readonly version: string
  readonly models: ModelLibrary
  readonly countPeers: () => { readonly nodes: number; readonly rooms: number }
  /** Members of each room, largest first. */
  readonly roomSizes: () => readonly number[]
  readonly traffic: () => readonly MessageTraffic[]
  readonly uptimeSeconds: () => number
  /** The copy of the ledger, where one is kept. */
  readonly ledger?: LedgerRouteOptions
  /** Whose request it is, for its rate. */
  readonly addressOf: (request: IncomingMessage) => string
  readonly now: () => number
  /** Of one address. */
  readonly rate?: Rate
}

/** A page asks a few times as it starts; a monitor every few seconds. */
const RATE: Rate = { perSecond: 20, burst: 400 }
const NO_STORE = { 'Cache-Control': 'no-store' }
/** Of the page of documents: its style is a file of this server, and it has no script. */
const DOCS_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const json = <Schema>(description: string, schema: Schema) => ({
  description,
  content: { 'application/json': { schema } },
})

const routes = {
  health: createRoute({
    method: 'get',
    path: '/health',
    tags: ['server'],
    summary: 'Whether the server is well, and since when',
    responses: { 200: json('It is.', healthSchema), ...documentedProblems() },
  }),
  peers: createRoute({
    method: 'get',
    path: '/peers',
    tags: ['swarm'],
    summary: 'How many nodes are registered, in how many rooms',
    responses: {
      200: json('Counts only: who they are is told to their rooms alone.', peersSchema),
      ...documentedProblems(),
    },
  }),
  rooms: createRoute({
    method: 'get',
    path: '/rooms',
    tags: ['swarm'],
    summary: 'How many members each room has, the largest first',
    request: { query: roomsQuery },
    responses: { 200: json('Rooms without their ids.', roomsSchema), ...documentedProblems() },
  }),
  models: createRoute({
    method: 'get',
    path: '/models',
    tags: ['models'],
    summary: 'The models whose files this server hands out',
    request: { query: modelsQuery },
    responses: { 200: json('In order of their files.', modelsSchema), ...documentedProblems() },
  }),
  experiments: createRoute({
    method: 'get',
    path: '/experiments',
    tags: ['experiments'],
    summary: 'The published experiments that this version can run',
    request: { query: experimentsQuery },
    responses: { 200: json('With the figures of their publication.', experimentsSchema), ...documentedProblems() },
  }),
  metrics: createRoute({
    method: 'get',
    path: '/metrics',
    tags: ['server'],
    summary: 'Counters and gauges for Prometheus',
    responses: {
      200: { description: 'Text exposition format.', content: { 'text/plain': { schema: z.string() } } },
      ...documentedProblems(),
    },
  }),
}

export function createRestRoutes(options: RestOptions): OpenAPIHono<ApiEnvironment> {
  const app = createApi()
  const mayAsk = createAddressLimit(options.rate ?? RATE, options.now)
  const answered = new Map<string, number>()

  app.use(async (context, next) => {
    await next()
    const kind = `${Math.floor(context.res.status / 100)}xx`
    answered.set(kind, (answered.get(kind) ?? 0) + 1)
  })

  // Ledger and genomes are signed and public, and have rules of their own; the rest is for this server's own pages and for programs.
  if (options.ledger) {
    app.route('/ledger', createLedgerRoutes(options.ledger))
    app.route('/genomes', createGenomeRoutes(options.ledger))
  }
  app.use(requireOwnPage)
  app.use(async (context, next) => {
    if (mayAsk(options.addressOf(context.env.incoming))) return next()
    const detail = 'This address asks too often. Wait a second before the next request.'
    return respondWithProblem(context, { status: 429, code: 'RATE_LIMITED', detail, headers: { 'Retry-After': '1' } })
  })

  app.openapi(routes.health, (context) =>
    context.json(
      healthSchema.parse({
        status: 'ok',
        version: options.version,
        uptimeSeconds: options.uptimeSeconds(),
        ledger: options.ledger !== undefined,
      }),
      200,
      NO_STORE,
    ),
  )
  app.openapi(routes.peers, (context) => {
    const { nodes, rooms } = options.countPeers()
    return context.json(peersSchema.parse({ nodes, rooms }), 200, NO_STORE)
  })
  app.openapi(routes.rooms, (context) => {
    const { limit, after } = context.req.valid('query')
    const { page, next } = pageOf(options.roomSizes(), limit, Number(after ?? 0), (_, index) => String(index + 1))
    return context.json(roomsSchema.parse({ rooms: page.map((members) => ({ members })), next }), 200, NO_STORE)
  })
  app.openapi(routes.models, async (context) => {
    const { limit, after } = context.req.valid('query')
    const models = [...(await options.models.list())]
    // Those that come with the project stay first; the list may have changed since the page before.
    const first = after === undefined ? 0 : models.findIndex(({ name }) => name === after) + 1
    const { page, next } = pageOf(
      models,
      limit,
      after !== undefined && first === 0 ? models.length : first,
      (model) => model.name,
    )
    return context.json(modelsSchema.parse({ models: page.map(listModel), next }), 200, NO_STORE)
  })
  app.openapi(routes.experiments, (context) => {
    const { limit, after } = context.req.valid('query')
    const first = after === undefined ? 0 : PUBLISHED.findIndex(({ experiment }) => experiment.name === after) + 1
    const start = after !== undefined && first === 0 ? PUBLISHED.length : first
    const { page, next } = pageOf(PUBLISHED, limit, start, ({ experiment }) => experiment.name)
    const experiments = page.map(({ experiment, published }) => ({
      name: experiment.name,
      title: experiment.title,
      nodes: experiment.nodes.map(({ name }) => name),
      arms: experiment.arms.map(({ name }) => name),
      rounds: experiment.rounds,
      seeds: experiment.seeds,
      published,
      url: `/?${EXPERIMENT_QUERY}=${encodeURIComponent(encodeSharedRun({ experiment, cells: [] }))}`,
    }))
    return context.json(experimentsSchema.parse({ experiments, next }), 200, NO_STORE)
  })
  app.openapi(routes.metrics, (context) =>
    context.text(metricsOf(options, answered), 200, { ...NO_STORE, 'Content-Type': METRICS_TYPE }),
  )

  const about = {
    openapi: '3.1.0',
    info: {
      title: 'Centram',
      version: options.version,
      description:
        'What this server knows: counts of nodes and rooms, the models it hands out, its copy of the ledger.',
      license: { name: 'AGPL-3.0-only', identifier: 'AGPL-3.0-only' },
    },
    servers: [{ url: '/api' }],
  }
  const document = () => app.getOpenAPI31Document(about)
  app.get('/openapi.json', (context) => context.json(document(), 200, NO_STORE))
  app.get('/docs', (context) =>
    context.html(writeDocs(document()), 200, { 'Content-Security-Policy': DOCS_POLICY, 'Cache-Control': 'no-cache' }),
  )
  app.get('/docs.css', (context) =>
    context.body(DOCS_STYLE, 200, { 'Content-Type': 'text/css; charset=utf-8', 'Cache-Control': 'no-cache' }),
  )

  app.all('*', (context) => {
    const path = context.req.path.replace(/^\/api/, '')
    const methods = Object.entries(document().paths ?? {}).flatMap(([template, operations]) =>
      matches(template, path) ? Object.keys(operations as object).map((method) => method.toUpperCase()) : [],
    )
    if (methods.length === 0 || methods.includes(context.req.method)) {
      const detail = 'There is nothing at this address. /api/docs lists what is here.'
      return respondWithProblem(context, { status: 404, code: 'NOT_FOUND', detail })
    }
    const Allow = [...new Set(methods)].join(', ')
    const detail = `This address takes ${Allow}.`
    return respondWithProblem(context, { status: 405, code: 'METHOD_NOT_ALLOWED', detail, headers: { Allow } })
  })
  return app
}

/** A page of another site has no business with it; a link there, or a program, carries no such mark. */
const requireOwnPage: MiddlewareHandler<ApiEnvironment> = async (context, next) => {
  const origin = context.req.header('Origin')
  const site = context.req.header('Sec-Fetch-Site')
  const isNavigation = context.req.header('Sec-Fetch-Mode') === 'navigate'
  const isForeign = origin !== undefined && hostOf(origin) !== context.req.header('Host')
  if (!isForeign && (site === undefined || site === 'same-origin' || site === 'none' || isNavigation)) return next()
  const detail = 'A page of another site may not read this. Ask from a program, or from a page of this server.'
  return respondWithProblem(context as Context, { status: 403, code: 'FOREIGN_ORIGIN', detail })
}

const hostOf = (origin: string) => (URL.canParse(origin) ? new URL(origin).host : null)

function matches(template: string, path: string): boolean {
  const [wanted, given] = [template.split('/'), path.split('/')]
  return (
    wanted.length === given.length &&
    wanted.every((part, i) => part === given[i] || (part.startsWith('{') && given[i] !== ''))
  )
}

function metricsOf(options: RestOptions, answered: ReadonlyMap<string, number>): string {
  const { nodes, rooms } = options.countPeers()
  const gauge = (name: string, help: string, value: number) => ({
    name,
    help,
    type: 'gauge' as const,
    samples: [{ value }],
  })
  const messages = (which: 'sent' | 'verified') =>
    options.traffic().map((each) => ({ labels: { type: each.name }, value: each[which] }))
  return writeMetrics([
    gauge('centram_nodes', 'Nodes that are registered.', nodes),
    gauge('centram_rooms', 'Rooms with a member.', rooms),
    gauge('centram_uptime_seconds', 'Since the server was started.', options.uptimeSeconds()),
    gauge('process_resident_memory_bytes', 'Memory of the server’s process.', process.memoryUsage.rss()),
    {
      name: 'centram_api_answers_total',
      help: 'Answers of the REST API, by the class of their status.',
      type: 'counter',
      samples: [...answered].map(([status, value]) => ({ labels: { status }, value })),
    },
    {
      name: 'centram_messages_sent_total',
      help: 'Signalling messages that the server signed.',
      type: 'counter',
      samples: messages('sent'),
    },
    {
      name: 'centram_messages_verified_total',
      help: 'Signalling messages of nodes whose signature held.',
      type: 'counter',
      samples: messages('verified'),
    },
  ])
}
