// The REST API against its own document: requests drawn from the schemas, from their edges and from outside them never end in
// a 500, nor in a status, a content type or a body that /api/openapi.json does not name.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { encodeCanonical } from '#core/crypto/canonical.ts'
import { plainVerifier } from '#core/crypto/identity.ts'
import { createLedgerCopy } from '../../signaling-server/ledger/copy.ts'
import { openLedgerDatabase } from '../../signaling-server/ledger/database.ts'
import { silentSignalling, startLoopback, type Loopback } from './loopback.ts'

type Json = Record<string, unknown>
interface Operation {
  readonly method: string
  readonly template: string
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: Json }[]
  readonly hasBody: boolean
  readonly responses: Record<string, { readonly content?: Record<string, { readonly schema: Json }> }>
}

const RUNS = 25
const FAST = { perSecond: 1e6, burst: 1e6 }

let folder: string
let server: Loopback
let operations: readonly Operation[]
let components: Json

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'centram-fuzz-'))
  const database = openLedgerDatabase(join(folder, 'copy.sqlite'))
  const copy = createLedgerCopy(database, plainVerifier)
  server = await startLoopback({
    signalling: { ...silentSignalling({ nodes: 5, rooms: 3 }), roomSizes: () => [3, 1, 1] },
    ledger: { copy, addressOf: () => 'here', now: () => performance.now(), rate: FAST, close: database.close },
    apiRate: FAST,
  })
  const document = (await (await fetch(`${server.origin}/api/openapi.json`)).json()) as Json & { openapi: string }
  expect(document.openapi).toBe('3.1.0')
  components = document['components'] as Json
  operations = Object.entries(document['paths'] as Record<string, Record<string, Json>>).flatMap(([template, item]) =>
    Object.entries(item).map(([method, { parameters = [], requestBody, responses }]) => ({
      method: method.toUpperCase(),
      template: `/api${template}`,
      parameters: parameters as Operation['parameters'],
      hasBody: requestBody !== undefined,
      responses: responses as Operation['responses'],
    })),
  )
})
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('', '0', '-1', '1.5', '1e999', 'NaN', 'null', '%', '%00', '../..', 'a'.repeat(5000), '0'.repeat(64)),
  fc.constantFrom('9007199254740993', '[]', '{}', '%ff%fe', "' OR 1=1 --", '\u202e', '__proto__'),
)

/** Values that the schema allows, at its edges too. */
function fitting({ pattern, minimum, maximum, type }: Json): fc.Arbitrary<string> {
  if (type === 'integer') {
    const [least, most] = [Number(minimum ?? 0), Number(maximum ?? 2 ** 31)]
    return fc.oneof(fc.constantFrom(least, most), fc.integer({ min: least, max: Math.min(most, 2 ** 31) })).map(String)
  }
  if (typeof pattern === 'string') return fc.stringMatching(new RegExp(pattern))
  return fc.string({ minLength: 1, maxLength: 60 })
}

const valueFor = (schema: Json) => fc.oneof({ weight: 2, arbitrary: fitting(schema) }, hostile)

function requestFor({ template, parameters, hasBody, method }: Operation) {
  const path = parameters.filter((each) => each.in === 'path')
  const query = parameters.filter((each) => each.in === 'query')
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.object({ maxDepth: 3 }).map((value) => tryEncode(value)),
    fc.constant(new Uint8Array(0)),
    fc
      .record({ first: signed, second: signed, entries: fc.array(fc.uint8Array({ maxLength: 40 })), head: signed })
      .map(({ first, second, entries, head }) =>
        tryEncode({
          request: 0,
          entries,
          head,
          more: false,
          first,
          second,
          seen: head.head,
          signature: head.signature,
        }),
      ),
  )
  return fc
    .record({
      path: fc.tuple(...path.map(({ schema }) => valueFor(schema))),
      query: fc.tuple(...query.map(({ schema }) => fc.array(valueFor(schema), { maxLength: 2 }))),
      extra: fc.option(fc.tuple(fc.string({ maxLength: 10 }), hostile)),
      body: hasBody ? bodies : fc.constant(null),
    })
    .map((drawn) => {
      let url = template
      path.forEach(
        ({ name }, i) => (url = url.replace(`{${name}}`, encodeURIComponent(wellFormed(drawn.path[i] ?? '')))),
      )
      const search = new URLSearchParams()
      query.forEach(({ name }, i) => drawn.query[i]?.forEach((value) => search.append(name, wellFormed(value))))
      if (drawn.extra) search.append(wellFormed(drawn.extra[0]), wellFormed(drawn.extra[1]))
      return {
        url: `${url}?${search.toString()}`,
        init: { method, ...(drawn.body && { body: drawn.body as BodyInit }) },
      }
    })
}

const signed = fc.record({
  head: fc.uint8Array({ maxLength: 90 }),
  signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
})

function tryEncode(value: unknown): Uint8Array {
  try {
    return encodeCanonical(value)
  } catch {
    return new Uint8Array([0xff])
  }
}

/** Lone surrogates have no place in an address. */
const wellFormed = (text: string) => text.replaceAll(/[\ud800-\udfff]/gu, '')

/** With references in place of which stands what they name, as a schema that checks. */
function checkerOf(schema: Json): z.ZodType {
  const inline = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(inline)
    if (typeof value !== 'object' || value === null) return value
    const { $ref, ...rest } = value as Json
    if (typeof $ref !== 'string')
      return Object.fromEntries(Object.entries(rest).map(([key, each]) => [key, inline(each)]))
    const [, , , group = '', name = ''] = ['', ...$ref.split('/')]
    return inline((components[group] as Json)[name])
  }
  return z.fromJSONSchema(inline(schema) as Parameters<typeof z.fromJSONSchema>[0])
}

test('the document names every part that the server is to tell of', () => {
  expect(operations.map(({ method, template }) => `${method} ${template}`).sort()).toEqual([
    'GET /api/experiments',
    'GET /api/genomes',
    'GET /api/health',
    'GET /api/ledger/forks',
    'GET /api/ledger/heads',
    'GET /api/ledger/heads/{author}',
    'GET /api/ledger/{author}/entries',
    'GET /api/metrics',
    'GET /api/models',
    'GET /api/peers',
    'GET /api/rooms',
    'POST /api/ledger/entries',
    'POST /api/ledger/forks',
    'POST /api/ledger/witnesses',
  ])
})

test('nothing that can be asked ends in a 500, or in an answer that is not documented', async () => {
  const seen = new Set<string>()
  for (const operation of operations) {
    const { method, template, responses } = operation
    const checkers = new Map<string, z.ZodType>()
    await fc.assert(
      fc.asyncProperty(requestFor(operation), async ({ url, init }) => {
        const response = await fetch(server.origin + url, init)
        const answer = responses[response.status]
        const text = await response.text()
        const what = `${method} ${url} → ${response.status} ${text.slice(0, 200)}`
        // An empty part of the path names another address.
        const isElsewhere = !matches(template, new URL(response.url).pathname)
        if (isElsewhere && [404, 405].includes(response.status)) return
        expect(answer, what).toBeDefined()
        const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? ''
        const content = answer?.content?.[type]
        expect(content, `${what}: ${type}`).toBeDefined()
        if (type.endsWith('json')) {
          const key = `${response.status} ${type}`
          checkers.set(key, checkers.get(key) ?? checkerOf(content!.schema))
          checkers.get(key)!.parse(JSON.parse(text))
        }
        seen.add(`${method} ${template} ${response.status}`)
      }),
      { numRuns: RUNS, seed: 9740 },
    )
  }
  // The draws reach what they are meant to: answers, and refusals of what does not fit.
  for (const { method, template, parameters } of operations) {
    const isRead = method === 'GET' && !template.includes('{')
    if (isRead) expect(seen).toContain(`${method} ${template} 200`)
    if (parameters.length > 0 || method === 'POST') expect(seen).toContain(`${method} ${template} 400`)
  }
})

function matches(template: string, path: string): boolean {
  const [wanted, given] = [template.split('/'), path.split('/')]
  return (
    wanted.length === given.length &&
    wanted.every((part, i) => part === given[i] || (part.startsWith('{') && given[i] !== ''))
  )
}
