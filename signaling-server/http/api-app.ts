// What the parts of the REST API share: requests are checked by their schemas, and whatever is refused is an RFC 9457 problem.

import type { HttpBindings } from '@hono/node-server'
import { OpenAPIHono } from '@hono/zod-openapi'
import { CentramError, type ErrorCode } from '#core/errors.ts'
import { HTTPException } from 'hono/http-exception'
import { respondWithProblem, type ProblemStatus } from './problem.ts'

export type ApiEnvironment = { Bindings: HttpBindings }

const STATUS: Partial<Record<ErrorCode, ProblemStatus>> = {
  SIGNATURE_INVALID: 403,
  KEY_REVOKED: 409,
  FRAME_TOO_LARGE: 413,
  RATE_LIMITED: 429,
  NO_CAPACITY: 507,
}

/** `headers` go with every refusal of a request that cannot be read. */
export function createApi(headers: Readonly<Record<string, string>> = {}): OpenAPIHono<ApiEnvironment> {
  const app = new OpenAPIHono<ApiEnvironment>({
    defaultHook(result, context) {
      if (result.success) return undefined
      const [issue] = result.error.issues
      const place = issue?.path.join('.') ?? ''
      const detail = `\`${place}\` cannot be read: ${issue?.message ?? 'it does not fit'}. /api/docs says what it may be.`
      return respondWithProblem(context, { status: 400, code: 'BAD_ARGUMENT', detail, headers })
    },
  })
  app.onError((error, context) => {
    if (error instanceof HTTPException) return error.getResponse()
    if (error instanceof CentramError) {
      const { code, message: detail } = error
      return respondWithProblem(context, { status: STATUS[code] ?? 400, code, detail, headers })
    }
    console.error(`${context.req.method} ${context.req.path}:`, error)
    const detail = 'The server failed to answer; its log says why.'
    return respondWithProblem(context, { status: 500, code: 'INTERNAL', detail, headers })
  })
  return app
}
