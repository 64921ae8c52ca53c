// Refusals of the REST API as RFC 9457 problems: a code for programs, and a sentence that says what to do.

import type { Context } from 'hono'
import { problemSchema } from '../api.ts'

export type ProblemStatus = 400 | 403 | 404 | 405 | 409 | 413 | 429 | 500 | 507

export const PROBLEM_TYPE = 'application/problem+json'

const TITLES: Readonly<Record<ProblemStatus, string>> = {
  400: 'The request cannot be read',
  403: 'Not allowed',
  404: 'Not here',
  405: 'Not with this method',
  409: 'It contradicts what is kept',
  413: 'Too large',
  429: 'Too often',
  500: 'The server failed',
  507: 'No room left',
}

export interface Refusal {
  readonly status: ProblemStatus
  readonly code: string
  readonly detail: string
  readonly headers?: Readonly<Record<string, string>>
}

export function respondWithProblem(context: Context, { status, code, detail, headers }: Refusal): Response {
  const problem = problemSchema.parse({ type: `/api/docs#${code}`, title: TITLES[status], status, detail, code })
  return context.body(JSON.stringify(problem), status, {
    'Cache-Control': 'no-store',
    ...headers,
    'Content-Type': PROBLEM_TYPE,
  })
}

/** The part of an operation's description that names the problems it may answer with. */
export function documentedProblems(...statuses: readonly ProblemStatus[]) {
  const content = { [PROBLEM_TYPE]: { schema: problemSchema } }
  const common: readonly ProblemStatus[] = [400, 403, 429]
  return Object.fromEntries(
    [...common, ...statuses].map((status) => [status, { description: TITLES[status], content }]),
  )
}
