// The shapes of the REST answers. Each answer is parsed by its schema before it leaves, and requests by theirs before they are
// read; the OpenAPI document is made of the same schemas, so what is documented is sent and taken.

import { z } from '@hono/zod-openapi'

const count = z.int().nonnegative()
const MOST_A_PAGE = 500

/** What every list takes: how many at most, and the `next` of the page before. */
export const pageQuery = (after: z.ZodType<string>, least = 100) =>
  z.object({
    limit: z.coerce.number().int().min(1).max(MOST_A_PAGE).default(least).openapi({ description: 'Most of one page.' }),
    after: after.optional().openapi({ description: 'The `next` of the page before; without it, the first page.' }),
  })
const nextOf = (after: z.ZodType<string>) =>
  after.nullable().openapi({ description: 'What `after` takes for the page behind this one; null on the last.' })
const numberText = z.string().regex(/^\d{1,9}$/)
const nameText = z.string().min(1).max(255)

/** RFC 9457. `code` is for programs, `detail` says what to do. */
export const problemSchema = z
  .strictObject({
    type: z.string().openapi({ example: '/api/docs#NOT_FOUND' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string(),
    code: z.string().openapi({ example: 'NOT_FOUND' }),
  })
  .openapi('Problem')

export const healthSchema = z
  .strictObject({
    status: z.literal('ok'),
    version: z.string(),
    uptimeSeconds: z.number().nonnegative(),
    ledger: z.boolean().openapi({ description: 'Whether it keeps a copy of the ledger, under /api/ledger.' }),
  })
  .openapi('Health')

/** Counts only: who meets whom is nobody else's business. */
export const peersSchema = z.strictObject({ nodes: count, rooms: count }).openapi('Peers')

/** A room without its id, for who knows that can ask to be let in. */
const roomSchema = z.strictObject({ members: z.int().positive() }).openapi('Room')
/** Largest first. */
export const roomsSchema = z.strictObject({ rooms: z.array(roomSchema), next: nextOf(numberText) }).openapi('Rooms')
export const roomsQuery = pageQuery(numberText)

/** As `CatalogueEntry` of the node's API. `url` is relative to the page, which lies at the server's root. */
export const modelSchema = z
  .strictObject({
    id: z.string(),
    title: z.string(),
    url: z.string().openapi({ description: 'Relative to the server’s root.' }),
    origin: z.enum(['built-in', 'server']),
    sizeBytes: count,
    sha256: z.string().length(64).optional(),
    licence: z.string().optional(),
  })
  .openapi('Model')
/** In order of their files. */
export const modelsSchema = z.strictObject({ models: z.array(modelSchema), next: nextOf(nameText) }).openapi('Models')
export const modelsQuery = pageQuery(nameText, MOST_A_PAGE)

export type ServedModel = z.infer<typeof modelSchema>

const experimentSchema = z
  .strictObject({
    name: z.string(),
    title: z.string(),
    nodes: z.array(z.string()),
    arms: z.array(z.string()),
    rounds: count,
    seeds: z.array(count),
    published: z
      .strictObject({ own: z.number(), generalist: z.number(), cross: z.number().nullable(), accepted: z.number() })
      .openapi({
        description: 'What its publication reports: loss before less loss after, and the share of offers taken.',
      }),
    url: z.string().openapi({ description: 'Opens it in a tab, ready to run; relative to the server’s root.' }),
  })
  .openapi('Experiment')
/** What this version can run, in the order of the publication. */
export const experimentsSchema = z
  .strictObject({ experiments: z.array(experimentSchema), next: nextOf(nameText) })
  .openapi('Experiments')
export const experimentsQuery = pageQuery(nameText)

const HEX = /^[0-9a-f]{64}$/
const keySchema = z
  .string()
  .regex(HEX)
  .openapi({ example: '0'.repeat(64) })
export const authorParams = z.object({ author: keySchema.openapi({ param: { name: 'author', in: 'path' } }) })
export const authorsQuery = pageQuery(keySchema, 256)
export const entriesQuery = z.object({
  from: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
  limit: z.coerce.number().int().min(1).max(128).default(128),
})

const logPlace = z.string().regex(/^[0-9a-f]{64}\.\d{1,15}$/)
/** Terms that an author set for a genome, as its log in the copy of the ledger says. */
const genomeSchema = z
  .strictObject({
    genome: keySchema,
    author: keySchema,
    sequence: count,
    sharePpm: count,
    decayPpm: count,
    depth: count,
    at: count,
  })
  .openapi('Genome')
/** In order of author and place in the log. */
export const genomesSchema = z
  .strictObject({ genomes: z.array(genomeSchema), next: nextOf(logPlace) })
  .openapi('Genomes')
export const genomesQuery = pageQuery(logPlace)

/** An object as its bytes were signed, in base64. */
const objectSchema = z.base64()
const signedHeadSchema = z.strictObject({ head: objectSchema, signature: objectSchema })

/** The head of one author's log, furthest of those that the server was shown: what it says, and the bytes that prove it. */
const ledgerHeadSchema = z.strictObject({
  author: keySchema,
  sequence: count,
  entry: keySchema,
  at: count,
  /** The author signed two logs, see /api/ledger/forks. */
  frozen: z.boolean(),
  ...signedHeadSchema.shape,
})
/** In order of the authors' keys. */
export const ledgerHeadsSchema = z
  .strictObject({ heads: z.array(ledgerHeadSchema), next: nextOf(keySchema) })
  .openapi('LedgerHeads')
export const ledgerAuthorSchema = z
  .strictObject({
    ...ledgerHeadSchema.shape,
    /** Nodes that countersigned this head. */
    witnesses: z.array(z.strictObject({ witness: keySchema, seen: objectSchema, signature: objectSchema })),
  })
  .openapi('LedgerAuthor')
/** Entries from `from` on, without gaps. */
export const ledgerEntriesSchema = z
  .strictObject({
    from: count,
    entries: z.array(objectSchema),
    head: signedHeadSchema,
    more: z.boolean(),
  })
  .openapi('LedgerEntries')
export const ledgerForksSchema = z
  .strictObject({
    forks: z.array(
      z.strictObject({
        author: keySchema,
        sequence: count,
        first: signedHeadSchema,
        second: signedHeadSchema,
        /** Where the second is further on: the entries from behind the first one's place up to it. */
        path: z.array(objectSchema).optional(),
      }),
    ),
    next: nextOf(keySchema),
  })
  .openapi('LedgerForks')
/** What became of what was sent: how many entries of that log the server keeps now. */
export const ledgerKeptSchema = z.strictObject({ kept: count.optional() }).openapi('LedgerKept')
