// An error as a plain record, for the ways out of a thread that would strip it of its code (Comlink, postMessage).

import { CentramError, errorCode, errorMessage, type ErrorCode } from '#core/errors.ts'

export interface ErrorRecord {
  readonly code: ErrorCode
  readonly message: string
  readonly stack?: string
}

export function toErrorRecord(error: unknown): ErrorRecord {
  const record = { code: errorCode(error), message: errorMessage(error) }
  return error instanceof Error && error.stack !== undefined ? { ...record, stack: error.stack } : record
}

/** The error again; its stack is where it was first thrown, in the other thread. */
export function fromErrorRecord(record: ErrorRecord): CentramError {
  const error = new CentramError(record.code, record.message)
  if (record.stack !== undefined) error.stack = record.stack
  return error
}
