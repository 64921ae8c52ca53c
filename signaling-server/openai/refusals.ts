// Errors as OpenAI's API words them, so that a client's own handling (retries, messages) does the right thing.

import { errorCode, errorMessage, type ErrorCode } from '#core/errors.ts'
import type { z } from 'zod'

export interface Refusal {
  readonly status: 400 | 401 | 404 | 405 | 413 | 429 | 500 | 503
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string | null
  }
}

const KINDS: Partial<Record<ErrorCode, readonly [status: Refusal['status'], type: string, code: string | null]>> = {
  BAD_ARGUMENT: [400, 'invalid_request_error', null],
  NOT_OFFERED: [400, 'invalid_request_error', 'not_offered'],
  MODEL_UNSUPPORTED: [400, 'invalid_request_error', null],
  MODEL_MISMATCH: [400, 'invalid_request_error', null],
  CONTEXT_FULL: [400, 'invalid_request_error', 'context_length_exceeded'],
  MODEL_UNKNOWN: [404, 'invalid_request_error', 'model_not_found'],
  PEER_REFUSED: [401, 'authentication_error', 'invalid_api_key'],
  FRAME_TOO_LARGE: [413, 'invalid_request_error', 'request_too_large'],
  RATE_LIMITED: [429, 'rate_limit_error', 'rate_limit_exceeded'],
  NO_CAPACITY: [503, 'overloaded_error', 'overloaded'],
  PEER_LEFT: [503, 'server_error', 'door_closed'],
  SERVER_UNREACHABLE: [503, 'server_error', 'door_closed'],
  CANCELLED: [503, 'server_error', 'ended'],
}

export function refusalOf(error: unknown, param: string | null = null): Refusal {
  const [status, type, code] = KINDS[errorCode(error)] ?? [500, 'server_error', errorCode(error).toLowerCase()]
  return { status, error: { message: errorMessage(error), type, param, code } }
}

/** Of a request that its schema refused: the first thing wrong with it. */
export function refusalOfRequest({ issues }: z.ZodError): Refusal {
  const [issue] = issues
  const param = issue?.path.join('.') ?? ''
  const message = param === '' ? 'The body is a JSON object.' : `“${param}” ${wordsOf(issue?.message ?? '')}.`
  return { status: 400, error: { message, type: 'invalid_request_error', param: param || null, code: null } }
}

/** Our own messages go on from the name; those of the schema library stand alone. */
const wordsOf = (message: string) => (/^[A-Z]/.test(message) ? `is wrong: ${message}` : message)
