// OpenAI's API under /v1, by which any program that speaks it uses the swarm: an API key leads to the node that made it, and that
// node computes the answers, alone or with its room.

import { randomInt, randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import { utf8 } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { MOST_TOKENS, type DoorAsk } from '#core/door/messages.ts'
import { CentramError } from '#core/errors.ts'
import type { SamplingOptions } from '#core/sampling/sampler.ts'
import type { Rate } from '#core/protocol/rates.ts'
import { Hono, type Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { z } from 'zod'
import type { Door, Doors } from '../door/doors.ts'
import { createAddressLimit } from '../http/address-limit.ts'
import { answerChoices, chatAnswer, textAnswer, type AnswerForm } from './answers.ts'
import { refusalOf, refusalOfRequest, type Refusal } from './refusals.ts'
import { chatSchema, completionSchema, embeddingSchema, MOST_CHOICES, type Sampled } from './schemas.ts'

export interface OpenAiOptions {
  readonly doors: Pick<Doors, 'find'>
  /** Whose request it is, for its rate. */
  readonly addressOf: (request: IncomingMessage) => string
  readonly now: () => number
  /** Milliseconds since 1970. */
  readonly wallTime: () => number
  /** Requests of one address, and those of them whose key opens no door. */
  readonly rate?: Rate
  readonly wrongKeyRate?: Rate
}

/** Pages of any origin may ask: a request carries its own key and nothing of the browser's. */
const HEADERS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Methods': 'GET, POST, OPTIONS',
  'Access-Control-Allow-Headers': 'Authorization, *',
  'Access-Control-Max-Age': '86400',
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Cache-Control': 'no-store',
}
const MAX_BODY = 1024 * 1024
const RATE: Rate = { perSecond: 50, burst: 500 }
const WRONG_KEY_RATE: Rate = { perSecond: 0.5, burst: 20 }
/** Nodes pass on seeds of 32 bits. */
const SEEDS = 2 ** 32
/** What OpenAI's API gives a completion that names no number. */
const COMPLETION_TOKENS = 16

interface Admitted {
  readonly key: Uint8Array
  readonly door: Door
}
type Environment = { Bindings: HttpBindings; Variables: { admitted: Admitted } }

export function createOpenAiRoutes(options: OpenAiOptions): Hono<Environment> {
  const { doors, now, wallTime } = options
  const app = new Hono<Environment>()
  const takeRequest = createAddressLimit(options.rate ?? RATE, now)
  const takeWrongKey = createAddressLimit(options.wrongKeyRate ?? WRONG_KEY_RATE, now)

  app.use(async (context, next) => {
    await next()
    for (const [name, value] of Object.entries(HEADERS)) context.res.headers.set(name, value)
  })
  app.options('/*', () => new Response(null, { status: 204 }))
  app.use(async (context, next) => {
    const address = options.addressOf(context.env.incoming)
    if (!takeRequest(address)) return refuse(context, tooMuch('This address asks too often.'))
    const key = /^Bearer (\S{1,256})$/i.exec(context.req.header('Authorization') ?? '')?.[1]
    const hash = key === undefined ? undefined : sha256(utf8(key))
    const door = hash && doors.find(hash)
    if (!hash || door === undefined) {
      if (!takeWrongKey(address)) return refuse(context, tooMuch('This address showed too many wrong keys.'))
      const message =
        key === undefined
          ? 'Give the API key that a node made for its door, as “Authorization: Bearer ck-…”.'
          : 'No node that is a door of this server made that API key, or it has not been here since the server was started.'
      return refuse(context, refusalOf(new CentramError('PEER_REFUSED', message)))
    }
    if (door === 'closed') {
      const message = 'The node that made this API key is away: its tab is closed, or its door was shut.'
      return refuse(context, refusalOf(new CentramError('PEER_LEFT', message)))
    }
    context.set('admitted', { key: hash, door })
    await next()
  })
  const limit = bodyLimit({
    maxSize: MAX_BODY,
    onError(context) {
      // What was not read of it is still on its way: the connection is of no use to another request.
      context.header('Connection', 'close')
      return refuse(context, refusalOf(new CentramError('FRAME_TOO_LARGE', `A request has ${MAX_BODY} bytes at most.`)))
    },
  })

  const describe = ({ id, openedAt }: Door, name: string) => ({
    id: name,
    object: 'model',
    created: Math.floor(openedAt / 1000),
    owned_by: `node-${id.slice(0, 16)}`,
  })
  app.get('/models', (context) => {
    const { door } = context.get('admitted')
    return context.json({ object: 'list', data: door.models.map(({ name }) => describe(door, name)) })
  })
  app.get('/models/:name{.+}', (context) => {
    const { door } = context.get('admitted')
    const name = context.req.param('name')
    if (door.models.some((model) => model.name === name)) return context.json(describe(door, name))
    return refuse(context, refusalOf(unknownModel(door, name), 'model'))
  })

  app.post('/chat/completions', limit, async (context) => {
    const request = await read(context, chatSchema)
    if (request instanceof Response) return request
    const { messages, max_tokens, max_completion_tokens = max_tokens ?? MOST_TOKENS } = request
    const plain = messages.map(({ role, content }) => ({ role, content }))
    return answer(context, chatAnswer, request, [{ messages: plain }], max_completion_tokens)
  })

  app.post('/completions', limit, async (context) => {
    const request = await read(context, completionSchema)
    if (request instanceof Response) return request
    const prompts = request.prompt.map((text) => ({ text }))
    return answer(context, textAnswer, request, prompts, request.max_tokens ?? COMPLETION_TOKENS)
  })

  app.post('/embeddings', limit, async (context) => {
    const request = await read(context, embeddingSchema)
    if (request instanceof Response) return request
    const { key, door } = context.get('admitted')
    const { model, input, encoding_format } = request
    if (!door.models.some(({ name }) => name === model))
      return refuse(context, refusalOf(unknownModel(door, model), 'model'))
    const vectors: Uint8Array[] = []
    const asked = door.ask(
      { type: 'embed', key, model, inputs: input },
      { onVector: (index, values) => void (vectors[index] = values) },
    )
    context.env.outgoing.once('close', asked.cancel)
    try {
      const { finish, usage } = await asked.done
      if (finish !== 'stop' || input.some((_, index) => !vectors[index])) {
        throw new CentramError('CANCELLED', 'The node ended before all embeddings were computed.')
      }
      const data = vectors.map((values, index) => ({
        object: 'embedding',
        index,
        embedding: encoding_format === 'base64' ? Buffer.from(values).toString('base64') : floatsOf(values),
      }))
      const { promptTokens } = usage
      const used = { prompt_tokens: promptTokens, total_tokens: promptTokens }
      return context.json({ object: 'list', data, model, usage: used })
    } catch (error) {
      return refuse(context, refusalOf(error))
    }
  })

  app.all('/*', (context) => {
    const message = `There is no ${context.req.method} ${context.req.path} here. docs/openai.md lists what there is.`
    return refuse(context, {
      status: 404,
      error: { message, type: 'invalid_request_error', param: null, code: 'unknown_url' },
    })
  })
  app.onError((error, context) => {
    console.error(`${context.req.method} ${context.req.path}:`, error)
    return refuse(context, refusalOf(new CentramError('INTERNAL', 'The server failed to answer; its log says why.')))
  })

  async function answer(
    context: Context<Environment>,
    form: AnswerForm,
    request: Sampled & { readonly model: string },
    prompts: readonly DoorAsk['prompt'][],
    maxTokens: number,
  ): Promise<Response> {
    const { key, door } = context.get('admitted')
    const { model, n = 1, stop = [], seed = randomInt(SEEDS) } = request
    if (!door.models.some(({ name }) => name === model))
      return refuse(context, refusalOf(unknownModel(door, model), 'model'))
    const questions = prompts.flatMap((prompt) =>
      Array.from({ length: n }, (_, choice) => ({
        type: 'ask' as const,
        key,
        model,
        prompt,
        maxTokens,
        // Choices of one question differ, and are the same again with the same seed.
        sampling: samplingOf(request, (Math.abs(seed) + choice) % SEEDS),
        stop,
      })),
    )
    if (questions.length > MOST_CHOICES) {
      return refuse(
        context,
        refusalOf(new CentramError('BAD_ARGUMENT', `Ask for ${MOST_CHOICES} answers at once at most.`), 'n'),
      )
    }
    const about = { id: `${form.prefix}-${randomUUID()}`, created: Math.floor(wallTime() / 1000), model }
    const isStreamed = request.stream === true
    const withUsage = request.stream_options?.include_usage === true
    const onClosed = (listener: () => void) => void context.env.outgoing.once('close', listener)
    const answered = await answerChoices(door, questions, form, about, { isStreamed, withUsage, onClosed })
    if ('error' in answered) return refuse(context, answered)
    if (answered instanceof ReadableStream) {
      return context.body(answered, 200, {
        'Content-Type': 'text/event-stream; charset=utf-8',
        'X-Accel-Buffering': 'no',
      })
    }
    return context.json(answered)
  }

  return app
}

function samplingOf(request: Sampled, seed: number): SamplingOptions {
  const { top_k, min_p, repetition_penalty } = request
  return {
    temperature: request.temperature ?? 1,
    ...(request.top_p !== undefined && { topP: request.top_p }),
    ...(top_k !== undefined && { topK: top_k }),
    ...(min_p !== undefined && { minP: min_p }),
    ...(repetition_penalty !== undefined && { repetitionPenalty: repetition_penalty }),
    seed,
  }
}

/** What the body says, or the answer that says what is wrong with it. */
async function read<Schema extends z.ZodType>(
  context: Context<Environment>,
  schema: Schema,
): Promise<z.output<Schema> | Response> {
  const body: unknown = await context.req.json().catch(() => undefined)
  const parsed = schema.safeParse(body)
  return parsed.success ? parsed.data : refuse(context, refusalOfRequest(parsed.error))
}

function refuse(context: Context, { status, error }: Refusal): Response {
  return context.json({ error }, status)
}

function unknownModel(door: Door, name: string): CentramError {
  const names = door.models.map((model) => model.name)
  const offer =
    names.length === 0
      ? 'It answers with none at the moment: load one on its page.'
      : `It answers with ${names.slice(0, 8).join(', ')}.`
  return new CentramError('MODEL_UNKNOWN', `The node has no model “${name}” ready. ${offer}`)
}

const tooMuch = (what: string) => refusalOf(new CentramError('RATE_LIMITED', `${what} Try again later.`))

function floatsOf(values: Uint8Array): number[] {
  return [...new Float32Array(values.slice().buffer)]
}
