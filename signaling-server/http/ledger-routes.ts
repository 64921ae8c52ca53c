// The server's copy of the ledger over HTTP: anyone reads heads, entries, witnesses and fork proofs, and which genomes have
// royalty terms; nodes send what they signed, as CBOR bodies of PROOF_RANGE, PROOF_FORK and PROOF_WITNESS.

import type { IncomingMessage } from 'node:http'
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import { fromHex, toHex } from '#core/crypto/bytes.ts'
import { decodeCanonical } from '#core/crypto/canonical.ts'
import { CentramError } from '#core/errors.ts'
import { LOG_HEAD, WITNESSED_HEAD } from '#core/protocol/messages/proof.ts'
import type { Rate } from '#core/protocol/rates.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { readObject } from '#core/protocol/signed-object.ts'
import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import {
  authorParams,
  authorsQuery,
  entriesQuery,
  genomesQuery,
  genomesSchema,
  ledgerAuthorSchema,
  ledgerEntriesSchema,
  ledgerForksSchema,
  ledgerHeadsSchema,
  ledgerKeptSchema,
} from '../api.ts'
import type { LedgerCopy } from '../ledger/copy.ts'
import type { KeptHead } from '../ledger/database.ts'
import { createAddressLimit } from './address-limit.ts'
import { createApi, type ApiEnvironment } from './api-app.ts'
import { documentedProblems, respondWithProblem } from './problem.ts'

export interface LedgerRouteOptions {
  readonly copy: LedgerCopy
  /** Whose request it is, for its rate. */
  readonly addressOf: (request: IncomingMessage) => string
  readonly now: () => number
  /** Of what one address sends. */
  readonly rate?: Rate
}

/** Pages of any origin may read and write: all of it is signed, and no request carries anything of the browser's. */
const HEADERS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Methods': 'GET, POST, OPTIONS',
  'Access-Control-Allow-Headers': 'Content-Type',
  'Access-Control-Max-Age': '86400',
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Cache-Control': 'no-store',
}
const MAX_BODY = 324 * 1024
/** A node sends what is new every half minute; one that comes with a long log sends it in pages. */
const RATE: Rate = { perSecond: 4, burst: 256 }
/** Of what one address reads: each page is read from a file. */
const READ_RATE: Rate = { perSecond: 50, burst: 1000 }

const tags = ['ledger']
const json = <Schema>(description: string, schema: Schema) => ({
  description,
  content: { 'application/json': { schema } },
})
const sent = (path: string, summary: string) =>
  createRoute({
    method: 'post',
    path,
    tags,
    summary,
    request: {
      body: {
        required: true,
        description: 'Deterministic CBOR, as nodes send it to each other (docs/protocol.md).',
        content: { 'application/cbor': { schema: { type: 'string', contentMediaType: 'application/cbor' } } },
      },
    },
    responses: { 200: json('It was kept, or had been.', ledgerKeptSchema), ...documentedProblems(409, 413, 507) },
  })

const routes = {
  heads: createRoute({
    method: 'get',
    path: '/heads',
    tags,
    summary: 'The head of each author’s log, by author',
    request: { query: authorsQuery },
    responses: { 200: json('With the bytes that prove it.', ledgerHeadsSchema), ...documentedProblems() },
  }),
  head: createRoute({
    method: 'get',
    path: '/heads/{author}',
    tags,
    summary: 'The head of one author’s log, and who countersigned it',
    request: { params: authorParams },
    responses: { 200: json('With its witnesses.', ledgerAuthorSchema), ...documentedProblems(404) },
  }),
  forks: createRoute({
    method: 'get',
    path: '/forks',
    tags,
    summary: 'Proofs that authors signed two logs',
    request: { query: authorsQuery },
    responses: { 200: json('Two heads that conflict.', ledgerForksSchema), ...documentedProblems() },
  }),
  entries: createRoute({
    method: 'get',
    path: '/{author}/entries',
    tags,
    summary: 'Entries of one author’s log',
    request: { params: authorParams, query: entriesQuery },
    responses: { 200: json('Without gaps, from `from` on.', ledgerEntriesSchema), ...documentedProblems(404) },
  }),
  genomes: createRoute({
    method: 'get',
    path: '/',
    tags: ['genomes'],
    summary: 'Genomes for which authors set royalty terms, as their logs say',
    request: { query: genomesQuery },
    responses: { 200: json('By author and place in the log.', genomesSchema), ...documentedProblems() },
  }),
}

export function createLedgerRoutes({
  copy,
  addressOf,
  now,
  rate = RATE,
}: LedgerRouteOptions): OpenAPIHono<ApiEnvironment> {
  const app = createPublicApi(addressOf, now)
  const maySend = createAddressLimit(rate, now)

  const describe = ({ author, head, signature }: KeptHead) => {
    const { sequence, entry, at } = readObject(LOG_HEAD, head)
    const about = { author: toHex(author), sequence, entry: toHex(entry), at, frozen: copy.isFrozen(author) }
    return { ...about, ...inBase64({ head, signature }) }
  }

  app.openapi(routes.heads, (context) => {
    const { limit, after } = context.req.valid('query')
    const heads = copy.heads(keyOf(after), limit)
    const next = heads.length === limit ? toHex((heads.at(-1) as KeptHead).author) : null
    return context.json(ledgerHeadsSchema.parse({ heads: heads.map(describe), next }), 200)
  })

  app.openapi(routes.head, (context) => {
    const found = copy.head(keyOf(context.req.valid('param').author))
    if (!found) throw unknownAuthor(context)
    const witnesses = found.witnesses.map(({ seen, signature }) => ({
      witness: toHex(readObject(WITNESSED_HEAD, seen).witness),
      seen: base64(seen),
      signature: base64(signature),
    }))
    return context.json(ledgerAuthorSchema.parse({ ...describe(found.kept), witnesses }), 200)
  })

  app.openapi(routes.forks, (context) => {
    const { limit, after } = context.req.valid('query')
    const found = copy.forks(keyOf(after), limit)
    const forks = found.map(({ author, fork }) => {
      const { first, second, path } = decodeCanonical(fork) as unknown as BodyOf<'PROOF_FORK'>
      const { sequence } = readObject(LOG_HEAD, first.head)
      return {
        author: toHex(author),
        sequence,
        first: inBase64(first),
        second: inBase64(second),
        ...(path && { path: path.map(base64) }),
      }
    })
    const next = found.length === limit ? (forks.at(-1)?.author ?? null) : null
    return context.json(ledgerForksSchema.parse({ forks, next }), 200)
  })

  app.openapi(routes.entries, (context) => {
    const author = keyOf(context.req.valid('param').author)
    const { from, limit } = context.req.valid('query')
    const found = copy.head(author)
    if (!found) throw unknownAuthor(context)
    const entries = copy.entries(author, from, limit)
    const more = entries.length > 0 && from + entries.length <= found.kept.sequence
    const body = { from, entries: entries.map(base64), head: inBase64(found.kept), more }
    return context.json(ledgerEntriesSchema.parse(body), 200)
  })

  app.use(
    bodyLimit({
      maxSize: MAX_BODY,
      onError(context) {
        const detail = `At most ${MAX_BODY} bytes are taken at once.`
        return respondWithProblem(context, { status: 413, code: 'FRAME_TOO_LARGE', detail, headers: HEADERS })
      },
    }),
  )
  const receive = (path: string, summary: string, take: (body: Uint8Array) => Promise<number | undefined>) =>
    app.openapi(sent(path, summary), async (context) => {
      if (!maySend(addressOf(context.env.incoming))) throw tooMuch()
      const kept = await take(new Uint8Array(await context.req.arrayBuffer()))
      return context.json(ledgerKeptSchema.parse(kept === undefined ? {} : { kept }), 200)
    })
  receive('/entries', 'Keep entries, with the head that they lead to', copy.addEntries)
  receive('/forks', 'Keep a proof that an author signed two logs', (body) => copy.addFork(body).then(() => undefined))
  receive('/witnesses', 'Keep what somebody signed of a head', (body) => copy.addWitness(body).then(() => undefined))
  return app
}

/** What the logs say of genomes, as a list of its own. */
export function createGenomeRoutes({ copy, addressOf, now }: LedgerRouteOptions): OpenAPIHono<ApiEnvironment> {
  const app = createPublicApi(addressOf, now)
  app.openapi(routes.genomes, (context) => {
    const { limit, after } = context.req.valid('query')
    const [author, sequence] = after?.split('.') ?? []
    const found = copy.terms(keyOf(author), Number(sequence ?? -1), limit)
    const genomes = found.flatMap(({ terms, sequence }) => {
      if (!terms) return []
      const { genome, author, sharePpm, decayPpm, depth, at } = terms
      return [{ genome: toHex(genome), author: toHex(author), sequence, sharePpm, decayPpm, depth, at }]
    })
    const last = found.length === limit ? found.at(-1) : undefined
    const next = last ? `${toHex(last.author)}.${last.sequence}` : null
    return context.json(genomesSchema.parse({ genomes, next }), 200)
  })
  return app
}

function createPublicApi(addressOf: LedgerRouteOptions['addressOf'], now: () => number): OpenAPIHono<ApiEnvironment> {
  const app = createApi(HEADERS)
  const mayRead = createAddressLimit(READ_RATE, now)
  const guard: MiddlewareHandler<ApiEnvironment> = async (context, next) => {
    if (context.req.method === 'OPTIONS') return new Response(null, { status: 204, headers: HEADERS })
    if (!mayRead(addressOf(context.env.incoming))) throw tooMuch()
    await next()
    for (const [name, value] of Object.entries(HEADERS)) context.res.headers.set(name, value)
    return undefined
  }
  app.use(guard)
  return app
}

const tooMuch = () => new CentramError('RATE_LIMITED', 'Too much at once. Try again later.')

function unknownAuthor(context: Context): HTTPException {
  const detail = 'The copy has no log of that author.'
  const res = respondWithProblem(context, { status: 404, code: 'NOT_FOUND', detail, headers: HEADERS })
  return new HTTPException(404, { res })
}

const keyOf = (text = '') => fromHex(text) as Uint8Array

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
const inBase64 = ({ head, signature }: { head: Uint8Array; signature: Uint8Array }) => ({
  head: base64(head),
  signature: base64(signature),
})
